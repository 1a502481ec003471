"""The one place that turns a file's name into a sink: by its suffix, MIDI, picture, sound or page."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from engine.base.errors import PerfLiveError, UsageError
from engine.base.files import check_name, make_folder
from engine.midi.events import Event
from engine.midi.file import MidiTimeline
from engine.midi.performed_mark import mark
from engine.runtime.sinks import FileSink, MidiFileSink, Sink
from engine.sound.options import SoundOptions

if TYPE_CHECKING:  # takes need none of it
    from engine.midi.note_table import Played
    from engine.performers.score_playing.stream import ScoreStream
    from engine.score.piece import Piece
    from models.performance.representation import Performed

MIDI_OUTPUTS = (".mid", ".midi")
PICTURE, SOUND, HTML = ".png", ".wav", ".html"
OUTPUT_SUFFIXES = (*MIDI_OUTPUTS, SOUND, PICTURE, HTML)


class Material(Protocol):
    """What is performed, as far as an output file needs to know it."""

    def midi_sink(self, path: Path) -> FileSink: ...

    def picture_sink(self, path: Path) -> Sink: ...

    def page_sink(self, path: Path, sound: SoundOptions) -> Sink: ...


@dataclass(frozen=True)
class TakeMaterial:
    """Notes that were played: the output keeps the tracks, texts and tempos of ``timeline``, or begins a new file where there is none.

    ``human``: a performance to draw beside it. ``drums``: whether channel 10 is drums. ``mark``: says in the file that it was
    performed.
    """

    timeline: MidiTimeline | None
    title: str = ""
    human: "Played | None" = None
    drums: bool = True
    mark: str = ""

    def midi_sink(self, path: Path) -> FileSink:
        return MidiFileSink(path, mark(self.timeline or MidiTimeline(), self.mark))

    def picture_sink(self, path: Path) -> Sink:
        from engine.output.take_picture import PictureSink

        written = self.timeline or MidiTimeline()
        return PictureSink(path, written.events, self.title, self.human, written.track_names, self.drums)

    def page_sink(self, path: Path, sound: SoundOptions) -> Sink:
        from engine.output.html.sinks import HtmlSink
        from engine.output.html_content import events_of, show_take

        written = self.timeline or MidiTimeline()

        def show(sent: Sequence[Event], origin_ns: int) -> dict[str, Any]:
            events = [event._replace(time_ns=event.time_ns - origin_ns) for event in sent]
            return show_take(written.events, events, self.human, written.track_names, self.drums)

        return HtmlSink(path, self.title, sound, show, () if self.human is None else events_of(self.human))


@dataclass(frozen=True)
class ScoreMaterial:
    """A score. ``on_bars``: whether the tempo map holds the performance's tempo. ``human``: a performance to draw beside it, and what its
    file holds, ``human_events``.
    """

    piece: "Piece"
    stream: "ScoreStream"
    title: str = ""
    on_bars: bool = True
    human: "Performed | None" = None
    mark: str = ""
    path: Path | None = None  # of the score
    human_events: Sequence[Event] = ()

    def midi_sink(self, path: Path) -> FileSink:
        from engine.output.score_sinks import ScoreFileSink

        return ScoreFileSink(path, self.piece, self.stream, self.on_bars, self.mark)

    def picture_sink(self, path: Path) -> Sink:
        from engine.output.score_sinks import ScorePictureSink

        return ScorePictureSink(path, self.piece, self.stream, self.title, self.human, self.stream.interpretation.style_curve())

    def page_sink(self, path: Path, sound: SoundOptions) -> Sink:
        from engine.output.html.sinks import HtmlSink
        from engine.output.html_content import show_score

        if not len(self.piece.score.notes):
            raise PerfLiveError(f"cannot show {str(path)!r}: the score has drums alone, and a page shows pitched notes; leave it out")

        def show(sent: Sequence[Event], origin_ns: int) -> dict[str, Any]:
            return show_score(self.piece, self.path, self.stream, sent, origin_ns, self.human)

        return HtmlSink(path, self.title, sound, show, self.human_events)


def open_file_sink(path: Path, material: Material, sound: SoundOptions) -> Sink:
    """Return the sink for a file. Raises PerfLiveError when it could not be written in the end."""
    suffix = path.suffix.lower()
    if suffix == SOUND:
        from engine.sound.wav import WavSink

        return WavSink(path, sound)
    if suffix == HTML:
        return material.page_sink(path, sound)
    return material.picture_sink(path) if suffix == PICTURE else material.midi_sink(path)


def check_outputs(outputs: Sequence[Path]) -> None:
    """Raise UsageError when there is no output, or one of an unknown kind."""
    if not outputs:
        raise UsageError(f"there is no output; give one file or more that end in {', '.join(OUTPUT_SUFFIXES)}")
    for path in outputs:
        check_name(path)
        if path.suffix.lower() not in OUTPUT_SUFFIXES:
            raise UsageError(f"{str(path)!r} is no output that can be made; give a file that ends in {', '.join(OUTPUT_SUFFIXES)}")


def check_collisions(jobs: Iterable[tuple[Path | None, Sequence[Path]]], read: Iterable[Path] = ()) -> None:
    """Raise UsageError for an output that would be written over a file that is read, or twice.

    jobs: inputs with their outputs; ``read``: what is read besides.
    """
    jobs = list(jobs)
    inputs = {path.resolve() for path in (*(given for given, _ in jobs), *read) if path}
    writers: dict[Path, Path | None] = {}
    for given, outputs in jobs:
        for path in outputs:
            target = path.resolve()
            if target in inputs:
                raise UsageError(f"{str(path)!r} would be written over an input; give another name")
            if target in writers and writers[target] != given:
                raise UsageError(f"{str(path)!r} would be written for both {str(writers[target])!r} and {str(given)!r}; rename one")
            if target in writers:
                raise UsageError(f"{str(path)!r} would be written twice; leave one of them out")
            writers[target] = given


@contextmanager
def opened_sinks(paths: Sequence[Path], open_sink: Callable[[Path], Sink]) -> Iterator[list[Sink]]:
    """Open outputs, with their folders. When the block fails they are given up; after it whoever runs them closes them.

    Raises PerfLiveError for an output or a folder that cannot be made.
    """
    with ExitStack() as undo:
        sinks: list[Sink] = []
        for path in paths:
            make_folder(path.parent)
            sinks.append(open_sink(path))
            undo.callback(sinks[-1].abort)
        yield sinks
        undo.pop_all()
