"""Some bars of scores, and performances of them in several styles, as perf-render would write them."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import NamedTuple

import numpy as np

from engine.output.endpoints import Performance
from engine.performers.score_performer.directions import Places
from engine.performers.score_performer.performer import ScorePerformerPerformer
from engine.performers.score_performer.style import StyleChoice
from engine.performers.score_playing.shaping.directions import Bars
from engine.score.piece import Piece, piece_of
from engine.score.tables import Score
from models.performance.representation import Performed
from training.evaluation.expressiveness.renderers import play, setup_of

LEAD_BARS, STYLED_BARS, FOLLOWING_BARS = 2, 8, 4
FEWEST_ONSETS, MOST_NOTES = 2, 500  # of a styled bar; of an excerpt


class Excerpt(NamedTuple):
    """``score`` has the notes ``rows`` of a piece's, its positions and bar numbers; ``bars`` are those that are to be styled."""

    score: Score
    rows: slice
    bars: Bars


def cut(score: Score, first: int, count: int) -> tuple[Score, slice]:
    """Return ``count`` measures from the ``first`` on, counted from 0, as a score, and which notes these have."""
    measures = score.measures[first : first + count]
    begin, end = measures["onset_quarter"][0], measures["onset_quarter"][-1] + measures["duration_quarter"][-1]
    low, high = np.searchsorted(score.notes["onset_quarter"], (begin - 1e-6, end - 1e-6)).tolist()
    rows = slice(low, high)
    return replace(score, notes=score.notes[rows], markings=score.markings[rows], measures=measures), rows


def excerpts(score: Score, count: int) -> list[Excerpt]:
    """Return up to ``count`` excerpts, spread evenly over those that there are: STYLED_BARS in a row with some before and after."""
    every = list(_excerpts(score))
    if not every:
        return []
    return [every[index] for index in np.unique(np.linspace(0, len(every) - 1, count + 2)[1:-1].round().astype(int))]


def _excerpts(score: Score) -> Iterator[Excerpt]:
    length = LEAD_BARS + STYLED_BARS + FOLLOWING_BARS
    for first in range(len(score.measures) - length + 1):
        part, rows = cut(score, first, length)
        numbers = part.measures["number"]
        if not 0 < len(part.notes) <= MOST_NOTES or (np.diff(numbers) != 1).any():
            continue
        bars = Bars(int(numbers[LEAD_BARS]), int(numbers[LEAD_BARS + STYLED_BARS - 1]))
        places = Places(part)
        by_bar = [np.unique(places.positions[places.numbers == number]) for number in range(bars.first, bars.last + 1)]
        full = all(len(onsets) >= FEWEST_ONSETS for onsets in by_bar)
        if full and places.weights("downbeats", bars).any() and places.numbers[-1] > bars.last:
            yield Excerpt(part, rows, bars)


class Renderer:
    """Performs scores with a model, in any style; at ``temperature`` 0 it plays what performers have in common."""

    def __init__(self, performer: ScorePerformerPerformer, temperature: float = 1.0):
        self.performer, self.temperature = performer, temperature

    def __call__(self, score: Score, choices: Sequence[StyleChoice], seed: int) -> list[Performed]:
        """Return a performance by note of ``score`` for each of ``choices``."""
        piece = piece_of(score)
        return [self._perform(piece, choice, seed) for choice in choices]

    def _perform(self, piece: Piece, choice: StyleChoice, seed: int) -> Performed:
        setup = setup_of(self.performer, seed, {"temperature": self.temperature})
        stream = self.performer.perform_score(piece, seed, setup.controls, ahead=False, choose=lambda *_: choice)
        return play(setup, Performance(piece, stream))
