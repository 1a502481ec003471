"""perf-live: notes in, a performance out.

    import engine

    engine.render("piece.musicxml", "piece.mid", performer="dexter", seed=7)
    engine.play("Keyboard", "Module", performer="velocity")

``list_performers`` says who there is, ``load_performer`` loads one for streams of one's own. The runtime never imports torch and opens no
network connection. Importing this package imports nothing heavy: names are looked up when they are used.
"""

from collections.abc import Mapping, Sequence
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from engine.base.clock import Clock
    from engine.base.errors import PerfLiveError, UsageError
    from engine.midi.events import Event
    from engine.midi.routing import Routing
    from engine.output.endpoints import Endpoints
    from engine.performers.protocol import Performer, PerformerStream
    from engine.performers.setup import Setup, Wanted
    from engine.runtime.report import Report
    from engine.session import ScoreOptions
    from engine.sound.options import SoundOptions
    from engine.systems import Kind, Request, System

__all__ = [
    "Event",
    "Kind",
    "PerfLiveError",
    "Performer",
    "PerformerStream",
    "Report",
    "Request",
    "ScoreOptions",
    "SoundOptions",
    "System",
    "UsageError",
    "list_performers",
    "load_performer",
    "play",
    "render",
]

_HOMES = {
    "Event": "engine.midi.events",
    "Kind": "engine.systems",
    "PerfLiveError": "engine.base.errors",
    "Performer": "engine.performers.protocol",
    "PerformerStream": "engine.performers.protocol",
    "Report": "engine.runtime.loop",
    "Request": "engine.systems",
    "ScoreOptions": "engine.session",
    "SoundOptions": "engine.sound.options",
    "System": "engine.systems",
    "UsageError": "engine.base.errors",
}


def __getattr__(name: str) -> Any:
    """Import a public name when it is first used."""
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(_HOMES[name]), name)


Named = str | PathLike[str]


def list_performers() -> "list[System]":
    """Return the performers, in order of name: each has a ``name``, a ``summary``, and ``plays``, what it can play."""
    from engine.systems import performers

    return list(performers().values())


def load_performer(name: str, model: Named | None = None, lookahead: float | None = None) -> "Performer":
    """Return the performer called ``name``, for streams of one's own: ``performer.perform(None, Request(), {}, seed, live)``.

    model: an ONNX file or a folder of them, in place of those that ship.
    lookahead: seconds that everything is delayed by so that what follows is known.

    Raises UsageError for an unknown name, PerfLiveError for a model that is refused.
    """
    from engine.base.arguments import path_of
    from engine.performers import registry

    return registry.load_performer(name, None if model is None else path_of("model", model), lookahead)


def render(
    input: Named | None,
    output: Named | Sequence[Named],
    performer: str | None = None,
    *,
    seed: int = 0,
    controls: Mapping[str, float | str] | None = None,
    request: Mapping[str, Any] | None = None,
    lookahead: float | None = None,
    exclude: Sequence[int] = (),
    tracks: Sequence[str] = (),
    exclude_tracks: Sequence[str] = (),
    keyswitches: str | None = None,
    drums: bool | str = True,
    kit: Named | None = None,
    mpe: bool = False,
    model: Named | None = None,
    sound: "SoundOptions | None" = None,
    score: "ScoreOptions | None" = None,
) -> "Report":
    """Perform a file to files, as ``perf-render`` does, byte for byte.

    input: a MIDI file or a score (MusicXML, MEI, Humdrum), or None to improvise for ``request={"seconds": 60}``.
    output: one or more files: ``.mid``, ``.wav``, ``.png`` or ``.html``.
    performer: a name of ``list_performers``; by default ``dexter`` for scores, ``velocity`` for MIDI files.
    controls: values by control, as ``--set`` takes them.
    request: what else is asked of the performer, by name: ``{"transfer": "hers.mid"}``, ``{"direct": ["crescendo:bars=9-16"]}``.
    exclude: channels to leave alone, 1 to 16. What is left alone goes out as it is written.
    tracks, exclude_tracks: the only tracks (or parts of a score) to perform, and those to leave alone, by name or by number from 1.
    keyswitches: keys that switch a sampler's sounds and are left alone, as in ``"C-1-B0,C7"``; C4 is middle C, 60.
    drums: whether channel 10 is drums, which are left alone; "perform" lets a drummer perform them. kit: a YAML file with the drum of each
    key of a kit whose keys are not General MIDI's. mpe: all channels are one MPE instrument that does not say so itself.
    sound, score: how ``.wav`` and ``.html`` files sound; how a score is read and written.

    Returns a report: how many notes were performed. Raises UsageError for a wrong call, PerfLiveError for a file that cannot be read or
    written; then no file is left behind.
    """
    from engine.base.arguments import names_of, path_of
    from engine.output.file_sinks import check_collisions, check_outputs

    source = None if input is None else path_of("input", input)
    outputs = [Path(name) for name in names_of("output", output)]
    check_outputs(outputs)
    routing = _routing(exclude, tracks, exclude_tracks, keyswitches, drums, kit, mpe)
    wanted = _wanted(_kind_of(source), performer, seed, controls, {}, request, lookahead, routing, model)
    sound, score = _checked_sound(sound, outputs), _checked_score(score, source, outputs, wanted)
    check_collisions([(source, outputs)], [*wanted.files(), *([score.beside] if score and score.beside else [])])
    return _render(wanted.load(), source, outputs, sound, score)


