"""How well samples of the drummer, at temperature 1, are told from what drummers played: the classifier of ``perf-eval tell-apart``.

Windows of 48 strokes are described by statistics of velocities and of timing off the sixteenths, of all strokes and by drum, and by the
correlations of both. Trees learn on other takes than they judge.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from engine.onnx.model import Model
from models.drums.drawing import Drawing
from models.drums.representation import (
    BELL,
    CLOSED_HAT,
    CRASH,
    HIGH_TOM,
    KICK,
    LOW_TOM,
    MIDDLE_TOM,
    OPEN_HAT,
    PEDAL_HAT,
    RIDE,
    SIDE_STICK,
    SNARE,
)
from training.datasets.groove import DrumTake
from training.drums.data import View
from training.evaluation.drums.figures import likeliest, played, sampled
from training.evaluation.tell_apart.classifiers import boost, by_statistics
from training.evaluation.tell_apart.judgement import Contest, Judgement, area_under_curve, begin_contest, judge
from training.evaluation.tell_apart.windows import NOTES, Windows, cut, window_statistics

DRUMS = {
    "kick": (KICK,),
    "snare": (SNARE, SIDE_STICK),
    "toms": (HIGH_TOM, MIDDLE_TOM, LOW_TOM),
    "hi-hat": (OPEN_HAT, CLOSED_HAT),
    "hi-hat's pedal": (PEDAL_HAT,),
    "ride": (RIDE, BELL),
    "crash": (CRASH,),
}
LEAST_WINDOWS = 20  # of both sides that know a statistic


class TellingStatistic(NamedTuple):
    """A statistic: its ``share`` of what the trees gain, the ``area`` under the curve by it alone, and the means of both sides."""

    name: str
    share: float
    area: float
    sampled: float
    played: float


class Telling(NamedTuple):
    """How many windows there are, how well they are told apart, and by what."""

    windows: int
    judged: Judgement
    statistics: list[TellingStatistic]


def tell_takes_apart(model: Model, drawing: Drawing, takes: Sequence[DrumTake], seed: int) -> Telling:
    """Judge samples that are told style and drummer beside the takes. Raises PerfLiveError where fewer than two takes are long enough."""
    long_enough = [take for take in takes if len(take.velocity) >= NOTES]
    known, ours, humans = played(long_enough), [], []
    for number, (take, velocity, timing_ms) in enumerate(zip(long_enough, *known, strict=True)):
        found, features = likeliest(model, "groove", take, View())
        drawn = sampled(drawing, take, View(), found, features, seed + number)
        role = features[:, 0].astype(int)
        ours.append(describe(take.name, role, np.round(drawn[0]), drawn[1]))
        humans.append(describe(take.name, role, velocity, timing_ms))
    contest = begin_contest(ours, humans)
    return Telling(len(contest.ours), judge(contest, by_statistics), find_statistics(contest))


def describe(name: str, role: np.ndarray, velocity: np.ndarray, timing_ms: np.ndarray) -> Windows:
    """Return the windows of a take, whose strokes (N,) have these roles, velocities and timings."""
    windows = cut(np.stack([role, velocity, timing_ms], 1))
    series: dict[str, np.ndarray] = {}
    pairs: list[tuple[str, str]] = []
    for drum, roles in {"all drums": tuple(range(BELL + 1)), **DRUMS}.items():
        of_drum = np.isin(windows[..., 0], roles)
        names = f"{drum}: velocity", f"{drum}: timing"
        series |= {each: np.where(of_drum, windows[..., column], np.nan) for column, each in enumerate(names, 1)}
        pairs.append(names)
    statistics, values = window_statistics(series, pairs, ())
    count = len(windows)
    return Windows(statistics, values, windows, np.full(count, name), np.zeros(count, int))


def find_statistics(contest: Contest) -> list[TellingStatistic]:
    """Return the statistics in the order of what the trees gain by them."""
    gains, found = boost(contest.windows, contest.ours).feature_importance("gain"), []
    for index, statistic in enumerate(contest.windows.statistics):
        values = contest.windows.values[:, index]
        known = np.isfinite(values)
        sides = [values[known & side] for side in (contest.ours, ~contest.ours)]
        if min(map(len, sides)) >= LEAST_WINDOWS:
            area = area_under_curve(values[known], contest.ours[known])
            share = float(gains[index] / max(gains.sum(), 1e-12))
            found.append(TellingStatistic(str(statistic), share, area, float(sides[0].mean()), float(sides[1].mean())))
    return sorted(found, key=lambda each: -each.share)
