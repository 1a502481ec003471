"""Choosing one class from logits: the Gumbel-max trick with noise that depends on a seed and a place alone. NumPy only.

argmax(logits + Gumbel noise) draws a class with its softmax probability (Gumbel 1954; Maddison, Tarlow & Minka, NeurIPS 2014). Where the
logits of two networks hardly differ, as those of a network and of its copy in 8 bits, the same noise hardly ever leads to another class.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np

DRAWN_AT_ONCE = 16  # consecutive indices whose noise is drawn together


class GumbelNoise:
    """Standard Gumbel noise for every index (event or note) of a seed. It does not depend on what was chosen or taken back before.

    Philox (Salmon et al., SC 2011) makes numbers a function of a key, here the seed (0 to 2^64 - 1), and of a counter of four words: the
    place within an index's numbers, the index, the ``lane`` (one of several continuations, each with noise of its own) and 0.
    """

    def __init__(self, seed: int, lane: int = 0):
        self._seed, self._lane = seed, lane
        self._numbers = np.random.Philox(key=seed)
        self._place: Any = self._numbers.state  # setting it takes a third of the time that a new generator takes
        self._drawn: tuple[int, int] | None = None
        self._values: list[np.ndarray] = []

    def with_lane(self, lane: int) -> "GumbelNoise":
        """Return the noise of the same seed in another lane."""
        return GumbelNoise(self._seed, lane)

    def exponential(self, index: int, count: int) -> np.ndarray:
        """Return ``count`` standard exponential numbers for ``index``, float64."""
        self._place["state"]["counter"][:] = 0, index, self._lane, 0
        self._numbers.state = self._place
        return -np.log(((self._numbers.random_raw(count) >> 11) + 0.5) * 2.0**-53)

    def values(self, index: int, count: int) -> np.ndarray:
        """Return ``count`` standard Gumbel numbers for ``index``, float32.

        The numbers of DRAWN_AT_ONCE consecutive indices are drawn together, because that takes a fraction of the time.
        """
        drawn, place = divmod(index, DRAWN_AT_ONCE)
        if (drawn, count) != self._drawn:
            values = -np.log(self.exponential(drawn, DRAWN_AT_ONCE * count))
            self._drawn, self._values = (drawn, count), list(values.astype(np.float32).reshape(DRAWN_AT_ONCE, count))
        return self._values[place]


@dataclass(frozen=True)
class SamplingOptions:
    """``temperature``: divides the logits; 0 chooses the likeliest class. ``top_p``: only the fewest likeliest classes whose probabilities
    reach this sum, above 0 to 1, are chosen from (nucleus sampling).
    """

    temperature: float = 1.0
    top_p: float = 0.95
