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


def silu_of_half(half: np.ndarray) -> np.ndarray:
    """Return silu(2 half)."""
    silu = np.tanh(half)
    silu *= half
    silu += half
    return silu
