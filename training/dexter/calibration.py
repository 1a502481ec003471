"""Fits how much DExter's mean is exaggerated and how much of the denoiser's residual is added. Renderings are then as expressive as
humans and differ from each other as humans do. This is fitted after training, on train pieces.

A mean of many performers is flatter than each of them, and its pedal is half down. Samples differ more than humans where the mean
explains more than the one that the denoiser was trained around, and less where it is flatter. Each column therefore has a gain of the
mean, a gain of the residual, and the share of the mean's gain that samples do without. They fit three standard deviations of humans: that
of a mean rendering, that of a sample, and that of the difference of two samples. The articulation of samples is moved towards that of
humans by quantile mapping (models/dexter/hold_quantiles.py). It does not matter that the networks know these pieces by heart, because
each piece's mean already has the standard deviation that its score predicts (training/dexter/expression_profile.py).

Artefact: ``calibration.json``.
"""

import functools
import json
from collections.abc import Callable, Sequence
from dataclasses import replace
from itertools import combinations
from pathlib import Path
from typing import NamedTuple

import numpy as np
from pydantic import BaseModel, ConfigDict, ValidationError
from rich.console import Console
from rich.progress import track

from engine.base.errors import PerfLiveError
from models.dexter.hold_quantiles import LEVELS, HoldQuantiles, holds_of, octave_weights
from models.dexter.representation import Scales, Settings
from models.dexter.windows import WindowSampler, perform
from models.performance.features import denormalise, normalise, notated_octaves
from models.performance.representation import (
    ARTICULATION,
    BEAT_PERIOD,
    COLUMNS,
    PEDAL,
    PEDAL_BETWEEN,
    PERFORMANCE_COLUMNS,
    TIMING,
    VELOCITY,
    decode_performance,
    nearest_stroke,
)
from training.dexter.figures import beat_intervals
from training.dexter.networks import Samples
from training.metrics.chord_timing import about_chords
from training.metrics.expressiveness import known_mean
from training.performance.pieces import Presentation
from training.stages import write_json

CALIBRATION_FILE = "calibration.json"
PEDAL_DOWN = 64
PEDAL_GAIN = 2.0  # so that less of it stays half down
MOST_PERFORMERS = 4
# How far apart samples of these pieces are to be, two humans 1. What is further from another performance is further from every human's, so
# a little less; of other pieces, tempo comes out further apart than of these, and timing nearer.
APART = {BEAT_PERIOD: 0.77, VELOCITY: 0.9, TIMING: 1.1, ARTICULATION: 0.86, PEDAL: 0.9}
ROUNDS = 2  # how far apart samples are and how wide are not quite independent

Amount = Callable[[Presentation, np.ndarray], float]
Performances = Sequence[tuple[Presentation, list[np.ndarray]]]  # of each piece, normalised (N, 8)
Found = Callable[[int, Performances], float]


def curve(shown: Presentation, normalised: np.ndarray, column: int) -> np.ndarray:
    """Return a column as it is heard: of tempo, log2 of the time between beats; of timing, seconds from the mean of the chord, NaN where
    there is none (grace notes are early on purpose, and belong to none); of the pedal, its depth from note to note; else in its own unit.
    """
    if column == BEAT_PERIOD:
        return beat_intervals(normalised, shown.score_columns)
    columns = denormalise(normalised, shown.score_columns)
    if column == TIMING:
        timing = columns[:, TIMING]
        relative, counts = about_chords(shown.notes, timing[nearest_stroke(shown.notes, timing)])
        return np.where((counts > 1) & ~shown.notes["is_grace"], relative, np.nan)
    return np.clip(columns[:, PEDAL_BETWEEN], 0, 1) if column == PEDAL else columns[:, column]


def deviation(column: int) -> Amount:
    """Return the standard deviation of a column's curve, as an amount."""
    return lambda shown, normalised: float(np.nanstd(curve(shown, normalised, column)))


def apart(shown: Presentation, pair: Sequence[np.ndarray], column: int) -> float:
    """Return how much two performances (N, 8) differ: the standard deviation of the difference of their curves, NaN where there is none."""
    first, second = (curve(shown, normalised, column) for normalised in pair)
    return float(np.nanstd(first - second)) if np.isfinite(first - second).any() else float("nan")


