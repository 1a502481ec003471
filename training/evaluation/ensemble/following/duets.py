"""Takes of two people at one piece, and what an accompanist makes of the first one's part beside what the second one played."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from typing import NamedTuple

import numpy as np

from engine.base.clock import VirtualClock
from engine.base.errors import PerfLiveError
from engine.midi.events import Event, is_note_on, note_off, note_on
from engine.midi.file import MidiTimeline, Track
from engine.output.endpoints import Performance
from engine.performers.setup import Setup
from engine.runtime.following.rehearsal import Rehearsed, read_takes
from engine.runtime.following.rendition import Rendition
from engine.runtime.following.soloist_file import SoloistFile
from engine.runtime.following.stream import DuoStream
from engine.runtime.following.timing import Clock, Timing
from engine.runtime.sinks import CollectingSink
from engine.score.files import read_score
from engine.score.piece import Piece, read_piece
from engine.session import Session
from training.datasets.aligned import read_match

FOLDER = Path("complex_pieces/brahms_data")
SCORE = "musicxml/Brahms_Hungarian-Dance-5_{}.musicxml"
PLAYERS = (("cc_primo", "Primo"), ("lb_secondo", "Secondo"))
FULL = "Full"
REHEARSED = {"part": PLAYERS[1][0], "both": "duet"}  # the folders of takes as MIDI files: the accompaniment alone, and both players
NEAR_SEC = 0.3  # an accompaniment's note this near to where it belongs is that note
GAINS, TEMPOS_SEC, MEETS_SEC = (0.6, 0.8, 1.0), (0.5, 1.0, 2.0), (0.02, 0.03, 0.04, 0.05)


@dataclass(frozen=True)
class DuetTake:
    """By note of the score, NaN and 0 where it is not played."""

    onset_sec: np.ndarray
    duration_sec: np.ndarray
    velocity: np.ndarray


class Meeting(NamedTuple):
    """By how many seconds the accompaniment is later than the soloist at onsets of both (n,), and the velocities of both players of it."""

    late_sec: np.ndarray
    velocities: np.ndarray  # (2, notes): this one's and the human's


def read_duets(root: Path) -> tuple[Piece, np.ndarray, list[DuetTake]]:
    """Return the score, which notes (N,) are the primo's, and the takes. Raises PerfLiveError where they are not."""
    folder = root / FOLDER
    numbers = sorted(path.stem.rpartition("_")[2] for path in (folder / "match" / PLAYERS[0][0]).glob("*.match"))
    if not numbers:
        raise PerfLiveError(f"{root}: not the unpacked duets, with {FOLDER}/match; give their folder")
    piece = read_piece(folder / SCORE.format(FULL))
    rows = [_rows(piece, track, read_score(folder / SCORE.format(name), "printed").notes) for track, (_, name) in enumerate(PLAYERS)]
    takes = []
    for number in numbers:
        take = DuetTake(*(np.full(len(piece.tracks), value) for value in (np.nan, np.nan, 0)))
        for (player, _), row_of in zip(PLAYERS, rows, strict=True):
            for path in (folder / "match" / player).glob(f"*_{number}.match"):
                for note in read_match(path)[0]:
                    row = row_of[str(note["id"])]
                    take.onset_sec[row], take.duration_sec[row] = note["onset_sec"], note["duration_sec"]
                    take.velocity[row] = note["velocity"]
        takes.append(take)
    return piece, piece.tracks == 0, takes


def read_rehearsals(root: Path, which: str, piece: Piece, solo: np.ndarray) -> list[Rehearsed]:
    """Return the takes as ``perf-live --rehearsed`` reads them from MIDI files, ``which`` of REHEARSED. Raises PerfLiveError."""
    paths = sorted((root / FOLDER / "midi" / REHEARSED[which]).glob("*.mid"), key=lambda path: path.stem.rpartition("_")[2])
    return read_takes(paths, piece, {PLAYERS[0][1]: solo})


def _rows(piece: Piece, track: int, notes: np.ndarray) -> dict[str, int]:
    """Return the rows of a player's notes, by the names that they have in the player's own score."""
    own = np.flatnonzero(piece.tracks == track)
    mine = piece.score.notes[own]
    there = np.lexsort((notes["pitch"], notes["onset_quarter"]))
    here = own[np.lexsort((mine["pitch"], mine["onset_quarter"]))]
    return dict(zip(notes["id"][there].tolist(), here.tolist(), strict=True))


