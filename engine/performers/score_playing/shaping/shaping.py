"""Rules of a performance: what is done to the model's columns after the controls, before they are decoded."""

from typing import Protocol

import numpy as np

from engine.score.piece import Piece


class Rule(Protocol):
    """Immutable: it knows the whole score beforehand, so that a performance can begin anywhere and be copied."""

    def apply(self, columns: np.ndarray, first: int) -> np.ndarray:
        """Return the columns (n, 8) to be played of the notes from ``first`` on: of one onset, or of one anchor of the tempo curve.

        They are those of models.performance.representation; ``columns`` stay as they are.
        """


class Shaping:
    """The rules for one piece, in order; immutable."""

    def __init__(self, piece: Piece):
        self._rules: tuple[Rule, ...] = ()

    def apply(self, columns: np.ndarray, first: int) -> np.ndarray:
        """Return the columns (n, 8) after all rules; see ``Rule``."""
        for rule in self._rules:
            columns = rule.apply(columns, first)
        return columns
