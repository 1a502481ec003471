"""Dynamic time warping of played pitches to the onsets of a score, a row at a time: seconds for a sonata. NumPy only."""

import numpy as np

DIAGONAL, UP, LEFT = range(3)  # to the next pitch and set, the next pitch, the next set; of equal steps the first is taken


def warp_pitches(pitches: np.ndarray, sets: list[set[int]], step_costs: np.ndarray | None = None) -> tuple[float, np.ndarray]:
    """Return the cost and the path (K, 2) from the first pitch and set to the last: index of the pitch, index of the set.

    ``pitches`` (P,) 0 to 127 in order of time; each set has the pitches of an onset. A pitch outside its set costs 1, and ``step_costs``
    (P, 3), multiples of 1/8, are those of a DIAGONAL, UP and LEFT step to each pitch; without them steps cost nothing.
    """
    absent = np.ones((128, len(sets)), dtype=np.float32)  # sums of so few eighths are exact
    for column, members in enumerate(sets):
        absent[list(members), column] = 0
    costs = np.zeros((len(pitches), 3)) if step_costs is None else step_costs
    steps = np.empty((len(pitches), len(sets)), dtype=np.uint8)
    steps[0] = LEFT
    row = np.cumsum(absent[pitches[0]] + np.float32(costs[0, LEFT])) - np.float32(costs[0, LEFT])
    for index, (pitch, costs_here) in enumerate(zip(pitches[1:], costs[1:].astype(np.float32), strict=True), start=1):
        row, steps[index] = _next_row(row, absent[pitch], *costs_here)
    return float(row[-1]), _path(steps)


def _next_row(
    above: np.ndarray, absent: np.ndarray, diagonal_cost: np.float32, up_cost: np.float32, left_cost: np.float32
) -> tuple[np.ndarray, np.ndarray]:
    """Return a row of least costs from the one above it, and the step that leads to each of its cells."""
    total = np.cumsum(absent + left_cost)
    diagonal, up = above[:-1] + diagonal_cost, above + up_cost
    entered = up.copy()
    entered[1:] = np.minimum(up[1:], diagonal)
    # A cell is entered from above in some column and reached from there by steps to the right, each at its own cost.
    row = total + np.minimum.accumulate(entered - total + absent)
    steps = np.full(len(row), UP, dtype=np.uint8)
    left = row[:-1] + left_cost
    steps[1:] = np.where(diagonal <= np.minimum(up[1:], left), DIAGONAL, np.where(up[1:] <= left, UP, LEFT))
    return row, steps


def _path(steps: np.ndarray) -> np.ndarray:
    row, column = steps.shape[0] - 1, steps.shape[1] - 1
    path = [(row, column)]
    while row or column:
        step = steps[row, column]
        row, column = row - (step != LEFT), column - (step != UP)
        path.append((row, column))
    return np.array(path[::-1], dtype=np.int64)
