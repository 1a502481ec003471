"""How fast a performance is as a whole, and how far a beat may stray from the beats around it.

The model decides the shape of the tempo; these rules move it as a whole and bound it. In each section of one written tempo the model's
beat periods are multiplied by one factor, so that the section lasts as long as the score says, or as the model would have it, or between
the two. With P the model's beat period, S that of its surroundings and W the written one, all in log2 of seconds a quarter, F the
section's factor in octaves and a the amount of expression, what is heard is

    W + a (S + F - W) + bounded(a (P - S))

Factors and surroundings come from what the model expects of the whole score before it plays: a performance may begin anywhere.
"""

import math
from typing import NamedTuple, Protocol

import numpy as np

from engine.performers.score_playing.expression import ColumnExpression
from engine.performers.score_playing.shaping.expected_tempo import ExpectedTempo
from engine.performers.score_playing.shaping.texture import fitting_tempo, is_solo_keyboard
from engine.performers.score_playing.shaping.written_tempo import tempo_sections
from engine.score.piece import Piece
from engine.score.tempo import tempo_at

SCORE_SHARE = {"mark": 1.0, "word": 0.5, "nothing": 0.0}  # of the score's tempo, where no control says it; the rest is the model's
# By how many octaves a beat is slower or faster than its surroundings at most. The first is the 95th percentile of the slowest of humans'
# last four beats, 2.96 times; the second that of the slowest beat of a piece, which mostly is a fermata (perf-eval tempo-limits).
MOST_SLOWER, MOST_SLOWER_IN_FERMATA, MOST_FASTER = 1.56, 2.66, math.log2(3)
STRAIGHT_SHARE = 0.6  # of a bound, up to which nothing is changed
MOST_FROM_FITTING = 1.5  # octaves that a model's tempo is from one that fits the rhythm, where the score says nothing


def bounded(octaves: float, most: float) -> float:
    """Return a value that stays within ``most``, more than 0: itself up to STRAIGHT_SHARE of that, then ever less, without a kink."""
    straight = STRAIGHT_SHARE * most
    if abs(octaves) <= straight:
        return octaves
    rest = most - straight
    return math.copysign(straight + rest * math.tanh((abs(octaves) - straight) / rest), octaves)


class _Level(NamedTuple):
    """A section's mean tempo in log2 of seconds a quarter: as the score says it, as the model expects it, as it fits the rhythm.

    ``share`` is that of the score's where no control says it. Where the model does not ``choose``, its own tempo is the fitting one, and
    where it chooses without knowing the score's (not ``marked``), it stays within MOST_FROM_FITTING of that.
    """

    score: float
    expected: float
    fitting: float
    share: float
    chooses: bool
    marked: bool

    def factor(self, given: float, share: float, pace: float) -> float:
        """Return how many octaves slower than the model expects the section is to be.

        ``share`` is what the control says of the score's, ``given`` how far it is heard; ``pace`` is how many octaves slower than expected
        the model plays of its own.
        """
        own = self.expected + pace
        if not self.marked:
            own = self.fitting + (bounded(own - self.fitting, MOST_FROM_FITTING) if self.chooses else 0.0)
        return own + (self.share + given * (share - self.share)) * (self.score - own) - self.expected


class Tempo(Protocol):
    def heard(self, period: float, note: int, expression: ColumnExpression) -> float:
        """Return the beat period, log2 of seconds a quarter, that is heard from a note on, given the model's."""


class TempoRule:
    """The tempo of one piece; immutable."""

    def __init__(self, piece: Piece, expected: np.ndarray, follows_reference: bool = False):
        """``expected`` (N,): the beat period, log2 of seconds a quarter, from each note on that the model expects before it plays.

        With ``follows_reference`` that is a reference's, whose tempo is kept unless a control says otherwise.
        """
        score, onsets, sections = piece.score, piece.score.notes["onset_quarter"], tempo_sections(piece.score)
        tempo = ExpectedTempo(score.notes, expected, sections)
        chooses, fitting = is_solo_keyboard(piece), math.log2(60 / fitting_tempo(score))
        self._levels = []
        for section in sections:
            said = fitting if section.said == "nothing" else math.log2(section.seconds / section.quarters)
            share = 0.0 if follows_reference else SCORE_SHARE[section.said]
            marked = follows_reference or section.said == "mark"
            self._levels.append(_Level(said, tempo.mean_period(section), fitting, share, chooses, marked))
        self._section: list[int] = tempo.section_of(onsets).tolist()
        self._surroundings: list[float] = tempo.surroundings(onsets).tolist()
        in_force = np.log2(60 / tempo_at(score, onsets))
        marked_at = np.array([section.said == "mark" for section in sections])[self._section]
        self._marked: list[float] = np.where(marked_at, in_force, np.nan).tolist()
        self._most_slower: list[float] = np.where(score.markings["fermata"], MOST_SLOWER_IN_FERMATA, MOST_SLOWER).tolist()

    def written(self, note: int, pace: float = 0.0) -> float:
        """Return the beat period at a note without expression: the score's, or where it says none, the mean of the performance."""
        level = self._levels[self._section[note]]
        return level.expected + level.factor(0.0, 0.0, pace) if math.isnan(self._marked[note]) else self._marked[note]

    def heard(self, period: float, note: int, expression: ColumnExpression, pace: float = 0.0) -> float:
        """Return the beat period, log2 of seconds a quarter, that is heard from a note on, given the model's.

        ``pace``: how many octaves slower than expected the model plays as a whole.
        """
        amount, (given, share) = expression.tempo_amount, expression.tempo_from
        factor = self._levels[self._section[note]].factor(given, share, pace)
        written, surroundings = self.written(note, pace), self._surroundings[note]
        strayed = amount * (period - pace - surroundings)
        most = self._most_slower[note] if strayed > 0 else MOST_FASTER
        return written + amount * (surroundings + factor - written) + bounded(strayed, most)
