"""How a drummer strays from what is likely: which share of it is of the whole take, of a drum in it, and of a place in the bar.

A groove repeats itself, and so do its deviations: what is struck a little early or loud in one bar is so in the next. Shares of variance
are fitted to pairs of strokes of one take that training has not seen.
"""

import numpy as np
from scipy.optimize import nnls
from scipy.stats import norm

from engine.performers.drums.expression import DRIFTS_S, TOGETHER_S
from models.drums.representation import LEVELS

LAGS = (1, 2, 3, 4, 6, 8, 12, 16, 24, 48, 96, 200)
LARGEST = 3.0  # standard deviations that a stroke counts as at most
FIRST, SECOND = norm.ppf(LEVELS[0]), norm.ppf(LEVELS[-1])


def normal_scores(quantiles: np.ndarray, played: np.ndarray) -> np.ndarray:
    """Return by how many standard deviations what was played (N,) strays from its predicted quantiles (N, 3)."""
    low, median, high = quantiles.T
    below, above = np.maximum(median - low, 1e-3), np.maximum(high - median, 1e-3)
    away = played - median
    return np.where(away < 0, away / below * -FIRST, away / above * SECOND).clip(-LARGEST, LARGEST)


def fit_shares(scores: np.ndarray, take: np.ndarray, role: np.ndarray, place: np.ndarray) -> list[float]:
    """Return the shares of variance of a take, of a role in it, and of a role's place in the bar; what they leave of 1 is each stroke's.

    All arguments are (N,).
    """
    groups = (take, take * 1000 + role, (take * 1000 + role) * 1000 + place)
    sums, counts = np.array([_pairs(scores, np.unique(group, return_inverse=True)[1]) for group in groups]).T
    # of pairs that have no finer group in common
    sums, counts = sums - np.append(sums[1:], 0), counts - np.append(counts[1:], 0)
    products = sums / np.maximum(counts, 1) / np.mean(scores**2)
    shares = np.diff(products, prepend=0).clip(min=0)
    return [float(share) for share in shares / max(1.0, shares.sum())]


def fit_common_shares(scores: np.ndarray, take: np.ndarray, role: np.ndarray, time_s: np.ndarray) -> list[float]:
    """Return the shares of variance that all drums have in common: of what is struck together, and of a drift of each of DRIFTS_S.

    They are fitted to products of strokes of different roles in one take, LAGS strokes apart. All arguments are (N,).
    """
    columns, products = [], []
    for lag in LAGS:
        pairs = np.flatnonzero((take[lag:] == take[:-lag]) & (role[lag:] != role[:-lag]))
        elapsed_s = time_s[pairs + lag] - time_s[pairs]
        drifts = [np.exp(-elapsed_s / drift_s) for drift_s in DRIFTS_S]
        columns.append(np.stack([np.ones(len(pairs)), elapsed_s < TOGETHER_S, *drifts], 1))
        products.append(scores[pairs] * scores[pairs + lag])
    described, wanted = np.concatenate(columns), np.concatenate(products) / np.mean(scores**2)
    _, *shares = nnls(described.T @ described, described.T @ wanted)[0]  # the first is the take's
    return [float(share) for share in shares]


def _pairs(scores: np.ndarray, group: np.ndarray) -> tuple[float, float]:
    """Return the sum of the products of all pairs of strokes that have a group in common, and how many pairs there are."""
    count, total, squares = np.bincount(group), np.bincount(group, scores), np.bincount(group, scores**2)
    return float(np.sum(total**2 - squares)), float(np.sum(count * (count - 1.0)))
