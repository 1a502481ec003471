"""The two ends of a live run: what ``--in`` and ``--out`` name, checked and opened."""

from collections.abc import Iterable
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING

from engine.base.clock import Clock
from engine.base.errors import PerfLiveError, UsageError, patiently
from engine.base.files import MIDI_SUFFIXES, NOTATION_SUFFIXES, check_readable, partial_files
from engine.base.saying import say
from engine.midi.file import MidiTimeline
from engine.midi.routing import Routing
from engine.output.file_sinks import HTML, MIDI_OUTPUTS, PICTURE, SOUND, ScoreMaterial, TakeMaterial, check_collisions
from engine.output.page_ends import PAGE, PageEnds, PageSink
from engine.runtime.isolation import IsolatedSink
from engine.runtime.recorder import Recorder, Recording
from engine.runtime.sinks import FileSink, PortSink, Sink
from engine.runtime.sources import FileSource, PortSource, Source
from engine.runtime.steering.pads import Pad
from engine.sound.options import FLUIDSYNTH, NEURAL, SoundOptions, check_used

if TYPE_CHECKING:  # the driver and the sound libraries are loaded only by who uses them
    from engine.midi.ports import InputPort, MergedInputs, OutputPort
    from engine.performers.score_playing.stream import ScoreStream
    from engine.score.piece import Piece
    from engine.sound.audio import AudioSink

AUDIO = "audio"


@dataclass(frozen=True)
class Performance:
    """A score that is about to be performed; ``path`` is its file."""

    piece: "Piece"
    stream: "ScoreStream"
    path: Path | None = None


