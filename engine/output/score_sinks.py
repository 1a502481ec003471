"""A performance of a score as a MIDI file: on the score's bars, with the performance as its tempo map, or in free time."""

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

import numpy as np

from engine.base.errors import PerfLiveError
from engine.base.files import check_writable
from engine.midi.chunks import KeptEvent
from engine.midi.events import CONTROL_CHANGE, SUSTAIN_PEDAL, Event
from engine.midi.file import LIVE_DIVISION, MidiTimeline, Track, write_midi_file
from engine.midi.performed_mark import mark
from engine.midi.tempo_map import TempoMap
from engine.runtime.sinks import CollectingSink
from engine.score.piece import TEMPO, Piece
from engine.score.track_texts import meta
from models.performance.pedal import Pedal
from models.performance.representation import Performed

if TYPE_CHECKING:
    from engine.output.score_picture import Parts  # it draws

if TYPE_CHECKING:  # it comes with a performer, which not every file has
    from engine.performers.score_playing.style_curve import StyleCurve

SHORTEST_TEMPO_US, LONGEST_TEMPO_US = 1, 0xFFFFFF  # a quarter, in a file


class Remembering(Protocol):
    """A performance that remembers, on the clock, when it passed which positions (quarters), and what became of each note."""

    @property
    def passed(self) -> list[tuple[float, int]]: ...

    @property
    def performed(self) -> np.ndarray: ...


class ScoreFileSink(CollectingSink):
    """Collects what is sent (see engine/runtime/sinks.py); writes it when closed, with the score's metre, texts and markers."""

    def __init__(self, path: Path, piece: Piece, performance: Remembering, on_bars: bool, text: str = ""):
        """``on_bars``: whether the tempo map holds the performance's tempo, or stands still while the notes are free. ``text``: says that
        it was performed.

        Raises PerfLiveError when the file could not be written in the end.
        """
        super().__init__()
        self.kept: Path | None = None
        self._path = check_writable(path)
        self._piece = piece
        self._performance = performance
        self._on_bars, self._text = on_bars, text

    def close(self) -> None:
        curve = PassedCurve([(quarter, time_ns - self.origin_ns) for quarter, time_ns in self._performance.passed])
        make = tempo_map_timeline if self._on_bars else absolute_timeline
        timeline, shift_ns = make(self._piece.timeline, curve)
        write_midi_file(self._path, self.events(shift_ns), mark(timeline, self._text))
        self.kept = self._path


class ScorePictureSink:
    """Draws the performance over the score's measures when closed."""

    def __init__(
        self,
        path: Path,
        piece: Piece,
        performance: Remembering,
        title: str,
        human: Performed | None = None,
        style: "StyleCurve | None" = None,
    ):
        """``human``: a performance of the notes of ``piece.score`` to draw beside it; ``style``: of the performance, to draw below it.

        Raises PerfLiveError when the file could not be written in the end, and for a score of drums alone."""
        if not len(piece.score.notes):
            raise PerfLiveError(f"cannot draw {str(path)!r}: the score has drums alone, and a picture shows pitched notes; leave it out")
        self._path = check_writable(path)
        self._piece = piece
        self._performance = performance
        self._title = title
        self._human, self._style = human, style
        self._pedals: list[Event] = []

    def start(self, origin_ns: int) -> None:
        pass

    def send(self, event: Event) -> None:
        if _is_pedal(event):
            self._pedals.append(event)

    def close(self) -> None:
        from engine.output.score_picture import draw_score_picture

        performed = read_performed(self._performance, self._pedals)
        human = None if self._human is None else (self._piece.score, self._human)
        draw_score_picture(self._path, self._piece.played.score, performed, self._title, human, self._style, named_parts(self._piece))

    def abort(self) -> None:
        self._pedals.clear()


def named_parts(piece: Piece) -> "Parts | None":
    """Return the instruments of a piece, or the tracks of one instrument where there are more than two; None of a single one."""
    from engine.output.score_picture import Parts

    names, own = piece.timeline.track_names, piece.tracks
    channels, first = np.unique(piece.channels, return_index=True)
    if len(channels) > 1:
        of_notes = np.searchsorted(channels, piece.channels)
        found = [names[own[row]] or f"channel {channel + 1}" for channel, row in zip(channels.tolist(), first.tolist(), strict=True)]
    elif len(tracks := np.unique(own)) > 2:
        of_notes = np.searchsorted(tracks, own)
        found = [names[track] or f"track {track + 1}" for track in tracks.tolist()]
    else:
        return None
    return Parts(of_notes[piece.played.source], found)


