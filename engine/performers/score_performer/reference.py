"""The style of a given performance: of the same piece note by note, or of another one as a manner."""

from collections.abc import Callable

import numpy as np

from engine.score.tables import Score
from models.performance.representation import Performed
from models.score_performer.representation import encode_performance
from models.score_performer.vocabulary import SPECIALS, VELOCITY

# Tokens (M, 16) and segments (M, 3) of a performance's notes, of any number -> their styles (M, W)
ReadStyle = Callable[[np.ndarray, np.ndarray], np.ndarray]


def performed_styles(read_style: ReadStyle, score: Score, tokens: np.ndarray, segments: np.ndarray, performed: Performed) -> np.ndarray:
    """Return the styles (N, W) of a performance of ``score``, whose notes as written are ``tokens`` (N, 16) and ``segments`` (N, 3)."""
    return reference_styles(read_style, encode_performance(tokens, segments, score.notes, performed).tokens, segments)


def reference_styles(read_style: ReadStyle, tokens: np.ndarray, segments: np.ndarray) -> np.ndarray:
    """Return the styles (N, W) of a performance, ``tokens`` (N, 16); ``segments`` (N, 3) are its score's.

    A note that is not performed has the style of the one before it, or of the first. Raises ValueError when none is performed.
    """
    performed = np.flatnonzero(tokens[:, VELOCITY] > SPECIALS)
    if not len(performed):
        raise ValueError("a reference needs at least one performed note")
    styles = read_style(tokens[performed], segments[performed])
    before = np.maximum(np.searchsorted(performed, np.arange(len(tokens)), side="right") - 1, 0)
    return styles[before]


def manner(styles: np.ndarray, expected: np.ndarray) -> np.ndarray:
    """Return what another piece can have of a performance's ``styles`` (N, W): their mean difference (W,) from the ``expected`` ones (N,
    W).
    """
    return (styles - expected).mean(axis=0)
