"""Which of two series belong together, one to one."""

from collections.abc import Sequence

import numpy as np


def count_pairs(one: Sequence[float] | np.ndarray, other: Sequence[float] | np.ndarray, most_apart: float) -> int:
    """Return how many of two ascending series can be paired within ``most_apart``, each in one pair at most."""
    count = first = second = 0
    while first < len(one) and second < len(other):
        apart = one[first] - other[second]
        if abs(apart) <= most_apart:
            count, first, second = count + 1, first + 1, second + 1
        elif apart < 0:
            first += 1
        else:
            second += 1
    return count