def asynchrony_s(shown: Presentation, normalised: np.ndarray) -> float:
    """Return the mean distance of onsets from the mean of their chord in seconds, NaN where there are no chords."""
    distance = np.abs(curve(shown, normalised, TIMING))
    return float(np.nanmean(distance)) if np.isfinite(distance).any() else float("nan")


def pedal_share(shown: Presentation, normalised: np.ndarray) -> float:
    """Return the share of the time from the first onset to the last in which the pedal is down."""
    performed = decode_performance(shown.notes, denormalise(normalised, shown.score_columns))
    times, values = performed.pedal
    begin, end = np.nanmin(performed.onset_sec), np.nanmax(performed.onset_sec)
    edges = np.clip(np.concatenate([[begin], times, [end]]), begin, end)
    down = np.concatenate([[0], values]) >= PEDAL_DOWN
    return float((np.diff(edges) * down).sum() / max(end - begin, 1e-9))


AMOUNTS: dict[int, Amount] = {
    BEAT_PERIOD: deviation(BEAT_PERIOD),
    VELOCITY: deviation(VELOCITY),
    TIMING: asynchrony_s,
    ARTICULATION: deviation(ARTICULATION),
    PEDAL: pedal_share,
}


def express(mean: np.ndarray, gains: np.ndarray, offsets: np.ndarray) -> np.ndarray:
    """Return ``mean`` (N, 8) exaggerated: gain * mean + offset, or about the piece's own average where an offset is NaN."""
    return gains * mean + np.where(np.isfinite(offsets), offsets, (1 - gains) * mean.mean(0))


class Rendered(NamedTuple):
    """Pieces, their mean renderings (N, 8), normalised and without gains, and the humans' average amounts of expression by column."""

    pieces: list[Presentation]
    means: list[np.ndarray]
    humans: dict[int, float]


def render(performer: Samples, pieces: list[Presentation]) -> Rendered:
    """Return the means that ``performer`` makes of pieces without gains."""
    means = [perform_neutrally(performer, piece, 0, temperature=0) for piece in track(pieces, "rendering", console=Console(stderr=True))]
    humans = [(piece, human_columns(piece)) for piece in pieces]
    return Rendered(pieces, means, {column: _amount(column, humans) for column in AMOUNTS})


def perform_neutrally(performer: Samples, piece: Presentation, seed: int, temperature: float) -> np.ndarray:
    """Return a performance (N, 8), normalised, without gains."""
    return perform(neutral_sampler(performer, piece, seed), Settings(temperature=temperature), len(piece.notes))


def neutral_sampler(performer: Samples, piece: Presentation, seed: int) -> WindowSampler:
    ones, zeros = np.ones(COLUMNS), np.zeros(COLUMNS)
    neutral = replace(performer.scales, gain=ones, offset=zeros, residual_gain=ones, hold_quantiles=None)
    return performer.sampler(piece.notes, piece.score_columns, seed, scales=neutral)


def human_columns(piece: Presentation) -> list[np.ndarray]:
    """Return the first performances, each (N, 8), normalised."""
    return [normalise(columns, piece.score_columns) for columns in piece.columns[:MOST_PERFORMERS]]


def calibrate_means(rendered: Rendered) -> tuple[np.ndarray, np.ndarray]:
    """Return gains and offsets (8,) with which each amount of expression, averaged over pieces, equals the humans'."""
    gains, offsets = np.ones(COLUMNS), np.zeros(COLUMNS)
    offsets[[BEAT_PERIOD, VELOCITY, ARTICULATION]] = np.nan
    gains[[PEDAL, PEDAL_BETWEEN]] = PEDAL_GAIN
    for column in AMOUNTS:
        average = functools.partial(_average, column, rendered, gains, offsets)
        if column == PEDAL:
            adjust(offsets, [PEDAL, PEDAL_BETWEEN], (-4.0, 4.0), average, rendered.humans[column])
        else:
            adjust(gains, [column], (0.5, 8.0), average, rendered.humans[column])
        heard = f"humans {rendered.humans[column]:.4f}, mean {average():.4f}"
        print(f"{PERFORMANCE_COLUMNS[column]}: {heard}, gain {gains[column]:.3f}, offset {offsets[column]:.3f}")
    return gains, offsets


