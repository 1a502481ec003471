"""From a model's columns to those that are heard: the controls, and the rules of a performance."""

import copy
from typing import Protocol

import numpy as np

from engine.performers.score_playing.expression import ColumnExpression
from engine.performers.score_playing.instruments.articulation import Articulation
from engine.performers.score_playing.instruments.ensemble import instruments_of
from engine.performers.score_playing.shaping.asynchrony import Asynchrony
from engine.performers.score_playing.shaping.balance import Balance
from engine.performers.score_playing.shaping.directions import Directions
from engine.performers.score_playing.shaping.players import players_of
from engine.performers.score_playing.shaping.voicing import VoicingBounds
from engine.score.piece import Piece
from models.performance.representation import BEAT_PERIOD


class Rule(Protocol):
    """Immutable: it knows the whole score beforehand, so that a performance can begin anywhere and be copied."""

    def apply(self, columns: np.ndarray, first: int) -> np.ndarray:
        """Return the columns (n, 8) to be played of the notes from ``first`` on: of one onset, or of one anchor of the tempo curve.

        They are those of models.performance.representation; ``columns`` stay as they are.
        """


class Shaping:
    """The rules for one piece; immutable. Some belong to the expression, which the controls scale; others are of what is heard."""

    def __init__(self, piece: Piece, written: np.ndarray, seed: int, levelled: bool = True):
        """``written`` (N, 8): the columns of the notes as they are in the score; ``levelled``: whether a MIDI file's level may be kept."""
        self._players = players_of(piece)
        self._expressive: tuple[Rule, ...] = ()
        if self._players.max(initial=0) > 0:
            balance = Balance(piece, self._players)
            self._expressive, self._leads = (balance, Asynchrony(piece, self._players, seed)), balance.leads
        articulation = Articulation(piece.score, instruments_of(piece))
        self._rules: tuple[Rule, ...] = (articulation, VoicingBounds(piece.score.notes, written))
        self._levelled = levelled and not piece.score.has_markings and bool((piece.score.notes["velocity"] > 0).all())
        self._directions: Directions | None = None

    def directed(self, directions: Directions | None) -> "Shaping":
        """Return the same rules with other directions, which a user asks for: no control scales them."""
        other = copy.copy(self)
        other._directions = directions
        return other

    def slower(self, note: int) -> float:
        """Return by how many octaves the tempo from a note on is slower than the performance's own, as a user asks for."""
        return self._directions.slower(note) if self._directions else 0.0

    def heard(
        self, columns: np.ndarray, written: np.ndarray, first: int, period: float, expression: ColumnExpression
    ) -> np.ndarray:
        """Return the columns (n, 8) that are heard of the notes from ``first`` on, which have an onset or an anchor in common.

        ``columns`` are the model's, ``written`` those of the score, and ``period`` is the beat period that the tempo's rule lets be heard.
        """
        expressed = columns.copy()
        expressed[:, BEAT_PERIOD] = period
        if self._expressive:
            rows = slice(first, first + len(columns))
            expression.draw_to_the_tune(expressed, written, self._players[rows], self._leads[rows], first)
        for rule in self._expressive:
            expressed = rule.apply(expressed, first)
        played = expression.apply(expressed, written)
        played[:, BEAT_PERIOD] = period
        if self._levelled:
            expression.keep_level(played, written, first)
        for rule in (*([self._directions] if self._directions else []), *self._rules):
            played = rule.apply(played, first)
        return played