@dataclass(frozen=True)
class Endpoints:
    """What the command line says about where events come from and go to. A name is a file by its suffix, else a port."""

    inputs: tuple[str, ...]  # one file, or any number of ports
    outputs: tuple[str, ...]
    record: Path | None
    virtual: str | None
    api: str | None
    sound: SoundOptions | None
    score: Path | None = None
    pad: Pad | None = None  # of the input ports, that gives the beat of a score
    mark: str = ""  # what MIDI files say of their having been performed
    follows: bool = False  # whether the score is an accompaniment of what is played

    @property
    def input(self) -> str | None:
        """The first input, which is the only one where it is a file."""
        return self.inputs[0] if self.inputs else None

    @property
    def input_is_file(self) -> bool:
        return self.input is not None and _suffix(self.input) in MIDI_SUFFIXES

    @property
    def all_files(self) -> bool:
        """Whether nothing here lives in real time."""
        from_file = self.input_is_file or (self.score is not None and self.input is None)
        return from_file and all(_is_output_file(name) for name in self.outputs) and not self.virtual

    @property
    def on_page(self) -> bool:
        """Whether an end is on the page, which has to be served then."""
        return PAGE in (*self.inputs, *self.outputs)

    @property
    def sounds(self) -> list[tuple[str, Path | None]]:
        """What makes sound: which kind, and into which file, None for the sound card."""
        return [found for name in self.outputs if (found := _sound(name))]

    def check(self) -> None:
        """Catch what contradicts itself. Raises UsageError."""
        if self.score is not None and self.input_is_file and not self.follows:
            raise UsageError(f"--in {self.input!r} and --score: one file is played at a time; leave one of them out, or give --in a port")
        if self.pad and (self.score is None or self.input is None):
            raise UsageError("--conduct is for a score that is conducted from a port; give --score FILE and --in PORT, or leave it out")
        if self.input is None and self.virtual is None and self.score is None:
            raise UsageError("nothing to play from: give --in PORT, --in FILE.mid or --score FILE (see --list), or --virtual NAME")
        if not self.outputs and self.virtual is None:
            raise UsageError("nowhere to play to: give --out PORT, FILE.mid, FILE.wav, audio or page (see --list), or --virtual NAME")
        if self.virtual is not None and self.input is not None and self.outputs:
            raise UsageError("--virtual opens the end that is not given, and both --in and --out are; leave one of them out")
        self._check_inputs()
        for name in self.outputs:
            if name.startswith(f"{NEURAL}:") and _suffix(name) != SOUND:
                raise UsageError(f"--out {name!r}: the neural sound goes to a .wav file, as in neural:FILE.wav; give such a name")
            if _suffix(name) in (PICTURE, HTML):
                hint = f"give -o {name!r} to perf-render, or a .mid or .wav file"
                raise UsageError(f"--out {name!r}: perf-live draws no picture and writes no page; {hint}")
        check_used(self.sound, [kind for kind, _ in self.sounds], "add --out audio or --out FILE.wav, or neural or neural:FILE.wav")
        if self.sound and self.sounds and all(kind == NEURAL for kind, _ in self.sounds):
            replace(self.sound, kind=NEURAL).check()
        if self.record and _suffix(self.record.name) not in MIDI_OUTPUTS:
            raise UsageError(f"--record {str(self.record)!r}: a recording is a MIDI file; give a name that ends in .mid")
        if self.all_files and self.record:
            raise UsageError("--record keeps a live take, and both ends are files here; give --out a second time instead")
        if self.all_files and self.api:
            raise UsageError("--api chooses a MIDI driver, and no port is used here; leave it out")
        self._check_collisions()

    def _check_inputs(self) -> None:
        for name in self.inputs:
            if name == AUDIO or _suffix(name) == SOUND:
                raise UsageError(f"--in {name!r}: sound cannot be played from; give a port or a .mid file")
            if _suffix(name) in NOTATION_SUFFIXES or Path(name).is_dir():
                how = f"give --score {name}" if _suffix(name) in NOTATION_SUFFIXES else "perf-render performs folders"
                raise UsageError(f"--in {name!r}: neither a port nor a MIDI file; {how}")
            if len(self.inputs) > 1 and _suffix(name) in MIDI_SUFFIXES:
                raise UsageError(f"--in {name!r}: a file is played by itself, and several --in are ports; leave the others out")

    def check_written(self, read: Iterable[Path]) -> None:
        """Raise UsageError when an output would be written over one of the files that are ``read`` besides the input."""
        written = [name for name in (*self.outputs, str(self.record or "")) if _is_output_file(name)]
        check_collisions([(None, [Path(name.removeprefix(f"{NEURAL}:")) for name in written])], read)

    def check_routing(self, routing: Routing) -> None:
        """Raise UsageError for tracks where the input has none: a port."""
        if routing.names_tracks and self.score is None and not self.input_is_file:
            flag = "--track" if routing.tracks else "--exclude-track"
            raise UsageError(f"{flag} is for files, and a port has no tracks; leave it out, or leave channels alone with --exclude")

    def _check_collisions(self) -> None:
        files = [name for name in (*self.inputs, *self.outputs, str(self.record or ""), str(self.score or "")) if _is_output_file(name)]
        seen: set[Path] = set()
        for name in files:
            path = Path(name.removeprefix(f"{NEURAL}:")).resolve()
            if path in seen:
                raise UsageError(f"{name!r} is named twice; every input and output needs a file of its own")
            seen.add(path)
        if max(self.inputs.count(PAGE), self.outputs.count(PAGE)) > 1:
            raise UsageError("page is named twice; name it once for --in and once for --out")
        if sum(path is None for _, path in self.sounds) > 1:
            raise UsageError("--out audio and --out neural play on one sound card, which is given twice; leave one out")


def _sound(name: str) -> tuple[str, Path | None] | None:
    """Return the kind of sound that an output is and the file it goes to; None for the sound card, and for no sound at all."""
    if name in (AUDIO, NEURAL):
        return (NEURAL if name == NEURAL else FLUIDSYNTH), None
    if _suffix(name) != SOUND:
        return None
    return (NEURAL, Path(name.removeprefix(f"{NEURAL}:"))) if name.startswith(f"{NEURAL}:") else (FLUIDSYNTH, Path(name))


def _suffix(name: str) -> str:
    return Path(name).suffix.lower()