def _average(column: int, rendered: Rendered, gains: np.ndarray, offsets: np.ndarray) -> float:
    pairs = zip(rendered.pieces, rendered.means, strict=True)
    return _amount(column, [(piece, [express(mean, gains, offsets)]) for piece, mean in pairs])


class Sampled(NamedTuple):
    """A piece, its mean without gains (N, 8), two residuals around it, and its humans' performances, all normalised."""

    shown: Presentation
    mean: np.ndarray
    residuals: list[np.ndarray]
    humans: list[np.ndarray]

    def performances(self, scales: Scales) -> list[np.ndarray]:
        mean = express(self.mean, *scales.mean_gain_and_offset(1.0))
        return [mean + scales.residual_gain * residual for residual in self.residuals]


def calibrate_samples(performer: Samples, rendered: Rendered, gains: np.ndarray, offsets: np.ndarray) -> Scales:
    """Return the scales with which two samples of a piece differ about as much as two of its humans, and samples have the humans' amounts
    of expression and nearly their articulation. They are fitted on pieces as notation; ``gains`` and ``offsets`` (8,) are those of the
    mean.
    """
    played = [each for each in zip(rendered.pieces, rendered.means, strict=True) if each[0].kind == "notation" and len(each[0].columns) > 1]
    pieces = [
        Sampled(piece, mean, [perform_neutrally(performer, piece, seed, temperature=1) - mean for seed in (0, 1)], human_columns(piece))
        for piece, mean in track(played, "sampling", console=Console(stderr=True))
    ]
    scales = Scales(performer.scales.residual_deviation, gains, offsets, residual_gain=np.ones(COLUMNS), mean_gain_removed=np.ones(COLUMNS))
    for column, share in APART.items():
        columns = [PEDAL, PEDAL_BETWEEN] if column == PEDAL else [column]
        apart_of_humans, amount_of_humans = (found(column, [(each.shown, each.humans) for each in pieces]) for found in (_apart, _amount))
        distance, amount = (functools.partial(_of_samples, found, column, pieces, scales) for found in (_apart, _amount))
        for _ in range(ROUNDS):
            adjust(scales.residual_gain, columns, (0.1, 4.0), distance, share * apart_of_humans)
            adjust(scales.mean_gain_removed, columns, (1.0, 0.0), amount, amount_of_humans)
        heard = f"humans {apart_of_humans:.4f} apart, samples {distance():.4f}; amounts {amount_of_humans:.4f}, {amount():.4f}"
        gains_found = f"gain {scales.residual_gain[column]:.3f}, less {scales.mean_gain_removed[column]:.3f} of the mean's"
        print(f"{PERFORMANCE_COLUMNS[column]}: {heard}; {gains_found}")
    return replace(scales, hold_quantiles=find_holds(performer, [each.shown for each in pieces], scales))


def find_holds(performer: Samples, pieces: list[Presentation], scales: Scales) -> HoldQuantiles:
    """Return how keys are held in samples of ``pieces`` with ``scales``, and in their humans' performances."""
    sampled = [
        (piece, [_sample(performer, piece, seed, scales) for seed in (0, 1)])
        for piece in track(pieces, "holding keys", console=Console(stderr=True))
    ]
    return HoldQuantiles(held_quantiles(sampled), held_quantiles([(piece, human_columns(piece)) for piece in pieces]))


def _sample(performer: Samples, piece: Presentation, seed: int, scales: Scales) -> np.ndarray:
    sampler = performer.sampler(piece.notes, piece.score_columns, seed, scales=scales)
    return perform(sampler, Settings(), len(piece.notes))


def held_quantiles(performed: Performances) -> np.ndarray:
    """Return quantiles (len(NOTATED_OCTAVES), len(LEVELS)) of articulation, in which a piece counts by the root of its notes."""
    rows = [_held_notes(shown, one, len(each)) for shown, each in performed for one in each]
    notated, articulation, count = np.concatenate(rows, axis=1)
    return np.stack([weighted_quantiles(articulation, near * count) for near in octave_weights(notated).T])


