"""What a performance of a score is like in a few figures, and those of many performances with intervals over the scores."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from engine.base.errors import PerfLiveError
from engine.score.alignment import read_reference
from engine.score.piece import read_piece
from training.evaluation.expressiveness.catalogue.account import Line
from training.evaluation.expressiveness.pooled import Interval, bootstrap
from training.metrics.expressiveness import find_beats, measure_amounts, measure_curves

FIGURES = {  # by name, with its unit and digits
    "velocity": ("", 1),
    "velocity, deviation": ("", 1),
    "tempo": ("beats a minute", 1),
    "tempo, deviation": ("%", 1),
    "articulation": ("% of the notated length", 0),
    "chords spread by": ("ms", 1),
    "pedal down": ("% of the time", 0),
    "notes performed": ("a second", 0),
}


class Measured(NamedTuple):
    """``figures`` in the order of FIGURES; NaN for what the score has not."""

    line: Line
    figures: tuple[float, ...]


def measure(line: Line) -> Measured:
    """Measure a performance beside its score. Raises PerfLiveError where one of them cannot be read or they do not fit."""
    if line.path is None:
        raise PerfLiveError(f"{line.input}: it was not performed as a MIDI file")
    score = read_piece(line.input, "play" if line.repeats else "skip").score
    performed = read_reference(line.path, score)
    try:
        curves = measure_curves(score.notes, find_beats(score), performed)
    except ValueError as error:
        raise PerfLiveError(f"{line.path}: {error}") from None
    amounts = measure_amounts(performed, curves)
    velocities = performed.velocity[np.isfinite(performed.onset_sec)]
    return Measured(
        line,
        (
            float(velocities.mean()),
            amounts["velocity_deviation"],
            60 / 2 ** _median(curves["tempo"]),
            100 * (2 ** amounts["tempo_deviation"] - 1),
            100 * 2 ** _median(curves["articulation"]),
            1000 * amounts["chord_asynchrony_s"],
            100 * amounts["pedal_share"],
            line.notes / line.seconds if line.seconds else np.nan,
        ),
    )


def _median(values: np.ndarray) -> float:
    known = values[np.isfinite(values)]
    return float(np.median(known)) if len(known) else float("nan")


def pool(measured: Sequence[Measured]) -> dict[str, dict[str, Interval]]:
    """Return each performer's figures: the mean over scores, with its interval by bootstrap over them."""
    pooled = {}
    for performer in dict.fromkeys(each.line.performer for each in measured):
        own = [each for each in measured if each.line.performer == performer]
        inputs = [str(each.line.input) for each in own]
        values = np.array([each.figures for each in own])
        pooled[performer] = {name: bootstrap(values[:, place], inputs) for place, name in enumerate(FIGURES)}
    return pooled
