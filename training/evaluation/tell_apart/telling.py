"""Which statistics tell ours from humans, by how much they are off, and what that is in a musician's words."""

from typing import NamedTuple

import numpy as np

from training.evaluation.tell_apart.classifiers import boost
from training.evaluation.tell_apart.judgement import Contest, area_under_curve
from training.evaluation.tell_apart.statistics import Statistic, known_mean

LEAST_WINDOWS = 20  # of both sides that know a statistic
# What a series is called, and what more and less of it are.
SERIES = {
    "duration": ("keys are held", "longer", "shorter"),
    "articulation": ("touch is", "more legato", "more detached"),
    "melody articulation": ("touch of the top voice is", "more legato", "more detached"),
    "velocity": ("notes are", "louder", "softer"),
    "melody velocity": ("the top voice is", "louder", "softer"),
    "voicing": ("the top voice over its chord is", "louder", "softer"),
    "melody lead": ("the top voice comes before its chord", "earlier", "later"),
    "chord spread": ("chords are spread", "wider", "narrower"),
    "asynchrony": ("notes are in their chord", "later", "earlier"),
    "tempo by onset": ("tempo is", "slower", "faster"),
    "pedal": ("pedal is", "more often down", "more often up"),
    "interval": ("onsets follow each other", "later", "sooner"),
    "overlap": ("notes reach over the next", "further", "less far"),
    "sounding": ("notes sounding at once are", "more", "fewer"),
    "leap": ("steps of pitch are", "wider", "narrower"),
    "key": ("the register is", "higher", "lower"),
}


class Telling(NamedTuple):
    """A statistic of ours beside humans': ``share`` of what the trees gain by it, the ``area`` under the curve by it alone, ``off``, ours
    minus humans' in deviations of humans' windows of a piece, and the means of both.
    """

    statistic: Statistic
    share: float
    area: float
    off: float
    ours: float
    humans: float

    @property
    def words(self) -> str:
        return in_words(self.statistic, self.off > 0)


def find_telling(contest: Contest) -> list[Telling]:
    """Return the statistics in the order of what the trees gain by them."""
    gains = boost(contest.windows, contest.ours).feature_importance("gain")
    found = []
    for index, statistic in enumerate(contest.windows.statistics):
        values = contest.windows.values[:, index]
        known = np.isfinite(values)
        sides = [values[known & side] for side in (contest.ours, ~contest.ours)]
        if min(map(len, sides)) < LEAST_WINDOWS:
            continue
        area = area_under_curve(values[known], contest.ours[known])
        off = _off(values[known], contest.ours[known], contest.windows.piece[known])
        share = float(gains[index] / max(gains.sum(), 1e-12))
        found.append(Telling(statistic, share, area, off, float(sides[0].mean()), float(sides[1].mean())))
    return sorted(found, key=lambda telling: -telling.share)


def _off(values: np.ndarray, ours: np.ndarray, pieces: np.ndarray) -> float:
    """Return ours minus humans', each from the mean of humans in its piece, in deviations of humans."""
    _, index = np.unique(pieces, return_inverse=True)
    means = np.array([known_mean(np.where(~ours & (index == piece), values, np.nan)[None])[0] for piece in range(index.max() + 1)])
    around = values - means[index]
    deviation = float(np.nanstd(around[~ours]))
    difference = float(np.nanmean(around[ours]))
    return difference / deviation if deviation > 1e-12 else float("inf") * np.sign(difference) if difference else 0.0


def in_words(statistic: Statistic, more: bool) -> str:
    """Return what it means that ours has more (or less) of a statistic."""
    if statistic.measure == "correlation":
        return f"{statistic.series.replace(' with ', ' goes with ')} {'more' if more else 'less'}"
    name, upwards, downwards = SERIES[statistic.series]
    way = upwards if more else downwards
    if statistic.measure == "mean":
        return f"{name} {way}"
    if statistic.measure.endswith("th percentile"):
        share = int(statistic.measure.removesuffix("th percentile"))
        which = {5: "at the lowest", 25: "in the lower half", 50: "in the median", 75: "in the upper half", 95: "at the highest"}[share]
        return f"{name} {way} {which}"
    subject = name.rsplit(" ", 1)[0] if name.endswith((" is", " are")) else name
    if statistic.measure.startswith("autocorrelation"):
        return f"{subject}: {'smoother' if more else 'less smooth'} from one to the next"
    if "step" in statistic.measure:
        return f"{subject}: changes {'more' if more else 'less'} from one to the next"
    return f"{subject}: varies {'more' if more else 'less'}"
