"""``perf-eval score-performer``: are bars in a pianist's manner, learnt from the rest of the piece, nearer to that pianist's bars than to
another's?
"""

from typing import NamedTuple

import numpy as np

from engine.performers.score_performer.directions import Places
from engine.performers.score_performer.reference import ReadStyle, manner, reference_styles
from engine.performers.score_performer.score import ScoreReading
from engine.performers.score_performer.style import StyleChoice
from engine.performers.score_playing.shaping.directions import Bars
from engine.score.tables import Score
from models.performance.representation import Performed
from models.score_performer.representation import decode_performance
from training.evaluation.score_performer.excerpts import Excerpt, Renderer, excerpts
from training.evaluation.score_performer.trials import PARTS, Passage

# By how much bars of a performance differ, see training.score_performer.style_space: velocities, octaves of tempo, octaves of length
TYPICAL = (10.0, 0.27, 0.48)
MOST_PIANISTS = 6  # of a piece, or one with many would outweigh all others


class Comparison(NamedTuple):
    """Distances of a rendering in a pianist's manner from the pianist's own bars and from another's, in deviations."""

    own: float
    other: float


def compare_pianists(score: Score, performances: np.ndarray, render: Renderer, seed: int) -> list[Comparison]:
    """Return for every two pianists, ``performances`` (P, N, 16) of ``score``, both ways, how near the one's manner comes to both.

    The manner is learnt from the notes outside an excerpt; nothing when the score has none, or no notes outside it. Of more than
    MOST_PIANISTS some are taken.
    """
    if len(performances) > MOST_PIANISTS:
        performances = performances[np.linspace(0, len(performances) - 1, MOST_PIANISTS).astype(int)]
    found = excerpts(score, 1)
    if not found or len(performances) < 2:
        return []
    excerpt = found[0]
    outside = np.ones(len(score.notes), dtype=bool)
    outside[excerpt.rows] = False
    if not outside.any():
        return []
    reading = ScoreReading(render.performer.networks, score)
    manners = [_manner(render.performer.networks.read_style, reading, tokens, outside) for tokens in performances]
    rendered = render(excerpt.score, [StyleChoice(manner=each) for each in manners], seed)
    mine = [_whole(excerpt, performed) for performed in rendered]
    theirs = [_whole(excerpt, _performed(excerpt, tokens)) for tokens in performances]
    pairs = [(own, other) for own in range(len(theirs)) for other in range(len(theirs)) if own != other]
    return [Comparison(distance(mine[own], theirs[own]), distance(mine[own], theirs[other])) for own, other in pairs]


def _manner(read_style: ReadStyle, reading: ScoreReading, tokens: np.ndarray, outside: np.ndarray) -> np.ndarray:
    """Return the manner (W,) of a performance in the notes ``outside`` (N,)."""
    styles = reference_styles(read_style, tokens[outside].astype(np.int64), reading.segments[outside])
    return manner(styles, reading.expected[outside])


def _performed(excerpt: Excerpt, tokens: np.ndarray) -> Performed:
    """Return the excerpt of a performance (N, 16) of the whole score."""
    notes = excerpt.score.notes
    return decode_performance(notes, Places(excerpt.score).segments, tokens[excerpt.rows])


def _whole(excerpt: Excerpt, performed: Performed) -> Passage:
    numbers = excerpt.score.measures["number"]
    return Passage(excerpt.score, performed, Bars(int(numbers[0]), int(numbers[-1])))


def distance(one: Passage, other: Passage) -> float:
    """Return how far two performances are apart: mean absolute differences of velocities, tempos and lengths, each in deviations."""
    differences = (
        np.abs(one.velocities - other.velocities),
        np.abs(one.tempos(PARTS) - other.tempos(PARTS)),
        np.abs(one.lengths - other.lengths),
    )
    return float(np.mean([np.nanmean(each) / typical for each, typical in zip(differences, TYPICAL, strict=True)]))
