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
from typing import TYPE_CHECKING, Any, get_args, get_type_hints

if TYPE_CHECKING:
    from engine.base.clock import Clock
    from engine.base.errors import PerfLiveError, UsageError
    from engine.midi.events import Event
    from engine.performers.protocol import Performer, PerformerStream
    from engine.performers.setup import Setup
    from engine.runtime.loop import Report
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
    from engine.performers import registry

    return registry.load_performer(name, None if model is None else Path(model), lookahead)


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
    model: Named | None = None,
    sound: "SoundOptions | None" = None,
    score: "ScoreOptions | None" = None,
) -> "Report":
    """Perform a file to files, as ``perf-render`` does, byte for byte.

    input: a MIDI file or a score (MusicXML, MEI, Humdrum), or None to improvise for ``request={"seconds": 60}``.
    output: one or more files: ``.mid``, ``.wav`` or ``.png``.
    performer: a name of ``list_performers``; by default ``dexter`` for scores, ``velocity`` for MIDI files.
    controls: values by control, as ``--set`` takes them.
    request: what else is asked of the performer, by name: ``{"transfer": "hers.mid"}``, ``{"direct": ["crescendo:bars=9-16"]}``.
    exclude: channels to leave alone, 1 to 16.
    sound, score: how ``.wav`` files sound; how a score is read and written.

    Returns a report: how many notes were performed. Raises UsageError for a wrong call, PerfLiveError for a file that cannot be read or
    written; then no file is left behind.
    """
    from engine.performers.setup import Wanted, choose_system, settings_of

    asked = _as_paths(dict(request or {}))
    source = None if input is None else Path(input)
    wanted = Wanted(
        choose_system(performer, _kind_of(source), asked),
        seed,
        settings_of(_improvised(asked) | dict(controls or {}) if source is None else controls or {}),
        (),
        frozenset(channel - 1 for channel in exclude),
        None if model is None else Path(model),
        lookahead,
        asked,
    )
    outputs = [Path(output)] if isinstance(output, str | PathLike) else [Path(each) for each in output]
    return _render(wanted.check().load(), source, outputs, sound, score)


def _kind_of(source: Path | None) -> "Kind":
    """Return what is played of a file: a MIDI file is notes, though some performers play it as a score."""
    from engine.output.file_sinks import MIDI_SUFFIXES
    from engine.systems import Kind

    return Kind.IMPROVISES if source is None else Kind.NOTES if source.suffix.lower() in MIDI_SUFFIXES else Kind.SCORES


def _improvised(asked: Mapping[str, Any]) -> dict[str, float]:
    """Return the controls of an improvisation. While its primer lasts it only listens, however long the rests are."""
    from engine.base.errors import UsageError

    if "seconds" not in asked:
        raise UsageError('nothing to perform: give an input, or request={"seconds": 60} to improvise')
    return {"seconds": asked["seconds"], "pause": 0}


def _render(
    setup: "Setup", source: Path | None, outputs: Sequence[Path], sound: "SoundOptions | None", score: "ScoreOptions | None"
) -> "Report":
    from engine.midi.file import read_midi_file
    from engine.session import read_primer, render_score, render_take, render_takes
    from engine.systems import Kind

    if source is None:
        improvisation: Any = setup.request
        name, primer = (improvisation.primer or Path("improvisation")).stem, read_primer(improvisation.primer)
        if improvisation.together:
            return render_takes(setup, primer, [outputs], name, sound)[0]
        return render_take(setup, primer, outputs, name, sound)
    if setup.performer.plays is Kind.SCORES:
        return render_score(setup, source, outputs, score, sound)
    return render_take(setup, read_midi_file(source), outputs, source.stem, sound)


def play(
    input: Named | None,
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
    model: Named | None = None,
    record: Named | None = None,
    virtual: str | None = None,
    api: str | None = None,
    sound: "SoundOptions | None" = None,
) -> "Report":
    """Play from a port or a file to ports, files and the sound card, as ``perf-live`` does, until the input ends or Ctrl-C is pressed.

    input: a part of a port's name, or a MIDI file; None with a ``score``, or with ``virtual``, the name of a port to open.
    output: one or more of: a part of a port's name, ``audio``, ``neural``, a ``.mid`` or ``.wav`` file.
    controllers: controls by number of the MIDI controller that moves them.
    record: a MIDI file that keeps what is sent, and survives a crash.

    The others as of ``render``. Raises UsageError, PerfLiveError. Whatever ends it, every sounding note is released.
    """
    from engine.base.clock import MonotonicClock, VirtualClock
    from engine.output.endpoints import Endpoints, check_reachable
    from engine.performers.setup import Wanted, choose_system, settings_of
    from engine.session import guarded_by_ports, open_live
    from engine.systems import Kind

    outputs = (output,) if isinstance(output, str | PathLike) else tuple(output)
    asked = _as_paths(dict(request or {}))
    ends = Endpoints(
        None if input is None else str(input),
        tuple(map(str, outputs)),
        None if record is None else Path(record),
        virtual,
        api,
        sound,
        None if score is None else Path(score),
    )
    ends.check()
    wanted = Wanted(
        choose_system(performer, Kind.NOTES if score is None else Kind.SCORES, asked),
        seed,
        settings_of(controls or {}),
        [f"{number}={name}" for number, name in (controllers or {}).items()],
        frozenset(channel - 1 for channel in exclude),
        None if model is None else Path(model),
        lookahead,
        asked,
    ).check()
    check_reachable(ends)
    clock: Clock = VirtualClock() if ends.all_files else MonotonicClock()
    session, opened = open_live(wanted.load(), ends, clock)
    with guarded_by_ports(session, opened):
        return session.run()


def _as_paths(asked: dict[str, Any]) -> dict[str, Any]:
    """Return requests with names of files as paths, and lists as what they are kept as."""
    from engine.systems import performers

    hints = {name: hint for system in performers().values() for name, hint in get_type_hints(system.request).items()}
    files = [name for name, hint in hints.items() if Path in get_args(hint)]
    return asked | {name: Path(asked[name]) for name in files if asked.get(name) is not None} | _tuples(asked)


def _tuples(asked: dict[str, Any]) -> dict[str, Any]:
    return {name: tuple(value) for name, value in asked.items() if isinstance(value, list)}
