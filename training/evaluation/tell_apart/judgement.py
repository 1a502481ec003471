"""How well classifiers tell our windows from humans', on other pieces than they learnt from."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from scipy.stats import rankdata

from engine.base.errors import PerfLiveError
from training.evaluation.tell_apart.classifiers import Classifier
from training.evaluation.tell_apart.windows import Windows, join

FOLDS = 5
DRAWS, INSIDE = 500, 95  # of the bootstrap over pieces; per cent of its draws that are in an interval


class Area(NamedTuple):
    """An area under the curve, .5 for nothing told apart to 1, and between which INSIDE per cent of its draws lie."""

    area: float
    low: float
    high: float


class Judgement(NamedTuple):
    """The areas of one classifier: by window, and by performance, which is judged by the mean of its windows."""

    window: Area
    performance: Area


class Contest(NamedTuple):
    """Windows of humans and of what is to be told from them, ``ours`` (W,) bool: of each piece as many performances of both."""

    windows: Windows
    ours: np.ndarray


def begin_contest(ours: Sequence[Windows], humans: Sequence[Windows]) -> Contest:
    """Return the contest of performances, one ``Windows`` each: of a piece as many of both, as many windows of both, drawn at random.

    Raises PerfLiveError where fewer than two pieces have both.
    """
    random = np.random.default_rng(0)
    chosen: list[tuple[bool, Windows]] = []
    for piece in sorted({str(each.piece[0]) for each in ours if len(each)}):
        sides = [[each for each in side if len(each) and each.piece[0] == piece] for side in (ours, humans)]
        count = min(map(len, sides))
        drawn = [[side[index] for index in random.permutation(len(side))[:count]] for side in sides]
        chosen += [(side is drawn[0], each) for side in drawn for each in side]
    pieces = {str(each.piece[0]) for _, each in chosen}
    if len(pieces) < 2:
        raise PerfLiveError(f"{len(pieces)} piece with windows of both to be told apart: two are needed, to learn from and to judge")
    windows = join([each for _, each in chosen])
    are_ours = np.repeat([side for side, _ in chosen], [len(each) for _, each in chosen])
    rows = np.sort(np.concatenate([_as_many_of_both(are_ours, windows.piece == piece, random) for piece in sorted(pieces)]))
    return Contest(windows.chosen(rows), are_ours[rows])


def _as_many_of_both(ours: np.ndarray, of_piece: np.ndarray, random: np.random.Generator) -> np.ndarray:
    sides = [np.flatnonzero(of_piece & (ours == side)) for side in (True, False)]
    count = min(map(len, sides))
    return np.concatenate([random.permutation(side)[:count] for side in sides])


def folds_of(pieces: np.ndarray) -> np.ndarray:
    """Return the fold of each window (W,), 0 to FOLDS - 1: all windows of a piece are in one, the largest pieces are dealt first."""
    names, index, counts = np.unique(pieces, return_inverse=True, return_counts=True)
    folds, filled = np.zeros(len(names), dtype=int), np.zeros(min(FOLDS, len(names)), dtype=int)
    for number in np.argsort(-counts, kind="stable"):
        folds[number] = filled.argmin()
        filled[folds[number]] += counts[number]
    return folds[index]


def cross_validate(contest: Contest, classifier: Classifier) -> np.ndarray:
    """Return how likely each window is ours (W,), by what learnt from the other folds."""
    folds, scores = folds_of(contest.windows.piece), np.zeros(len(contest.ours))
    for fold in np.unique(folds):
        held = folds == fold
        scores[held] = classifier(contest.windows.chosen(~held), contest.ours[~held], contest.windows.chosen(held))
    return scores


def judge(contest: Contest, classifier: Classifier) -> Judgement:
    scores = cross_validate(contest, classifier)
    windows = contest.windows
    _, first, index = np.unique(windows.performance, return_index=True, return_inverse=True)
    means = np.bincount(index, weights=scores) / np.bincount(index)
    return Judgement(
        with_interval(scores, contest.ours, windows.piece),
        with_interval(means, contest.ours[first], windows.piece[first]),
    )


def area_under_curve(scores: np.ndarray, ours: np.ndarray) -> float:
    """Return the share of pairs of ours and a human's in which ours has the higher score; equal ones count half (Mann and Whitney)."""
    of_ours = int(ours.sum())
    others = len(ours) - of_ours
    return float((rankdata(scores)[ours].sum() - of_ours * (of_ours + 1) / 2) / (of_ours * others))


def with_interval(scores: np.ndarray, ours: np.ndarray, pieces: np.ndarray) -> Area:
    """Return the area with its interval by bootstrap over pieces (Efron, 1979; percentiles)."""
    rows = [np.flatnonzero(pieces == piece) for piece in np.unique(pieces)]
    random = np.random.default_rng(0)
    draws = []
    for _ in range(DRAWS):
        drawn = np.concatenate([rows[index] for index in random.integers(len(rows), size=len(rows))])
        draws.append(area_under_curve(scores[drawn], ours[drawn]))
    low, high = np.percentile(draws, [(100 - INSIDE) / 2, (100 + INSIDE) / 2])
    return Area(area_under_curve(scores, ours), float(low), float(high))
