"""The functions of ``import engine``: what the commands do, from Python."""

from collections.abc import Mapping, Sequence
from os import PathLike
from pathlib import Path
from typing import Any, get_args, get_type_hints

from engine.base.clock import Clock, MonotonicClock, VirtualClock
from engine.base.errors import UsageError
from engine.midi.file import read_midi_file
from engine.output.endpoints import Endpoints, check_ports
from engine.output.file_sinks import MIDI_SUFFIXES
from engine.performers import registry
from engine.performers.protocol import Performer
from engine.performers.setup import Wanted, choose_system, settings_of
from engine.runtime.loop import Report
from engine.session import ScoreOptions, guarded_by_ports, open_live, read_primer, render_score, render_take, render_takes
from engine.sound.options import SoundOptions
from engine.systems import Kind, System, performers

Named = str | PathLike[str]


def list_performers() -> list[System]:
    """Return the performers, in order of name: each has a ``name``, a ``summary``, and ``plays``, what it can play."""
    return list(performers().values())


def load_performer(name: str, model: Named | None = None, lookahead: float | None = None) -> Performer:
    """Return the performer called ``name``, for streams of one's own: ``performer.perform(None, Request(), {}, seed, live)``.

    model: an ONNX file or a folder of them, in place of those that ship.
    lookahead: seconds that everything is delayed by so that what follows is known.

    Raises UsageError for an unknown name, PerfLiveError for a model that is refused.
    """
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
    sound: SoundOptions | None = None,
    score: ScoreOptions | None = None,
) -> Report:
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
    outputs = [Path(output)] if isinstance(output, str | PathLike) else [Path(each) for each in output]
    asked = _as_paths(dict(request or {}))
    controls = dict(controls or {})
    source = None if input is None else Path(input)
    if source is None:
        if "seconds" not in asked:
            raise UsageError('nothing to perform: give an input, or request={"seconds": 60} to improvise')
        controls = {"seconds": asked["seconds"], "pause": 0, **controls}
    kind = Kind.IMPROVISES if source is None else Kind.NOTES if source.suffix.lower() in MIDI_SUFFIXES else Kind.SCORES
    wanted = Wanted(
        choose_system(performer, kind, asked),
        seed,
        settings_of(controls),
        (),
        frozenset(channel - 1 for channel in exclude),
        None if model is None else Path(model),
        lookahead,
        asked,
    )
    setup = wanted.check().load()
    if setup.performer.plays is Kind.SCORES and source is not None:
        return render_score(setup, source, outputs, score, sound)
    if source is not None:
        return render_take(setup, read_midi_file(source), outputs, source.stem, sound)
    primer, improvisation = asked.get("primer"), Path("improvisation")
    if setup.request.together:  # type: ignore[attr-defined]
        return render_takes(setup, read_primer(primer), [outputs], (primer or improvisation).stem, sound)[0]
    return render_take(setup, read_primer(primer), outputs, (primer or improvisation).stem, sound)


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
    sound: SoundOptions | None = None,
) -> Report:
    """Play from a port or a file to ports, files and the sound card, as ``perf-live`` does, until the input ends or Ctrl-C is pressed.

    input: a part of a port's name, or a MIDI file; None with a ``score``, or with ``virtual``, the name of a port to open.
    output: one or more of: a part of a port's name, ``audio``, ``neural``, a ``.mid`` or ``.wav`` file.
    controllers: controls by number of the MIDI controller that moves them.
    record: a MIDI file that keeps what is sent, and survives a crash.

    The others as of ``render``. Raises UsageError, PerfLiveError. Whatever ends it, every sounding note is released.
    """
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
    check_ports(ends)
    clock: Clock = VirtualClock() if ends.all_files else MonotonicClock()
    session, opened = open_live(wanted.load(), ends, clock)
    with guarded_by_ports(session, opened):
        return session.run()


def _as_paths(asked: dict[str, Any]) -> dict[str, Any]:
    """Return requests with names of files as paths, and lists as what they are kept as."""
    hints = {name: hint for system in performers().values() for name, hint in get_type_hints(system.request).items()}
    files = [name for name, hint in hints.items() if Path in get_args(hint)]
    return asked | {name: Path(asked[name]) for name in files if asked.get(name) is not None} | _tuples(asked)


def _tuples(asked: dict[str, Any]) -> dict[str, Any]:
    return {name: tuple(value) for name, value in asked.items() if isinstance(value, list)}