def _kind_of(source: Path | None) -> "Kind":
    """Return what is played of a file: a MIDI file is notes, though some performers play it as a score."""
    from engine.base.files import MIDI_SUFFIXES
    from engine.systems import Kind

    return Kind.IMPROVISES if source is None else Kind.NOTES if source.suffix.lower() in MIDI_SUFFIXES else Kind.SCORES


def _wanted(
    kind: "Kind",
    performer: str | None,
    seed: int,
    controls: Mapping[str, float | str] | None,
    controllers: Mapping[int, str] | None,
    request: Mapping[str, Any] | None,
    lookahead: float | None,
    routing: "Routing",
    model: Named | None,
) -> "Wanted":
    """Return what a caller wants for material of ``kind``, checked. Raises UsageError, PerfLiveError."""
    from engine.base.arguments import mapping_of, path_of
    from engine.performers.setup import Wanted, choose_system, improvisation_settings, settings_of
    from engine.systems import Kind

    asked = mapping_of("request", request, '{"deadpan": True}')
    settings = settings_of(mapping_of("controls", controls, '{"strength": 0.5}'))
    system = choose_system(performer, kind, asked)
    if kind is Kind.IMPROVISES:
        if asked.get("seconds") is None:
            raise _usage_error('nothing to perform: give an input, or request={"seconds": 60} to improvise')
        settings = [*improvisation_settings(asked["seconds"]), *settings]
    elif asked.get("seconds") is not None:
        raise _usage_error("seconds: an improvisation has no input; give it as the request's primer, or leave seconds out")
    return Wanted(
        system,
        seed,
        settings,
        [f"{number}={name}" for number, name in mapping_of("controllers", controllers, '{1: "dynamics"}').items()],
        routing,
        None if model is None else path_of("model", model),
        lookahead,
        asked,
    ).check()


def _routing(
    exclude: Sequence[int],
    tracks: Sequence[str],
    exclude_tracks: Sequence[str],
    keyswitches: str | None,
    drums: bool | str,
    kit: Named | None,
    mpe: bool,
) -> "Routing":
    """Return what a caller leaves alone, checked. Raises UsageError."""
    from engine.base.arguments import channels_of, path_of, text_of, texts_of, truth_of
    from engine.midi.percussion import read_kit
    from engine.midi.routing import Routing, parse_keys

    return Routing(
        channels_of("exclude", exclude),
        frozenset() if keyswitches is None else parse_keys(text_of("keyswitches", keyswitches)),
        texts_of("tracks", tracks, "names of tracks"),
        texts_of("exclude_tracks", exclude_tracks, "names of tracks"),
        drums == "perform" or truth_of("drums", drums),
        truth_of("mpe", mpe),
        perform_drums=drums == "perform",
        kit=() if kit is None else read_kit(path_of("kit", kit)),
    )


def _usage_error(line: str) -> "UsageError":
    from engine.base.errors import UsageError

    return UsageError(line)


def _checked_sound(sound: "SoundOptions | None", outputs: Sequence[Path]) -> "SoundOptions":
    from engine.base.arguments import instance_of
    from engine.output.file_sinks import HTML, SOUND
    from engine.sound.options import FLUIDSYNTH, SoundOptions, check_used

    is_made = any(path.suffix.lower() in (SOUND, HTML) for path in outputs)
    given = instance_of("sound", sound, SoundOptions)
    if given is not None:
        given = given.check()
    return check_used(given, [given.kind if given else FLUIDSYNTH] if is_made else [], "add an output that ends in .wav or .html")


