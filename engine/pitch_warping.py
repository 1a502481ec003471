"""Dynamic time warping of played pitches to the onsets of a score, a row at a time: a second for a sonata. NumPy only."""

import numpy as np

DIAGONAL, UP, LEFT = range(3)  # of equal steps the first is taken


def warp_pitches(pitches: np.ndarray, sets: list[set[int]]) -> tuple[int, np.ndarray]:
    """Return the cost and the path (K, 2) from the first pitch and set to the last: index of the pitch, index of the set.

    ``pitches`` 0 to 127 in order of time; each set has the pitches of an onset. A pitch outside its set costs 1.
    """
    absent = np.ones((128, len(sets)), dtype=np.int32)
    for column, members in enumerate(sets):
        absent[list(members), column] = 0
    steps = np.empty((len(pitches), len(sets)), dtype=np.uint8)
    steps[0] = LEFT
    row = np.cumsum(absent[pitches[0]])
    for index, pitch in enumerate(pitches[1:], start=1):
        row, steps[index] = _next_row(row, absent[pitch])
    return int(row[-1]), _path(steps)


def _next_row(above: np.ndarray, costs: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return a row of least costs from the one above it, and the step that leads to each of its cells."""
    total = np.cumsum(costs)
    entered = above.copy()
    entered[1:] = np.minimum(above[1:], above[:-1])
    # A cell is entered from above in some column and reached from there by steps to the right, each at its own cost.
    row = total + np.minimum.accumulate(entered - total + costs)
    steps = np.full(len(row), UP, dtype=np.uint8)
    diagonal, up, left = above[:-1], above[1:], row[:-1]
    steps[1:] = np.where(diagonal <= np.minimum(up, left), DIAGONAL, np.where(up <= left, UP, LEFT))
    return row, steps


def _path(steps: np.ndarray) -> np.ndarray:
    row, column = steps.shape[0] - 1, steps.shape[1] - 1
    path = [(row, column)]
    while row or column:
        step = steps[row, column]
        row, column = row - (step != LEFT), column - (step != UP)
        path.append((row, column))
    return np.array(path[::-1], dtype=np.int64)
