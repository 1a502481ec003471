"""The same work under two titles, found by what is heard of it: short pieces of its melody and of its harmony.

A melody is the highest note of each onset, as steps from one to the next; a harmony the pitch classes that sound in each beat, as they
change. Both are cut into overlapping pieces that say nothing of key, tempo or note values, and each piece is a hash. Pieces that many
works have, as scales, alternating notes and cadences, say nothing and are left out. Of two works it is compared which share of the pieces
of the one that has fewer are in the other as well.
"""

from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import symusic

from engine.base.errors import PerfLiveError
from engine.base.files import MIDI_SUFFIXES
from engine.score.files import read_score

MELODY_STEPS, LEAST_STEPS = 10, 5  # of a piece of melody, and how many of them differ at least
HARMONY_CHANGES, LEAST_HARMONIES = 7, 4  # of a piece of harmony, and how many of them differ at least
AT_ONCE_QUARTERS = 1 / 16
MOST_WORKS = 6  # that have a piece which still says something
LEAST_PIECES = 40  # of a work, else it is too short to be told from others
SAME_MELODY, SAME_HARMONY = 0.2, 0.2  # shares of pieces in common from which on two are called one work


@dataclass(frozen=True)
class Work:
    """``corpus`` and ``title`` name it; ``melody`` and ``harmony`` are the hashes of its pieces."""

    corpus: str
    title: str
    melody: frozenset[int]
    harmony: frozenset[int]


class Alike(NamedTuple):
    """Two works, and the share of melody and harmony that they have in common, 0 to 1."""

    first: Work
    second: Work
    melody: float
    harmony: float


def read_notes(path: Path) -> np.ndarray:
    """Return (N, 3) onset and duration in quarters and pitch of a score or a MIDI file, drums left out. Raises PerfLiveError."""
    if path.suffix.lower() in MIDI_SUFFIXES:
        try:
            score: Any = symusic.Score(str(path), ttype="quarter")
        except Exception as error:  # symusic raises RuntimeError and its C++ relatives, undocumented
            raise PerfLiveError(f"{path}: cannot be read as MIDI ({str(error).splitlines()[0]})") from error
        notes = [(note.start, note.duration, note.pitch) for track in score.tracks if not track.is_drum for note in track.notes]
        return np.array(notes, float).reshape(-1, 3)
    table = read_score(path, "skip").notes
    table = table[~table["is_grace"]]
    return np.stack([table["onset_quarter"], table["duration_quarter"], table["pitch"]], axis=1).astype(float)


def melody_pieces(notes: np.ndarray) -> frozenset[int]:
    """Return the hashes of the pieces of the melody of notes (N, 3), as of ``read_notes``."""
    order = notes[np.lexsort((-notes[:, 2], np.round(notes[:, 0] / AT_ONCE_QUARTERS)))]
    at = np.round(order[:, 0] / AT_ONCE_QUARTERS)
    highest = order[np.flatnonzero(np.diff(at, prepend=-1.0)), 2].astype(int)
    steps = np.diff(highest).tolist()
    return _hashes([tuple(steps[begin : begin + MELODY_STEPS]) for begin in range(len(steps) - MELODY_STEPS + 1)], LEAST_STEPS)


def harmony_pieces(notes: np.ndarray) -> frozenset[int]:
    """Return the hashes of the pieces of the harmony of notes (N, 3): the pitch classes of each quarter where they change, in any key."""
    if not len(notes):
        return frozenset()
    beats = [0] * (int((notes[:, 0] + notes[:, 1]).max()) + 1)
    for onset, duration, pitch in notes.tolist():
        for beat in range(int(onset + AT_ONCE_QUARTERS), max(int(np.ceil(onset + duration - AT_ONCE_QUARTERS)), int(onset) + 1)):
            if beat < len(beats):
                beats[beat] |= 1 << int(pitch) % 12
    changes = [beat for number, beat in enumerate(beats) if beat and (not number or beat != beats[number - 1])]
    cut = [tuple(changes[begin : begin + HARMONY_CHANGES]) for begin in range(len(changes) - HARMONY_CHANGES + 1)]
    return _hashes([_in_any_key(piece) for piece in cut], LEAST_HARMONIES)


def _in_any_key(piece: tuple[int, ...]) -> tuple[int, ...]:
    """Return sets of pitch classes, of 12 bits each, moved to the key in which they are the smallest numbers."""
    return min(tuple((each << key | each >> 12 - key) & 0xFFF for each in piece) for key in range(12))


def _hashes(pieces: Sequence[tuple[int, ...]], least_different: int) -> frozenset[int]:
    return frozenset(hash(piece) for piece in pieces if len(set(piece)) >= least_different)


def find_alike(works: Sequence[Work], corpora_apart: bool = True) -> list[Alike]:
    """Return the pairs of works, of two corpora or of any, that are one by melody or by harmony, those that share most first."""
    shared = [_in_common([getattr(work, kind) for work in works]) for kind in ("melody", "harmony")]
    found = []
    for pair in shared[0].keys() | shared[1].keys():
        first, second = (works[number] for number in pair)
        melody, harmony = (each.get(pair, 0.0) for each in shared)
        if (melody >= SAME_MELODY or harmony >= SAME_HARMONY) and not (corpora_apart and first.corpus == second.corpus):
            found.append(Alike(first, second, melody, harmony))
    return sorted(found, key=lambda each: (-max(each.melody, each.harmony), each.first.title, each.second.title))


def _in_common(pieces: Sequence[frozenset[int]]) -> dict[tuple[int, int], float]:
    """Return of each pair of works, by their numbers, the share of the pieces of the one with fewer that are in the other."""
    owners: dict[int, list[int]] = defaultdict(list)
    for number, own in enumerate(pieces):
        for piece in own:
            owners[piece].append(number)
    telling = [sum(len(owners[piece]) <= MOST_WORKS for piece in own) for own in pieces]
    common: Counter[tuple[int, int]] = Counter()
    for several in owners.values():
        if 1 < len(several) <= MOST_WORKS:
            common.update(combinations(several, 2))
    fewer = {pair: min(telling[pair[0]], telling[pair[1]]) for pair in common}
    return {pair: count / fewer[pair] for pair, count in common.items() if fewer[pair] >= LEAST_PIECES}
