"""How well a performance and its score were aligned."""

from dataclasses import dataclass
from itertools import groupby

import numpy as np

from engine.score.tables import Score
from training.datasets.aligned import LEAST_COVERAGE
from training.datasets.performances import Performance

GOOD_COVERAGE, USABLE_COVERAGE = 0.95, 0.8  # share of the score's notes that were found
GOOD_PRECISION = 0.9  # share of the performed notes that are in the score; ornaments played out lower it
GOOD_ORDER = 0.98
WEAK_MEASURE = 0.5  # a measure with a smaller share of its notes found is named
AT_ONCE_S = 0.05  # onsets that are played this little too early are not out of order
MOST_NAMED = 8


@dataclass(frozen=True)
class AlignmentQuality:
    """Counts of notes; ``same_pitch`` and ``in_order`` are shares, 0 to 1; ``weak_measures`` names measures with few notes found.

    ``in_order`` is the share of the score's onsets that are performed after the one before; a low one is a sign of wrong matches, of
    another order of repeats, or of a mistake corrected by going back.
    """

    score_notes: int
    performed_notes: int
    matched: int
    same_pitch: float
    in_order: float
    weak_measures: tuple[str, ...]

    @property
    def coverage(self) -> float:
        return self.matched / max(self.score_notes, 1)

    @property
    def precision(self) -> float:
        return self.matched / max(self.performed_notes, 1)

    @property
    def verdict(self) -> str:
        """Say in one line whether the alignment is fit to learn from."""
        if self.coverage < LEAST_COVERAGE:
            return "no alignment: too few of the score's notes were found; is it the same piece, edition and key?"
        if self.coverage < USABLE_COVERAGE or self.in_order < USABLE_COVERAGE:
            return "poor: look for cuts, other repeats or another edition before you use it"
        if self.coverage < GOOD_COVERAGE or self.precision < GOOD_PRECISION or self.in_order < GOOD_ORDER:
            return "usable: some passages differ from the score"
        return "good"

    def __str__(self) -> str:
        deleted, inserted = self.score_notes - self.matched, self.performed_notes - self.matched
        lines = [
            f"{self.matched} of {self.score_notes} score notes found ({self.coverage:.1%}), {deleted} not performed (deletions), "
            f"{inserted} performed notes beside the score (insertions)",
            f"{self.same_pitch:.1%} of the found notes have the score's pitch, {self.in_order:.1%} of the onsets are in the score's order",
        ]
        if self.weak_measures:
            more = f" and {len(self.weak_measures) - MOST_NAMED} more" if len(self.weak_measures) > MOST_NAMED else ""
            lines.append(f"under {WEAK_MEASURE:.0%} found in {', '.join(self.weak_measures[:MOST_NAMED])}{more}")
        return "\n".join([*lines, self.verdict])


def alignment_quality(score: Score, performance: Performance, pairs: np.ndarray) -> AlignmentQuality:
    """Judge ``pairs`` (K, 2) as ``match_notes`` returns them."""
    in_score, performed = pairs.T
    same = score.notes["pitch"][in_score] == performance.notes["pitch"][performed]
    found = np.zeros(len(score.notes), dtype=bool)
    found[in_score] = True
    return AlignmentQuality(
        len(score.notes),
        len(performance.notes),
        len(pairs),
        float(same.mean()) if len(pairs) else 0.0,
        _in_order(score.notes["onset_quarter"][in_score], performance.notes["onset_sec"][performed]),
        _weak_measures(score, found),
    )


def _in_order(onset_quarter: np.ndarray, onset_sec: np.ndarray) -> float:
    onsets, index = np.unique(onset_quarter, return_inverse=True)
    if len(onsets) < 2:
        return 1.0
    times = np.array([np.median(onset_sec[index == place]) for place in range(len(onsets))])
    return float((np.diff(times) > -AT_ONCE_S).mean())


def _weak_measures(score: Score, found: np.ndarray) -> tuple[str, ...]:
    """Name the measures, neighbours together, of whose notes too few are found."""
    starts = score.measures["onset_quarter"]
    measure = np.maximum(np.searchsorted(starts, score.notes["onset_quarter"] + 1e-6, side="right") - 1, 0)
    notes = np.bincount(measure, minlength=len(starts))
    matched = np.bincount(measure, weights=found, minlength=len(starts))
    names = _measure_names(score.measures["number"].tolist())
    weak = [index for index in range(len(starts)) if notes[index] and matched[index] < WEAK_MEASURE * notes[index]]
    named = []
    for _, run in groupby(enumerate(weak), key=lambda place: place[1] - place[0]):
        members = [index for _, index in run]
        count = f"{int(matched[members].sum())} of {notes[members].sum()} notes"
        first, last = names[members[0]], names[members[-1]]
        named.append(f"bar {first} ({count})" if first == last else f"bars {first} to {last} ({count})")
    return tuple(named)


def _measure_names(numbers: list[int]) -> list[str]:
    """Return the printed numbers, with the time that it is played for a measure that had its turn before."""
    times: dict[int, int] = {}
    names = []
    for number in numbers:
        times[number] = times.get(number, 0) + 1
        names.append(str(number) if times[number] == 1 else f"{number} (time {times[number]})")
    return names