def _is_output_file(name: str) -> bool:
    return _suffix(name) in (*MIDI_OUTPUTS, SOUND)


@dataclass
class Opened:
    """Both ends, open, and what is to be known of them while they are."""

    source: Source
    source_name: str
    sinks: list[Sink] = field(default_factory=list)
    sink_names: list[str] = field(default_factory=list)
    ports: "list[InputPort | OutputPort]" = field(default_factory=list)
    audio: "AudioSink | None" = None
    inputs: "MergedInputs | None" = None  # the ports of ``source``
    page: PageEnds = field(default_factory=PageEnds)

    def add(self, sink: Sink, name: str) -> None:
        self.sinks.append(sink)
        self.sink_names.append(name)

    def add_file(self, sink: FileSink, name: str, live: bool) -> None:
        """Add a file; live its disk must keep nothing else waiting."""
        self.add(IsolatedSink(sink, name) if live else sink, name)

    def abort(self) -> None:
        """Close everything without completing a file."""
        self.source.close()
        for sink in self.sinks:
            sink.abort()


def open_endpoints(
    ends: Endpoints, clock: Clock, performance: "Performance | None" = None, timeline: MidiTimeline | None = None
) -> Opened:
    """Open everything that ``ends`` names; ``performance`` is of its score, ``timeline`` is what to play of its MIDI file.

    Raises UsageError or PerfLiveError, and then nothing stays open.
    """
    if not ends.all_files:
        _offer_what_was_left(ends)
    return patiently(lambda: _open_all(ends, clock, performance, timeline))


def _open_all(ends: Endpoints, clock: Clock, performance: "Performance | None", timeline: MidiTimeline | None) -> Opened:
    with ExitStack() as undo:
        opened = _open_score(ends, timeline, clock, performance) if performance else _open_input(ends, timeline, clock)
        undo.callback(opened.abort)
        _open_outputs(ends, timeline, opened, performance)
        if ends.record:
            opened.add(Recording(ends.record, ends.mark), str(ends.record))
        undo.pop_all()
    return opened


def _offer_what_was_left(ends: Endpoints) -> None:
    """Say where the takes are of runs that were cut off, in the folders that are written to."""
    named = [name.removeprefix(f"{NEURAL}:") for name in ends.outputs if _is_output_file(name)] + [str(ends.record)] * bool(ends.record)
    for folder in sorted({Path(name).absolute().parent for name in named}):
        for path in partial_files(folder):
            say(f"{str(path)!r} is the take of a run that was cut off: rename it to keep it, or delete it")


def check_reachable(ends: Endpoints) -> None:
    """Look for the files and ports that ``ends`` names, before anything is loaded. Raises UsageError or PerfLiveError."""
    if ends.input is not None and ends.input_is_file:
        check_readable(Path(ends.input), "a MIDI file")
    if ends.score is not None:
        check_readable(ends.score, "a score")
    inputs = [] if ends.input_is_file else [name for name in ends.inputs if _is_port(name)]
    outputs = [name for name in ends.outputs if _is_port(name)]
    if inputs or outputs:
        ports = load_ports()
        there = ports.list_ports(ends.api)
        for wanted, names, direction in ((inputs, there.inputs, "input"), (outputs, there.outputs, "output")):
            for name in wanted:
                ports.match_port(name, names, direction, there.api)


def _is_port(name: str) -> bool:
    return name not in (AUDIO, NEURAL, PAGE) and not _is_output_file(name)


def load_ports() -> ModuleType:
    """Return ``engine.midi.ports``. Raises PerfLiveError where the system's MIDI libraries are missing."""
    try:
        from engine.midi import ports
    except ImportError as error:
        raise PerfLiveError(f"MIDI ports cannot be used here: {error}; on Linux install libasound2 with apt") from error
    return ports


def _open_input(ends: Endpoints, timeline: MidiTimeline | None, clock: Clock) -> Opened:
    if timeline is not None:
        return Opened(FileSource(timeline, clock), str(ends.input))
    inputs = _open_inputs(ends, clock)
    return Opened(PortSource(inputs, clock), _name(ends, inputs), ports=list(inputs.ports), inputs=inputs, page=_page_input(ends, inputs))


