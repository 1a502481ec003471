"""Small networks that answer with a distribution in bins, as they are called without PyTorch. NumPy only."""

from typing import NamedTuple

import numpy as np


class Head(NamedTuple):
    """A network: weights (inputs, H1), (H1, H2), (H2, bins) with their biases, and the bounds (bins,) of the bins."""

    first: np.ndarray
    first_bias: np.ndarray
    second: np.ndarray
    second_bias: np.ndarray
    last: np.ndarray
    last_bias: np.ndarray
    low: np.ndarray
    high: np.ndarray


class LaterLayers(NamedTuple):
    """What follows the first layer of a ``Head``, as it is called. What is summed up for a silu is half of it, which is exact."""

    second: np.ndarray
    second_bias: np.ndarray
    last: np.ndarray
    last_bias: np.ndarray
    low: list[float]
    high: list[float]

    @classmethod
    def of(cls, head: Head) -> "LaterLayers":
        return cls(head.second / 2, head.second_bias / 2, head.last, head.last_bias, head.low.tolist(), head.high.tolist())

    def draw(self, sums: np.ndarray, share: float) -> float:
        """Return a value by inverse transform sampling of ``share``; ``sums`` (H1,) are half of the first layer's."""
        second, second_bias, last, last_bias, low, high = self
        hidden = silu_of_half(sums).dot(second)  # quicker than @ for a row
        hidden += second_bias
        logits = silu_of_half(hidden).dot(last)
        logits += last_bias
        chances = np.exp(logits, dtype=np.float64)  # in which no logits are too large
        above = np.add.accumulate(chances)
        place = share * float(above[-1])
        index = min(int(above.searchsorted(place, side="right")), len(low) - 1)
        inside = min(max(1 - (float(above[index]) - place) / float(chances[index]), 0.0), 1.0)
        return low[index] + inside * (high[index] - low[index])


def silu_of_half(half: np.ndarray) -> np.ndarray:
    """Return silu(2 half)."""
    silu = np.tanh(half)
    silu *= half
    silu += half
    return silu
