"""``perf-eval score-performer``: does a direction for eight bars change the performance of these bars the right way, and how does it
change the bars around?
"""

from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np

from engine.performers.score_performer.directions import DIRECTIONS, Places, parse_direction
from engine.performers.score_performer.style import StyleChoice
from engine.performers.score_playing.shaping.directions import Bars
from engine.score.tables import Score
from models.performance.representation import ARTICULATION, Performed, encode_performance
from models.score_performer.score_representation import BEAT_LEVEL
from models.score_performer.style_space import StyleSpace
from training.evaluation.score_performer.excerpts import Excerpt, Renderer

PARTS = 16  # of the bars, whose tempos the tempo's slope is of
SHORTEST_S = 1e-3


class Passage:
    """What is measured of some bars of a performance, of notes that are played: velocities in MIDI's, tempos and lengths in octaves."""

    def __init__(self, score: Score, performed: Performed, bars: Bars):
        """``performed`` is by note of ``score``, ``bars`` are the passage."""
        self.places = Places(score)
        inside = self.places.inside(bars)
        self.span = self.places.positions[inside][[0, -1]]
        self.velocities = np.where(inside & (performed.velocity > 0), performed.velocity, np.nan)  # (N,), and the lengths
        articulation = encode_performance(score.notes, performed)[0][:, ARTICULATION]
        self.lengths = np.where(np.isnan(self.velocities), np.nan, articulation)
        played = np.isfinite(performed.onset_sec)
        self._quarters, index = np.unique(self.places.positions[played], return_inverse=True)
        self._seconds = np.bincount(index, performed.onset_sec[played]) / np.bincount(index)

    def velocity(self) -> float:
        return float(np.nanmean(self.velocities))

    def velocity_rise(self) -> float:
        """Return the rise of the straight line through the velocities, from the passage's first note to its last."""
        played = np.isfinite(self.velocities)
        return _rise(self.places.positions[played], self.velocities[played])

    def accent(self) -> float:
        """Return how much louder the first notes of bars are than the others."""
        downbeats = self.places.weights("downbeats", None) > 0
        return float(np.nanmean(self.velocities[downbeats]) - np.nanmean(self.velocities[~downbeats]))

    def tempo(self) -> float:
        """Return the mean tempo from the passage's first onset to its last."""
        return float(self.tempos(1)[0])

    def tempo_rise(self) -> float:
        """Return the rise of the straight line through the tempos of equal parts, from the first to the last."""
        return _rise(np.arange(PARTS), self.tempos(PARTS))

    def last_tempo(self) -> float:
        """Return the tempo from the first onset of the last beat to the first onset after the passage."""
        positions, beats = self.places.positions, self.places.segments[:, BEAT_LEVEL]
        beat = beats[positions <= self.span[1]][-1]
        return float(self._tempos(np.array([positions[beats == beat][0], positions[positions > self.span[1]][0]]))[0])

    def length(self) -> float:
        """Return the mean share of their notated durations for which notes are held."""
        return float(np.nanmean(self.lengths))

    def overall(self) -> np.ndarray:
        """Return mean velocity, tempo and length (3,)."""
        return np.array([self.velocity(), self.tempo(), self.length()])

    def tempos(self, parts: int) -> np.ndarray:
        """Return the tempos (parts,) of equal parts of the passage."""
        return self._tempos(np.linspace(self.span[0], self.span[1], parts + 1))

    def _tempos(self, edges: np.ndarray) -> np.ndarray:
        seconds = np.diff(np.interp(edges, self._quarters, self._seconds))
        return np.log2(60 * np.diff(edges) / np.maximum(seconds, SHORTEST_S))


def _rise(places: np.ndarray, values: np.ndarray) -> float:
    return float(np.polyfit(places, values, 1)[0] * (places[-1] - places[0]))


class Measure(NamedTuple):
    """What a direction is to move, up (1) or down (-1)."""

    of: Callable[[Passage], float]
    sign: int
    unit: str


