"""Windows of notes as both classifiers see them, whatever they were cut from."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from training.evaluation.tell_apart.statistics import Series, Statistic, measure_all

NOTES = 48
HOP = NOTES // 2


@dataclass(frozen=True)
class Windows:
    """``statistics`` names the columns of ``values`` (W, statistics); ``notes`` (W, NOTES, inputs) is what a sequence classifier reads.

    ``piece`` (W,) names the work, ``performance`` (W,) numbers what the window was cut from.
    """

    statistics: tuple[Statistic, ...]
    values: np.ndarray
    notes: np.ndarray
    piece: np.ndarray
    performance: np.ndarray

    def __len__(self) -> int:
        return len(self.values)

    def chosen(self, rows: np.ndarray) -> "Windows":
        return Windows(self.statistics, self.values[rows], self.notes[rows], self.piece[rows], self.performance[rows])


def cut(notes: np.ndarray) -> np.ndarray:
    """Return windows (W, NOTES, columns) of a performance's notes (N, columns), each HOP notes after the one before."""
    starts = range(0, len(notes) - NOTES + 1, HOP)
    return np.stack([notes[start : start + NOTES] for start in starts]) if len(starts) else np.zeros((0, NOTES, notes.shape[1]))


def window_statistics(
    series: Series, pairs: Sequence[tuple[str, str]], left_out: Sequence[str]
) -> tuple[tuple[Statistic, ...], np.ndarray]:
    """Return the statistics of windows; series that are ``left_out`` count in pairs only, as they are not of the performer's doing."""
    statistics, values = measure_all(series, pairs)
    kept = [index for index, statistic in enumerate(statistics) if statistic.series not in left_out]
    return tuple(statistics[index] for index in kept), values[:, kept]


def join(several: Sequence[Windows]) -> Windows:
    """Return the windows of several performances together, numbered as they come."""
    numbers = [np.full(len(each), number) for number, each in enumerate(several)]
    values, notes, piece = (np.concatenate([getattr(each, name) for each in several]) for name in ("values", "notes", "piece"))
    return Windows(several[0].statistics, values, notes, piece, np.concatenate(numbers))
