"""Bounds without a kink."""

import math

# A beat is so many octaves slower or faster than those around it at most. Of humans' last four beats the slowest is slower than that in
# one performance of twenty (perf-eval tempo-limits).
MOST_STRAYED = math.log2(2.95)
STRAIGHT_SHARE = 0.85  # of a bound, up to which nothing is changed


def bounded(value: float, most: float) -> float:
    """Return a value that stays within ``most``, more than 0: itself up to STRAIGHT_SHARE of that, then ever less."""
    straight = STRAIGHT_SHARE * most
    if abs(value) <= straight:
        return value
    rest = most - straight
    return math.copysign(straight + rest * math.tanh((abs(value) - straight) / rest), value)


def near_surroundings(octaves: float, most_slower: float = MOST_STRAYED) -> float:
    """Return by how many octaves a beat, or a part of one that may be ``most_slower``, is heard to stray from those around it."""
    return bounded(octaves, most_slower if octaves > 0 else MOST_STRAYED)
