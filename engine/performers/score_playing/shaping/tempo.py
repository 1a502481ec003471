"""How fast a performance is as a whole, and how far a beat may stray from the beats around it.

The model decides the shape of the tempo; these rules move it as a whole and bound it. In each section of one written tempo, shades of it
included, the model's beat periods are multiplied by one factor, so that the section lasts as long as the score says, or as the model would
have it, or between the two. With P the model's beat period, S that of its surroundings and W the written one, all in log2 of seconds a
quarter, F the section's factor in octaves and a the amount of expression, what is heard is

    W + a (S + F - W) + bounded(a (P - S))

The bound is a beat's: a part of one may stray further as far as the earlier parts have not.

What a model plays is not quite what it expected, so the section is also held at its tempo by what has become of it so far. Factors and
surroundings come from what the model expects of the whole score before it plays: a performance may begin anywhere.
"""

import math
from dataclasses import dataclass, field
from typing import NamedTuple, Protocol

import numpy as np

from engine.performers.score_playing.expression import ColumnExpression
from engine.performers.score_playing.shaping.beats import BeatSoFar
from engine.performers.score_playing.shaping.bounds import bounded, near_surroundings
from engine.performers.score_playing.shaping.expected_tempo import ExpectedTempo
from engine.performers.score_playing.shaping.texture import fitting_tempo, is_solo_keyboard
from engine.performers.score_playing.shaping.written_tempo import held_sections, section_of, tempo_sections
from engine.score.piece import Piece
from engine.score.tempo import tempo_at

SCORE_SHARE = {"mark": 1.0, "word": 0.5, "nothing": 0.0}  # of the score's tempo, where no control says it; the rest is the model's
MOST_FROM_FITTING = 1.5  # octaves that a model's tempo is from one that fits the rhythm, where the score says nothing
HELD = 4.0  # octaves of correction for an octave that a section has become too slow
MOST_CORRECTED = 0.5  # octaves
UNTOLD_S = 8.0  # of a section's beginning, in which a few notes do not yet tell


@dataclass
class TempoDrift:
    """How long the part of a section that is over has lasted, and how long it was to last, in seconds, and what has become of the beat:
    a stream's changing state.
    """

    section: int = -1
    heard_s: float = 0.0
    planned_s: float = 0.0
    beat: BeatSoFar = field(default_factory=BeatSoFar)

    @property
    def slower(self) -> float:
        """How many octaves slower than planned the section is so far."""
        return math.log2((self.heard_s + UNTOLD_S) / (self.planned_s + UNTOLD_S))


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
        return own + self.score_share(given, share) * (self.score - own) - self.expected

    def score_share(self, given: float, share: float) -> float:
        """Return the share of the score's tempo."""
        return self.share + given * (share - self.share)

    def held(self, given: float, share: float) -> float:
        """Return how much of the section's drift is corrected, 0 to 1: a tempo that the model chooses is its own."""
        return self.score_share(given, share) if self.marked or self.chooses else 1.0


class Tempo(Protocol):
    def heard(self, period: float, note: int, expression: ColumnExpression, drift: TempoDrift) -> float:
        """Return the beat period, log2 of seconds a quarter, that is heard from a note on, given the model's."""

    def passed(self, drift: TempoDrift, note: int, quarters: float, heard_s: float, expression: ColumnExpression) -> None:
        """Let so many quarters from a note on be over, which lasted ``heard_s``."""


class TempoRule:
    """The tempo of one piece; immutable."""

    def __init__(self, piece: Piece, expected: np.ndarray, follows_reference: bool = False):
        """``expected`` (N,): the beat period, log2 of seconds a quarter, from each note on that the model expects before it plays.

        With ``follows_reference`` that is a reference's, whose tempo is kept unless a control says otherwise.
        """
        score, onsets, written = piece.score, piece.score.notes["onset_quarter"], tempo_sections(piece.score)
        sections = held_sections(written)
        tempo = ExpectedTempo(score, expected, written)
        chooses, fitting = is_solo_keyboard(piece), math.log2(60 / fitting_tempo(score))
        self._levels = []
        for section in sections:
            said = fitting if section.said == "nothing" else math.log2(section.seconds / section.quarters)
            share = 0.0 if follows_reference else SCORE_SHARE[section.said]
            marked = follows_reference or section.said == "mark"
            self._levels.append(_Level(said, tempo.mean_period(section), fitting, share, chooses, marked))
        self._section: list[int] = section_of(sections, onsets).tolist()
        self._bounds, self._anchor_of = tempo.bounds, tempo.anchor_of.tolist()
        self._surroundings: list[float] = tempo.surroundings.tolist()
        self._expected: list[float] = tempo.periods.tolist()
        in_force = np.log2(60 / tempo_at(score, onsets))
        marked_at = np.array([section.said == "mark" for section in sections])[self._section]
        self._marked: list[float] = np.where(marked_at, in_force, np.nan).tolist()

    def written(self, note: int, pace: float = 0.0) -> float:
        """Return the beat period at a note without expression: the score's, or where it says none, the mean of the performance."""
        level = self._levels[self._section[note]]
        return level.expected + level.factor(0.0, 0.0, pace) if math.isnan(self._marked[note]) else self._marked[note]

    def heard(self, period: float, note: int, expression: ColumnExpression, drift: TempoDrift, pace: float = 0.0) -> float:
        """Return the beat period, log2 of seconds a quarter, that is heard from a note on, given the model's.

        ``pace``: how many octaves slower than expected the model plays as a whole.
        """
        return self._planned(period - pace, note, expression, pace, drift.beat) - self._correction(note, expression, drift)

    def passed(
        self, drift: TempoDrift, note: int, quarters: float, heard_s: float, expression: ColumnExpression, pace: float = 0.0
    ) -> None:
        """Let so many quarters from a note on be over, which lasted ``heard_s``."""
        planned_s = quarters * 2.0 ** self._planned(self._expected[note], note, expression, pace, drift.beat)
        around_s = quarters * 2.0 ** (self._around(note, expression, pace) - self._correction(note, expression, drift))
        self._bounds.passed(drift.beat, self._anchor_of[note], quarters, heard_s / around_s if quarters else 1.0)
        if drift.section != self._section[note]:
            drift.section, drift.heard_s, drift.planned_s = self._section[note], 0.0, 0.0
        drift.heard_s += heard_s
        drift.planned_s += planned_s

    def _planned(self, period: float, note: int, expression: ColumnExpression, pace: float, beat: BeatSoFar) -> float:
        """Return the beat period that is heard, given one of a model that plays as fast as it expects to."""
        strayed = expression.tempo_amount * (period - self._surroundings[note])
        return self._around(note, expression, pace) + near_surroundings(strayed, self._bounds.most_slower(self._anchor_of[note], beat))

    def _around(self, note: int, expression: ColumnExpression, pace: float) -> float:
        """Return the beat period of a note's surroundings."""
        factor = self._levels[self._section[note]].factor(*expression.tempo_from, pace)
        written = self.written(note, pace)
        return written + expression.tempo_amount * (self._surroundings[note] + factor - written)

    def _correction(self, note: int, expression: ColumnExpression, drift: TempoDrift) -> float:
        """Return by how many octaves a section that has become too slow is faster."""
        if drift.section != self._section[note]:
            return 0.0
        held = self._levels[self._section[note]].held(*expression.tempo_from)
        return bounded(HELD * held * drift.slower, MOST_CORRECTED)