def _checked_score(
    score: "ScoreOptions | None", source: Path | None, outputs: Sequence[Path], wanted: "Wanted"
) -> "ScoreOptions | None":
    from engine.base.arguments import instance_of
    from engine.output.file_sinks import HTML, PICTURE
    from engine.session import ScoreOptions
    from engine.systems import Kind

    given: ScoreOptions | None = instance_of("score", score, ScoreOptions)
    if given is None:
        return None
    for_scores = given != ScoreOptions(beside=given.beside)
    if source is None or (for_scores and not (wanted.plays_scores or _kind_of(source) is Kind.SCORES)):
        raise _usage_error("score: nothing is performed as a score here; leave it out, or choose a performer of scores")
    if given.beside and not any(path.suffix.lower() in (PICTURE, HTML) for path in outputs):
        raise _usage_error("beside: it is drawn in pictures and pages, and none is made; add an output that ends in .png or .html")
    return given.check()


def _render(setup: "Setup", source: Path | None, outputs: Sequence[Path], sound: "SoundOptions", score: "ScoreOptions | None") -> "Report":
    from engine.session import render_file, render_improvisations

    if source is None:
        return render_improvisations(setup, [outputs], sound)[0]
    return render_file(setup, source, outputs, score, sound)


def play(
    input: Named | Sequence[Named] | None,
    output: Named | Sequence[Named],
    performer: str | None = None,
    *,
    score: Named | None = None,
    seed: int = 0,
    controls: Mapping[str, float | str] | None = None,
    controllers: Mapping[int, str] | None = None,
    request: Mapping[str, Any] | None = None,
    lookahead: float | None = None,
    exclude: Sequence[int] = (),
    tracks: Sequence[str] = (),
    exclude_tracks: Sequence[str] = (),
    keyswitches: str | None = None,
    drums: bool | str = True,
    kit: Named | None = None,
    mpe: bool = False,
    model: Named | None = None,
    record: Named | None = None,
    virtual: str | None = None,
    api: str | None = None,
    exit_on_loss: bool = False,
    sound: "SoundOptions | None" = None,
) -> "Report":
    """Play from a port or a file to ports, files and the sound card, as ``perf-live`` does, until the input ends or Ctrl-C is pressed.

    input: a part of a port's name, or several, or a MIDI file; None with a ``score``, or with ``virtual``, the name of a port to open.
    output: one or more of: a part of a port's name, ``audio``, ``neural``, a ``.mid`` or ``.wav`` file.
    controllers: controls by number of the MIDI controller that moves them.
    record: a MIDI file that keeps what is sent, and survives a crash.
    exit_on_loss: raise when a port goes, rather than wait for it.

    The others as of ``render``. Raises UsageError, PerfLiveError. Whatever ends it, every sounding note is released.
    """
    from engine.base.clock import MonotonicClock, VirtualClock
    from engine.output.endpoints import check_reachable
    from engine.session import guarded_by_ports, open_live
    from engine.systems import Kind

    ends = _endpoints(input, output, record, virtual, api, sound, score)
    ends.check()
    routing = _routing(exclude, tracks, exclude_tracks, keyswitches, drums, kit, mpe)
    wanted = _wanted(
        Kind.NOTES if score is None else Kind.SCORES, performer, seed, controls, controllers, request, lookahead, routing, model
    )
    ends.check_written(wanted.files())
    ends.check_routing(routing)
    check_reachable(ends)
    clock: Clock = VirtualClock() if ends.all_files else MonotonicClock()
    session, opened = open_live(wanted.load(), ends, clock)
    with guarded_by_ports(session, opened, exit_on_loss):
        return session.run()


def _endpoints(
    input: Named | Sequence[Named] | None,
    output: Named | Sequence[Named],
    record: Named | None,
    virtual: str | None,
    api: str | None,
    sound: "SoundOptions | None",
    score: Named | None,
) -> "Endpoints":
    from engine.base.arguments import instance_of, names_of, path_of, text_of
    from engine.output.endpoints import Endpoints
    from engine.sound.options import SoundOptions

    given = instance_of("sound", sound, SoundOptions)
    return Endpoints(
        () if input is None else names_of("input", input),
        names_of("output", output, least=0),
        None if record is None else path_of("record", record),
        None if virtual is None else text_of("virtual", virtual),
        None if api is None else text_of("api", api),
        None if given is None else given.check(),
        None if score is None else path_of("score", score),
    )