def _open_score(ends: Endpoints, timeline: MidiTimeline | None, clock: Clock, performance: "Performance") -> Opened:
    """Open what conducts a score: the port, if there is one, or the file of a soloist."""
    from engine.runtime.following.soloist_file import SoloistFile
    from engine.runtime.steering.conductor import ConductedSource

    if timeline is not None:
        return Opened(SoloistFile(performance.stream, timeline, clock), f"{ends.input} and {ends.score}")
    inputs = _open_inputs(ends, clock) if ends.inputs or (ends.virtual is not None and (ends.outputs or ends.follows)) else None
    source = ConductedSource(performance.stream, clock, inputs, ends.pad)
    page = _page_input(ends, inputs) if inputs else PageEnds()
    return Opened(source, str(ends.score), ports=list(inputs.ports) if inputs else [], page=page)


def _open_inputs(ends: Endpoints, clock: Clock) -> "MergedInputs":
    """Open the ports to play from, or the virtual one that stands for them."""
    virtual = not ends.inputs
    names = [str(ends.virtual)] if virtual else [name for name in ends.inputs if name != PAGE]
    return load_ports().open_inputs(names, clock, ends.api, virtual)


def _page_input(ends: Endpoints, inputs: "MergedInputs") -> PageEnds:
    return PageEnds(inputs.hear if PAGE in ends.inputs else None)


def _name(ends: Endpoints, inputs: "MergedInputs") -> str:
    return ", ".join(filter(None, [inputs.name, PAGE if PAGE in ends.inputs else ""]))


def _open_outputs(ends: Endpoints, timeline: MidiTimeline | None, opened: Opened, performance: "Performance | None") -> None:
    """Open the outputs, ports first: what is played live must not wait for a file."""
    for name in ends.outputs:
        if _is_port(name):
            _open_port(opened, name, ends.api, virtual=False)
    if ends.virtual is not None and not ends.outputs:
        _open_port(opened, ends.virtual, ends.api, virtual=True)
    for name in ends.outputs:
        if name == PAGE:
            opened.page.sink = PageSink()
            opened.add(opened.page.sink, PAGE)
        elif sound := _sound(name):
            _open_sound(ends, opened, name, *sound)
        elif _is_output_file(name):
            opened.add_file(_midi_sink(ends, Path(name), timeline, performance), name, not ends.all_files)


def _midi_sink(ends: Endpoints, path: Path, timeline: MidiTimeline | None, performance: "Performance | None") -> FileSink:
    """Return what writes a MIDI file: what is played live and comes from no file may last for days, and is recorded as it comes."""
    if performance and ends.follows:
        return Recorder(path, mark=ends.mark)
    if performance and ends.all_files:
        return ScoreMaterial(performance.piece, performance.stream, on_bars=False, mark=ends.mark).midi_sink(path)
    return TakeMaterial(timeline, mark=ends.mark).midi_sink(path) if timeline else Recorder(path, mark=ends.mark)


def _open_sound(ends: Endpoints, opened: Opened, name: str, kind: str, path: Path | None) -> None:
    said = ends.sound or SoundOptions()
    options = replace(said, kind=kind) if kind == FLUIDSYNTH else replace(said, kind=kind, font=None)
    if path is not None:
        from engine.sound.wav import WavSink

        live = not ends.all_files
        return opened.add_file(WavSink(path, options, keeps=live), name, live)
    from engine.sound.audio import AudioSink

    opened.audio = AudioSink(options)
    late = f" ({NEURAL}, {opened.audio.latency_s:.2f} s late)" if kind == NEURAL else ""
    opened.add(opened.audio, opened.audio.device_name + late)


def _open_port(opened: Opened, name: str, api: str | None, virtual: bool) -> None:
    port = load_ports().open_output(name, api, virtual)
    opened.ports.append(port)
    opened.add(PortSink(port), port.name)