def accompany(setup: Setup, piece: Piece, rendition: Rendition, solo: np.ndarray, take: DuetTake, timing: Timing) -> list[Event]:
    """Return what is sent when the soloist of a take is followed, by the same code as live, on a clock that does not wait."""
    stream, clock, sink = DuoStream(piece, rendition, {"solo": solo}, (), {}, timing=timing), VirtualClock(), CollectingSink()
    events = []
    for row in np.flatnonzero(solo & np.isfinite(take.onset_sec)).tolist():
        pitch, begin_ns = int(piece.score.notes["pitch"][row]), round(take.onset_sec[row] * 1e9)
        events.append(Event(begin_ns, note_on(0, pitch, int(take.velocity[row]))))
        events.append(Event(begin_ns + round(take.duration_sec[row] * 1e9), note_off(0, pitch)))
    events.sort(key=lambda event: (event.time_ns, is_note_on(event.message)))
    source = SoloistFile(stream, MidiTimeline(events, (Track((), 0),)), clock)  # type: ignore[arg-type]  # it is as a ScoreStream is
    Session(setup, source, [sink], clock, Performance(piece, stream)).run()  # type: ignore[arg-type]
    return sink.sent


def meet(piece: Piece, solo: np.ndarray, take: DuetTake, sent: Sequence[Event]) -> Meeting:
    """Compare what was sent with the take. ``solo`` (N,) are the soloist's notes."""
    notes = piece.score.notes
    strokes = [(event.message[1], event.time_ns / 1e9, event.message[2]) for event in sent if is_note_on(event.message)]
    quarters, times = onsets(notes, solo, take.onset_sec)
    due = np.interp(notes["onset_quarter"], quarters, times)
    played = np.full(len(notes), np.nan)
    velocity = np.zeros(len(notes))
    own = {(int(notes["pitch"][row]), round(take.onset_sec[row], 6)) for row in np.flatnonzero(solo & np.isfinite(take.onset_sec))}
    others = [stroke for stroke in strokes if (stroke[0], round(stroke[1], 6)) not in own]
    pitches, sounded, loud = (np.array([stroke[field] for stroke in others]) for field in range(3))
    for row in np.flatnonzero(~solo).tolist():
        off = np.where(pitches == notes["pitch"][row], np.abs(sounded - due[row]), np.inf)
        if len(off) and off.min() < NEAR_SEC:
            played[row], velocity[row] = sounded[off.argmin()], loud[off.argmin()]
    both = ~solo & (velocity > 0) & (take.velocity > 0)
    return Meeting(late(notes, solo, take.onset_sec, played), np.stack([velocity[both], take.velocity[both]]))


def late(notes: np.ndarray, solo: np.ndarray, solo_sec: np.ndarray, others_sec: np.ndarray) -> np.ndarray:
    """Return by how much the others are later than the soloist at each onset of both, in the mean of its notes."""
    quarters, times = onsets(notes, solo, solo_sec)
    theirs, their_times = onsets(notes, ~solo, others_sec)
    _, mine, other = np.intersect1d(quarters, theirs, return_indices=True)
    return their_times[other] - times[mine]


def onsets(notes: np.ndarray, rows: np.ndarray, onset_sec: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the positions where notes of ``rows`` are played, and when they are, in the mean."""
    played = rows & np.isfinite(onset_sec)
    quarters, group = np.unique(np.round(notes["onset_quarter"][played], 4), return_inverse=True)
    return quarters, np.bincount(group, onset_sec[played]) / np.bincount(group)


def fit_timing(piece: Piece, rendition: Rendition, solo: np.ndarray, takes: Sequence[DuetTake]) -> Timing:
    """Return the timing with which shared onsets of takes would be nearest: of the median distance and the deviation the least sum."""
    notes = piece.score.notes
    tried = {}
    for gain, tempo_sec, meet_sec in product(GAINS, TEMPOS_SEC, MEETS_SEC):
        timing = Timing(gain, tempo_sec, meet_sec)
        off = np.concatenate([np.array(list(_foreseen(notes, rendition, solo, take, timing))) for take in takes])
        tried[timing] = float(np.median(np.abs(off)) + off.std())
    return min(tried, key=lambda timing: tried[timing])


def _foreseen(notes: np.ndarray, rendition: Rendition, solo: np.ndarray, take: DuetTake, timing: Timing) -> Iterator[float]:
    """Yield how late shared onsets would be, if the follower were never wrong."""
    quarters, times = onsets(notes, solo, take.onset_sec)
    shared = np.isin(quarters, np.round(notes["onset_quarter"][~solo], 4)).tolist()
    xs = rendition.time_at(quarters).tolist()
    clock = Clock(xs[0], round(times[0] * 1e9), 1.0)
    for x, time_sec, both in zip(xs[1:], times[1:].tolist(), shared[1:], strict=True):
        if both:
            yield min(clock.time_at(x) / 1e9 + timing.meet_sec, time_sec) - time_sec
        clock.follow(x, round(time_sec * 1e9), timing)
