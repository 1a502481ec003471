"""The style of a performance over the bars of a score, as data: a picture shows it, see ``engine.output.style_picture``."""

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class StyleCurve:
    """``edges`` (B, 2) of the bars that have notes, in quarters; ``leans`` (B,), in deviations of humans' bars.

    ``ways`` (B,) are indices of ``names``: the direction in which each bar leans.
    """

    edges: np.ndarray
    leans: np.ndarray
    ways: np.ndarray
    names: tuple[str, ...]