def read_performed(performance: Remembering, sent: Iterable[Event]) -> Performed:
    """Return what became of the notes (M,) of a score as it is played, in seconds of the clock; NaN for notes that were not played.

    ``sent``: events that went out, of which the sustain pedal is taken.
    """
    table = performance.performed
    onset_sec = np.where(table["velocity"] > 0, table["onset_ns"] / 1e9, np.nan)
    moves = [event for event in sent if _is_pedal(event)]
    times_sec = np.array([event.time_ns / 1e9 for event in moves])
    pedal = Pedal(times_sec, np.array([event.message[2] for event in moves], dtype=int))
    return Performed(onset_sec, table["end_ns"] / 1e9 - onset_sec, table["velocity"], pedal)


def _is_pedal(event: Event) -> bool:
    return event.message[0] & 0xF0 == CONTROL_CHANGE and event.message[1] == SUSTAIN_PEDAL


class PassedCurve:
    """When positions were passed: straight between those known; the first and last tempo reach beyond."""

    def __init__(self, passed: Sequence[tuple[float, int]]):
        """``passed``: (quarter, nanoseconds), at least one; of several at one position the first counts."""
        quarters, first = np.unique([quarter for quarter, _ in passed], return_index=True)
        self.quarters = quarters
        self.times_ns = np.array([passed[index][1] for index in first], dtype=np.float64)

    def at(self, quarter: float) -> float:
        if len(self.quarters) == 1:
            return float(self.times_ns[0] + (quarter - self.quarters[0]) * 5e8)
        index = int(np.clip(np.searchsorted(self.quarters, quarter, side="right") - 1, 0, len(self.quarters) - 2))
        (begin, end), (begin_ns, end_ns) = self.quarters[index : index + 2], self.times_ns[index : index + 2]
        return float(begin_ns + (quarter - begin) / (end - begin) * (end_ns - begin_ns))


def tempo_map_timeline(written: MidiTimeline, curve: PassedCurve) -> tuple[MidiTimeline, int]:
    """Return ``written`` with the curve as its tempos, and the time of its tick 0 on the curve's clock.

    What a tempo loses when it is rounded to a microsecond, the next one makes up for.
    """
    start_ns = round(curve.at(0.0))
    ticks = np.unique(np.append(0, np.round(curve.quarters * written.division).astype(int)))
    tempos: list[tuple[int, int]] = []
    elapsed_us = 0  # ticks times microseconds a quarter
    for tick, after in zip(ticks[:-1].tolist(), ticks[1:].tolist(), strict=True):
        target_us = (curve.at(after / written.division) - start_ns) / 1000
        tempo = round((target_us * written.division - elapsed_us) / (after - tick))
        tempo = min(max(tempo, SHORTEST_TEMPO_US), LONGEST_TEMPO_US)
        elapsed_us += (after - tick) * tempo
        if not tempos or tempos[-1][1] != tempo:
            tempos.append((tick, tempo))
    if not tempos:  # a single onset at the very beginning
        tempos.append((0, round((curve.at(1.0) - start_ns) / 1000)))
    metas = tuple(KeptEvent(tick, 0, meta(TEMPO, tempo.to_bytes(3, "big"))) for tick, tempo in tempos)
    first, *others = written.tracks
    kept = tuple(sorted((*first.kept, *metas), key=lambda event: event.tick))
    return MidiTimeline([], (Track(kept, first.end_tick), *others), written.kind, written.division, tuple(tempos)), start_ns


def absolute_timeline(written: MidiTimeline, curve: PassedCurve) -> tuple[MidiTimeline, int]:
    """Return a timeline of constant tempo with what ``written`` keeps at the times at which it was passed."""
    to_tick = TempoMap(LIVE_DIVISION).to_tick

    def moved(tick: int) -> int:
        return to_tick(round(curve.at(tick / written.division)))

    tracks = tuple(
        Track(tuple(event._replace(tick=moved(event.tick)) for event in track.kept), moved(track.end_tick)) for track in written.tracks
    )
    return MidiTimeline([], tracks, written.kind, LIVE_DIVISION), 0
