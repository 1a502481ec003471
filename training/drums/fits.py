"""How what drummers add strays from what is likely: which share of it is of the whole take, of a drum in it, and of a place in the bar.

A groove repeats itself, and so does what is added. Shares of variance are fitted to pairs of strokes of one take that training has not
seen.
"""

import numpy as np

LARGEST = 3.0  # standard deviations that a stroke counts as at most


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


def _pairs(scores: np.ndarray, group: np.ndarray) -> tuple[float, float]:
    """Return the sum of the products of all pairs of strokes that have a group in common, and how many pairs there are."""
    count, total, squares = np.bincount(group), np.bincount(group, scores), np.bincount(group, scores**2)
    return float(np.sum(total**2 - squares)), float(np.sum(count * (count - 1.0)))