VELOCITIES, OCTAVES = "velocities", "octaves"
MEASURES = {
    "crescendo": Measure(Passage.velocity_rise, 1, VELOCITIES),
    "diminuendo": Measure(Passage.velocity_rise, -1, VELOCITIES),
    "forte": Measure(Passage.velocity, 1, VELOCITIES),
    "piano": Measure(Passage.velocity, -1, VELOCITIES),
    "accent": Measure(Passage.accent, 1, VELOCITIES),
    "accelerando": Measure(Passage.tempo_rise, 1, OCTAVES),
    "ritardando": Measure(Passage.tempo_rise, -1, OCTAVES),
    "faster": Measure(Passage.tempo, 1, OCTAVES),
    "slower": Measure(Passage.tempo, -1, OCTAVES),
    "fermata": Measure(Passage.last_tempo, -1, OCTAVES),
    "staccato": Measure(Passage.length, -1, OCTAVES),
    "tenuto": Measure(Passage.length, 1, OCTAVES),
    "legato": Measure(Passage.length, 1, OCTAVES),
}
PAIR = ("forte", "piano")  # and the one against the other


class Trial(NamedTuple):
    """``effect``: how far the measure went the right way. ``before``: the share of notes before the bars that changed.

    ``inside`` (3,) and ``after`` (3,): by how much velocity, tempo and length of the bars and of those after are higher.
    """

    effect: float
    before: float
    inside: np.ndarray
    after: np.ndarray


def direction_trials(excerpt: Excerpt, render: Renderer, space: StyleSpace, seed: int) -> dict[str, Trial]:
    """Return by direction what it does to an excerpt, beside a performance without it of the same seed."""
    bars = excerpt.bars
    said = [f"{name}:bars={bars.first}-{bars.last}" for name in DIRECTIONS]
    choices = [StyleChoice(), *(StyleChoice(directed=(parse_direction(text, space),)) for text in said)]
    plain, *directed = render(excerpt.score, choices, seed)
    trials = {name: _trial(excerpt, plain, played, MEASURES[name]) for name, played in zip(DIRECTIONS, directed, strict=True)}
    loud, soft = (directed[list(DIRECTIONS).index(name)] for name in PAIR)
    return trials | {" against ".join(PAIR): _trial(excerpt, soft, loud, MEASURES[PAIR[0]])}


def _trial(excerpt: Excerpt, plain: Performed, directed: Performed, measure: Measure) -> Trial:
    score, bars = excerpt.score, excerpt.bars
    places = Places(score)
    before = places.numbers < bars.first
    changed = _changed(plain, directed)[before].mean() if before.any() else 0.0
    following = Bars(bars.last + 1, int(places.numbers.max()))
    inside, after = ([Passage(score, performed, where) for performed in (plain, directed)] for where in (bars, following))
    effect = measure.sign * (measure.of(inside[1]) - measure.of(inside[0]))
    return Trial(effect, float(changed), inside[1].overall() - inside[0].overall(), after[1].overall() - after[0].overall())


def _changed(one: Performed, other: Performed) -> np.ndarray:
    """Return which notes (N,) differ in velocity or onset. Durations do not count: a key that is struck anew cuts its last note short."""
    return (one.velocity != other.velocity) | ~np.isclose(one.onset_sec, other.onset_sec, equal_nan=True)


class DirectionFigures(NamedTuple):
    """``effect``: the mean, in ``unit``; ``in_deviations``: beside its deviation over trials; ``right``: the share of trials that go the
    right way; ``before``: the share of notes before the bars that change; ``inside``: the mean change of velocity, tempo and length of the
    bars; ``after``: that of those after them, whichever way it is.
    """

    trials: int
    effect: float
    unit: str
    in_deviations: float
    right: float
    before: float
    inside: tuple[float, ...]
    after: tuple[float, ...]


def summarise(trials: Sequence[dict[str, Trial]]) -> dict[str, DirectionFigures]:
    """Return the figures of each direction over trials."""
    found = {}
    for name in trials[0] if trials else ():
        own = [each[name] for each in trials]
        effects = np.array([trial.effect for trial in own])
        spread = float(effects.std())
        found[name] = DirectionFigures(
            len(own),
            float(effects.mean()),
            MEASURES[name.split()[0]].unit,
            float(effects.mean()) / spread if spread else float("inf"),
            float((effects > 0).mean()),
            float(np.mean([trial.before for trial in own])),
            tuple(np.mean([trial.inside for trial in own], axis=0).tolist()),
            tuple(np.abs([trial.after for trial in own]).mean(axis=0).tolist()),
        )
    return found
