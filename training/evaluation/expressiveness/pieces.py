"""Held-out pieces to perform: each as MusicXML and as the corpus's MIDI score, with all its human performances."""

import tempfile
import zlib
from collections import defaultdict
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from engine.base.errors import PerfLiveError
from engine.score.piece import Piece, piece_of, read_piece
from engine.score.tables import Score
from models.performance.pedal import Pedal
from models.performance.representation import Performed
from training.datasets.aligned import AlignedPerformance, asap_alignments, load_aligned
from training.datasets.asap import FoldSplit
from training.datasets.presentations import choose_habits, write_presentation
from training.metrics.expressiveness import Beats, find_beats
from training.performance.pieces import LEAST_MATCHED, match_notes, performed_notes

LEAST_HUMANS = 3  # fewer have no mean of the others to be compared with
VELOCITY_WITHOUT_ANY = 64
QUARTERS_PER_MINUTE_WITHOUT_ANY = 120.0


@dataclass(frozen=True)
class Presentation:
    """A score as a performer gets it; ``rows`` (N,) says which note of the held-out piece each of its notes is, -1 for none."""

    piece: Piece
    rows: np.ndarray


@dataclass(frozen=True)
class HeldOutPiece:
    """A held-out piece. ``humans`` are by note of ``score``, that of the MusicXML file, whichever presentation is performed, so that
    figures are comparable; ``recordings`` are their names in the corpus.
    """

    name: str
    score: Score
    beats: Beats
    humans: tuple[Performed, ...]
    presentations: dict[str, Presentation]  # "MusicXML", and "MIDI" where the corpus's MIDI score has the same notes
    recordings: tuple[str, ...] = ()

    @property
    def notes(self) -> np.ndarray:
        return self.score.notes

    def performed(self, presentation: Presentation, performed: Performed) -> Performed:
        """Return a performance of a presentation as one of the piece's notes."""
        known = presentation.rows >= 0
        rows = presentation.rows[known]
        onset_sec, duration_sec = np.full(len(self.notes), np.nan), np.full(len(self.notes), np.nan)
        velocity = np.zeros(len(self.notes), dtype=np.int64)
        onset_sec[rows], duration_sec[rows] = performed.onset_sec[known], performed.duration_sec[known]
        velocity[rows] = performed.velocity[known]
        return Performed(onset_sec, duration_sec, velocity, performed.pedal)


def load_held_out_pieces(root: Path, split: FoldSplit, cache: Path, containing: str = "") -> list[HeldOutPiece]:
    """Return the pieces of the (n)ASAP folder ``root`` with robust alignments of LEAST_HUMANS performances or more.

    Only those with ``containing`` in their names. Raises PerfLiveError when there are none.
    """
    groups: dict[tuple[str, bytes], list[AlignedPerformance]] = defaultdict(list)
    for item in load_aligned(asap_alignments(root, split), cache)[0]:
        groups[item.piece, item.score.notes["id"].tobytes()].append(item)
    enough = {piece: group for (piece, _), group in groups.items() if len(group) >= LEAST_HUMANS}
    chosen = [_piece(root, group) for piece, group in enough.items() if containing in piece]
    if not chosen:
        names = ", ".join(enough) or "none"
        raise PerfLiveError(f"{root}: no {split} piece with {LEAST_HUMANS} performances has {containing!r} in its name; they are: {names}")
    return chosen


def _piece(root: Path, group: list[AlignedPerformance]) -> HeldOutPiece:
    score = group[0].score
    every = np.arange(len(score.notes))
    presentations = {"MusicXML": Presentation(piece_of(score), every)}
    try:
        midi = read_piece(root / group[0].piece / "midi_score.mid")
    except PerfLiveError:
        pass  # MusicXML alone then
    else:
        rows = match_notes(midi.score.notes, score.notes)
        if (rows >= 0).mean() >= LEAST_MATCHED:
            presentations["MIDI"] = Presentation(midi, rows)
    humans = tuple(performed_notes(item, every) for item in group)
    return HeldOutPiece(group[0].piece, score, find_beats(score), humans, presentations, tuple(item.name for item in group))


def with_programs(piece: HeldOutPiece, programs: int) -> HeldOutPiece:
    """Return the piece with presentations "program 1" and so on besides: MIDI as programs that nobody knows might write it."""
    presentations = dict(piece.presentations)
    with tempfile.TemporaryDirectory() as folder:
        for number in range(1, programs + 1):
            path = Path(folder) / f"{number}.mid"
            random = np.random.default_rng([number, zlib.crc32(piece.name.encode())])
            placed = piece.notes.copy()
            placed["onset_quarter"] = write_presentation(path, piece.score, choose_habits(random))
            shown = read_piece(path)
            presentations[f"program {number}"] = Presentation(shown, match_notes(shown.score.notes, placed))
    return replace(piece, presentations=presentations)


def as_written(score: Score) -> Performed:
    """Return a score as a sequencer plays it: its velocities, lengths and tempos, or constants where it has none; no pedal."""
    notes, tempos = score.notes, score.tempos
    edges, rates = np.zeros(1), np.full(1, QUARTERS_PER_MINUTE_WITHOUT_ANY)
    if len(tempos):
        edges, rates = np.append(0.0, tempos["onset_quarter"][1:]), tempos["quarters_per_minute"]
    times = np.append(0.0, np.cumsum(np.diff(edges) * 60 / rates[:-1]))

    def time_at(quarters: np.ndarray) -> np.ndarray:
        index = np.maximum(np.searchsorted(edges, quarters, side="right") - 1, 0)
        return times[index] + (quarters - edges[index]) * 60 / rates[index]

    onset_sec = time_at(notes["onset_quarter"])
    duration_sec = time_at(notes["onset_quarter"] + notes["duration_quarter"]) - onset_sec
    velocity = np.where(notes["velocity"] > 0, notes["velocity"], VELOCITY_WITHOUT_ANY).astype(np.int64)
    return Performed(onset_sec, duration_sec, velocity, Pedal(np.zeros(0), np.zeros(0, dtype=np.int64)))


def with_constant_velocity(performed: Performed) -> Performed:
    return performed._replace(velocity=np.full_like(performed.velocity, VELOCITY_WITHOUT_ANY))
