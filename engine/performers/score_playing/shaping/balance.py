"""The tune of an ensemble is brought out. A rule, and not learnt: it reads the score and hears nothing.

In each bar one player leads: the first in the order of the score of those that move, which is to begin two notes or more; where none moves,
the first that begins one. In a MIDI file, whose order says little, the order is from high to low. Players of keyboards come last: beside
others they accompany. The leader plays LOUDER steps louder and the others as much softer.

How loud the others are as a whole beside it the marks say, more than the model: see ``ColumnExpression.draw_to_the_tune``.
"""

import numpy as np

from engine.performers.score_playing.shaping.players import KEYBOARDS, channel_programs
from engine.score.piece import Piece
from models.performance.representation import VELOCITY

LOUDER = 4.0  # velocity steps: a leader is half a dynamic mark above the others


class Balance:
    """A rule of ``Shaping``, of pieces with several players."""

    def __init__(self, piece: Piece, players: np.ndarray):
        """``players`` (N,) are numbers from 0."""
        self.leads = players == leaders(piece, players)
        self._steps = np.where(self.leads, LOUDER, -LOUDER) / 127

    def apply(self, columns: np.ndarray, first: int) -> np.ndarray:
        changed = columns.copy()
        changed[:, VELOCITY] += self._steps[first : first + len(columns)]
        return changed


def leaders(piece: Piece, players: np.ndarray) -> np.ndarray:
    """Return the player (N,) who leads in the bar of each note."""
    notes, measures = piece.score.notes, piece.score.measures
    bars = np.searchsorted(measures["onset_quarter"], notes["onset_quarter"] + 1e-6, side="right")
    order = _order(piece, players)
    leading = np.zeros(len(notes), dtype=int)
    for bar in np.unique(bars).tolist():
        inside = bars == bar
        begun = [len(np.unique(notes["onset_quarter"][inside & (players == player)])) for player in order]
        moving = [player for player, count in zip(order, begun, strict=True) if count > 1]
        sounding = [player for player, count in zip(order, begun, strict=True) if count]
        leading[inside] = (moving or sounding)[0]
    return leading


def _order(piece: Piece, players: np.ndarray) -> list[int]:
    """Return the players in the order in which they are asked to lead."""
    programs = channel_programs(piece)
    order = np.unique(players).tolist()
    if not piece.score.has_markings:
        order.sort(key=lambda player: -piece.score.notes["pitch"][players == player].mean())
    return sorted(order, key=lambda player: programs[int(piece.instrument_channels[players == player][0])] in KEYBOARDS)