def _held_notes(shown: Presentation, normalised: np.ndarray, performances: int) -> np.ndarray:
    """Return (3, n) of the notes that are played: the notated duration, the articulation, and the weight."""
    held = holds_of(normalised, notated_octaves(shown.score_columns))
    rows = np.stack([*held, np.full(len(normalised), len(normalised) ** -0.5 / performances)])
    return np.asarray(rows[:, np.isfinite(held.articulation) & ~shown.notes["is_grace"]])


def weighted_quantiles(values: np.ndarray, weight: np.ndarray) -> np.ndarray:
    """Return the weighted quantiles (len(LEVELS),) of values (n,), n at least 1; ``weight`` is (n,)."""
    order = np.argsort(values)
    below = np.cumsum(weight[order]) - weight[order] / 2
    return np.asarray(np.interp(LEVELS * weight.sum(), below, values[order]))


def _of_samples(found: Found, column: int, pieces: list[Sampled], scales: Scales) -> float:
    return found(column, [(each.shown, each.performances(scales)) for each in pieces])


def _apart(column: int, performed: Performances) -> float:
    return known_mean([known_mean([apart(shown, pair, column) for pair in combinations(each, 2)]) for shown, each in performed])


def _amount(column: int, performed: Performances) -> float:
    return known_mean([known_mean([AMOUNTS[column](shown, one) for one in each]) for shown, each in performed])


def adjust(values: np.ndarray, columns: list[int], reach: tuple[float, float], average: Callable[[], float], wanted: float) -> None:
    """Set ``values[columns]`` so that ``average``, which rises from one end of ``reach`` to the other, is as wanted: bisection."""
    low, high = reach
    for _ in range(9):
        middle = (low + high) / 2
        values[columns] = middle
        low, high = (low, middle) if average() > wanted else (middle, high)


class StoredQuantiles(BaseModel):
    """Quantiles of articulation by written duration, of samples and of humans; see models/dexter/hold_quantiles.py."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    sampled: list[list[float]]
    human: list[list[float]]


class Calibration(BaseModel):
    """What was fitted, by column (8): the mean's ``gain`` and ``offset`` (None: about the piece's average), the ``residual_gain``, and the
    share of the mean's gain that samples at temperature 1 do without, ``mean_gain_removed``.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    gain: list[float]
    offset: list[float | None]
    residual_gain: list[float]
    mean_gain_removed: list[float]
    hold_quantiles: StoredQuantiles


def calibrate(performer: Samples, presentations: list[Presentation]) -> Calibration:
    """Return what makes renderings of ``presentations`` as expressive as the humans' performances of them."""
    rendered = render(performer, presentations)
    gains, offsets = calibrate_means(rendered)
    scales = calibrate_samples(performer, rendered, gains, offsets)
    assert scales.hold_quantiles is not None  # noqa: S101 (calibrate_samples finds it)
    return Calibration(
        gain=_rounded(gains),
        offset=[value if np.isfinite(value) else None for value in _rounded(offsets)],
        residual_gain=_rounded(scales.residual_gain),
        mean_gain_removed=_rounded(scales.mean_gain_removed),
        hold_quantiles=StoredQuantiles(**{name: each.round(3).tolist() for name, each in scales.hold_quantiles._asdict().items()}),
    )


def _rounded(values: np.ndarray) -> list[float]:
    return [round(value, 4) for value in values.tolist()]


def write_calibration(calibration: Calibration, folder: Path) -> None:
    write_json(folder / CALIBRATION_FILE, calibration.model_dump(mode="json"))


def read_calibration(folder: Path) -> Calibration:
    """Return what ``write_calibration`` wrote. Raises PerfLiveError."""
    try:
        return Calibration.model_validate(json.loads((folder / CALIBRATION_FILE).read_text(encoding="utf-8")))
    except (OSError, ValueError, ValidationError) as error:
        raise PerfLiveError(f"{folder}: there is no calibration that can be read; run the stage again") from error
