"""Predicts by ridge regression, from a score as a whole, how much expression performers give a piece and how much they differ.

It also predicts how fast, loud and detached a piece is in comparison with the networks' prediction, and keeps how fast pieces are at
their fastest. The standard deviation of humans' tempo differs sixfold from piece to piece, and the score says by how much. That of the
networks' mean hardly varies, and how much their samples differ varies even less.

Artefact: ``expression_profile.npz`` with ``centre``, ``scale``, ``weights``, ``bias`` and ``fast_intervals``.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path
from typing import Literal, NamedTuple

import numpy as np
from pydantic import BaseModel, ConfigDict, Field
from rich.console import Console
from rich.progress import track

from engine.base.errors import PerfLiveError
from engine.base.files import whole_file
from models.dexter.expression_profile import ExpressionProfile, fastest_interval, piece_features
from models.performance.features import at_played_tempo, notated_intervals, note_features
from models.performance.representation import ARTICULATION, BEAT_PERIOD, PERFORMANCE_COLUMNS, TIMING, VELOCITY
from training.datasets.asap import work_of
from training.dexter.calibration import (
    AMOUNTS,
    MOST_PERFORMERS,
    apart,
    human_columns,
    neutral_sampler,
    perform_neutrally,
)
from training.dexter.figures import beat_intervals, correlation
from training.dexter.networks import Samples, load_trained
from training.dexter.trees import read_trees
from training.performance.pieces import PerformedPiece, Presentation, load_performed_pieces
from training.stages import Outcome, Work

PROFILE_FILE = "expression_profile.npz"
COLUMNS = (BEAT_PERIOD, VELOCITY, TIMING, ARTICULATION)
# The outputs, which are fields of the profile, with the value of the columns that are not predicted.
LEFT_OUT = {"mean_deviation": np.nan, "residual_gain": 1.0, "mean_offset": 0.0}
OUTPUTS = tuple(LEFT_OUT)
LOGARITHMS = OUTPUTS[:2]
LEAST_NOTES = 40  # fewer have no deviation to speak of
PENALTY = 1000.0  # of squared weights, as heavy as so many pieces; of 100, 300, 1000 and 3000 the best on pieces left out
MOST_DEVIATIONS = 4.0  # of a feature from the pieces' average
FOLDS = 8


class ProfileConfig(BaseModel):
    """``penalty``: of squared weights, as heavy as so many pieces."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    task: Literal["dexter-expression-profile"]
    penalty: float = Field(default=PENALTY, gt=0)


class Examples(NamedTuple):
    """What is learnt from. ``features`` (M, F) are of presentations. ``targets`` (M, 12) are, for each of COLUMNS, the logarithm of the
    standard deviation, then that of the ratio of humans' differences to samples' (NaN unknown), then the humans' average less the
    networks'. ``weights`` are (M,); ``works`` (M,) numbers the pieces.
    """

    features: np.ndarray
    targets: np.ndarray
    weights: np.ndarray
    works: np.ndarray


class Ridge(NamedTuple):
    """``centre`` and ``scale`` (F,) of the features, ``weights`` (F, 12) and ``bias`` (12,): of COLUMNS for each of OUTPUTS in turn."""

    centre: np.ndarray
    scale: np.ndarray
    weights: np.ndarray
    bias: np.ndarray

    def predict(self, features: np.ndarray) -> np.ndarray:
        normalised = np.clip((features - self.centre) / self.scale, -MOST_DEVIATIONS, MOST_DEVIATIONS)
        return np.asarray(normalised @ self.weights + self.bias)


def collect(performer: Samples, pieces: list[PerformedPiece]) -> Examples:
    """Return the examples of train pieces. Targets are relative to those of a typical piece, whose gains stay as they are."""
    pieces = [piece for piece in pieces if len(piece.presentations[0].notes) >= LEAST_NOTES]
    works = {name: number for number, name in enumerate(sorted({work_of(piece.name) for piece in pieces}))}
    rows = []
    for piece in track(pieces, "performing", console=Console(stderr=True)):
        weight = min(len(piece.performances), MOST_PERFORMERS) ** 0.5 / len(piece.presentations)
        rows += [(_features(shown), _targets(performer, shown), weight, work_of(piece.name)) for shown in piece.presentations]
    features, targets, weights, names = (np.array(part) for part in zip(*rows, strict=True))
    deviations, spreads, further, above = np.split(targets, 4, axis=1)
    deviations -= _weighted_mean(deviations - spreads, weights)
    further -= _weighted_mean(further, weights)
    return Examples(features, np.concatenate([deviations, further, above], axis=1), weights, np.array([works[name] for name in names]))


def _weighted_mean(values: np.ndarray, weights: np.ndarray) -> np.ndarray:
    known = np.isfinite(values)
    return np.where(known, values, 0).T @ weights / np.maximum(known.T @ weights, 1e-9)


def _features(shown: Presentation) -> np.ndarray:
    return piece_features(shown.score_columns, note_features(shown.score_columns))


def _targets(performer: Samples, shown: Presentation) -> np.ndarray:
    """Return the targets of a presentation, by column: the logarithms of the humans' standard deviations (of tempo, from the notated
    tempo), of those of the mean without gains, and of the ratio of humans' differences to those of two samples (in timing, of their
    asynchronies).
    """
    humans = human_columns(shown)
    amounts = AMOUNTS | {BEAT_PERIOD: _tempo_deviation}
    deviations = [np.mean([amounts[column](shown, human) for human in humans]) for column in COLUMNS]
    spreads = neutral_sampler(performer, shown, 0).deviation[list(COLUMNS)]
    further = np.full(len(COLUMNS), np.nan)
    if len(humans) > 1:
        samples = [perform_neutrally(performer, shown, seed, temperature=1) for seed in (0, 1)]
        of_humans = [np.mean([apart(shown, pair, column) for pair in combinations(humans, 2)]) for column in COLUMNS]
        further = np.array(of_humans) / [apart(shown, samples, column) for column in COLUMNS]
    values = np.log(np.maximum(np.concatenate([deviations, spreads, further]), 1e-6))
    return np.concatenate([np.where(np.isfinite(values), values, np.nan), _above_the_mean(performer, shown, humans)])


def _above_the_mean(performer: Samples, shown: Presentation, humans: list[np.ndarray]) -> np.ndarray:
    mean = perform_neutrally(performer, shown, 0, temperature=0)
    return np.mean([np.nanmean(human - mean, axis=0) for human in humans], axis=0)[list(COLUMNS)]


def _tempo_deviation(shown: Presentation, normalised: np.ndarray) -> float:
    notated = beat_intervals(np.zeros_like(normalised), shown.score_columns)
    return float(np.std(beat_intervals(normalised, shown.score_columns) - notated))


def fit(examples: Examples, chosen: np.ndarray, penalty: float = PENALTY) -> Ridge:
    """Return what is learnt from the ``chosen`` (M,) presentations."""
    features = examples.features[chosen]
    centre, scale = features.mean(0), features.std(0) + 1e-3
    normalised = np.clip((features - centre) / scale, -MOST_DEVIATIONS, MOST_DEVIATIONS)
    solved = [_solve(normalised, target, examples.weights[chosen], penalty) for target in examples.targets[chosen].T]
    weights, bias = (np.stack(part, axis=-1) for part in zip(*solved, strict=True))
    return Ridge(centre, scale, weights, bias)


def _solve(features: np.ndarray, target: np.ndarray, weights: np.ndarray, penalty: float) -> tuple[np.ndarray, np.ndarray]:
    """Return weights (F,) and a bias. There are more features than pieces, so the dual form is solved."""
    known = np.isfinite(target)
    if not known.any():
        return np.zeros(features.shape[1]), np.zeros(())  # nothing is known of it: no gain changes
    features, target, roots = features[known], target[known], np.sqrt(weights[known])
    centre, middle = np.average(features, axis=0, weights=roots**2), np.average(target, weights=roots**2)
    rows = roots[:, None] * (features - centre)
    solution = np.linalg.solve(rows @ rows.T + penalty * np.eye(len(rows)), roots * (target - middle)) @ rows
    return solution, middle - centre @ solution


def cross_validate(examples: Examples, penalty: float = PENALTY) -> np.ndarray:
    """Return the correlations (12,) of the targets with predictions for works that were left out; NaN where too few are known."""
    predicted = np.full_like(examples.targets, np.nan)
    for fold in range(FOLDS):
        left_out = examples.works % FOLDS == fold
        if left_out.any() and not left_out.all():
            predicted[left_out] = fit(examples, ~left_out, penalty).predict(examples.features[left_out])
    return np.array([correlation(target, guess) for target, guess in zip(examples.targets.T, predicted.T, strict=True)])


def fast_intervals(pieces: list[PerformedPiece]) -> list[float]:
    """Return the ``fastest_interval`` of each piece as humans play it on average, ascending."""
    found = []
    for piece in pieces:
        shown = piece.presentations[0]
        notated = notated_intervals(shown.notes, shown.score_columns)
        found.append(np.mean([fastest_interval(at_played_tempo(human, notated)) for human in human_columns(shown)]))
    return sorted(float(interval) for interval in found if np.isfinite(interval))


def describe(correlations: Sequence[float]) -> str:
    names = ("tempo", "velocity", "timing", "articulation")
    parts = zip(OUTPUTS, np.reshape(correlations, (len(OUTPUTS), -1)).tolist(), strict=True)
    told = [f"{what} of {', '.join(f'{name} {value:.2f}' for name, value in zip(names, part, strict=True))}" for what, part in parts]
    return f"correlations on works left out: {'; '.join(told)}"


def fit_profile(config: ProfileConfig, work: Work) -> Outcome:
    """Learn from the train split of the (n)ASAP folder ``work.data`` how much expression a piece takes, and write it to ``work.folder``."""
    pieces = load_performed_pieces(work.data, "train", work.cache)
    trained = load_trained(work.read("mean"), work.read("denoiser"), read_trees(work.read("trees")))
    examples = collect(trained, pieces)
    write_profile(fit(examples, np.ones(len(examples.works), bool), config.penalty), fast_intervals(pieces), work.folder)
    correlations = cross_validate(examples, config.penalty).tolist()
    print(describe(correlations))
    deviations = ", ".join(f"{correlation:.2f}" for correlation in correlations[: len(COLUMNS)])
    return Outcome(f"deviations of tempo, velocity, timing and articulation told of works left out: {deviations}", (PROFILE_FILE,))


def write_profile(ridge: Ridge, fast: Sequence[float], folder: Path) -> None:
    with whole_file(folder / PROFILE_FILE) as partial:
        np.savez(partial, **ridge._asdict(), fast_intervals=np.array(fast))


@dataclass(frozen=True)
class Profile:
    """What ``write_profile`` wrote, read as the performer reads the graph; see ``models.dexter.passages.ProfileReader``."""

    ridge: Ridge
    fast_intervals: np.ndarray

    def read(self, score_columns: np.ndarray, features: np.ndarray) -> ExpressionProfile:
        predicted = self.ridge.predict(piece_features(score_columns, features)[None])[0]
        by_field = {name: np.full(len(PERFORMANCE_COLUMNS), left_out) for name, left_out in LEFT_OUT.items()}
        for name, values in zip(OUTPUTS, np.split(predicted, len(OUTPUTS)), strict=True):
            by_field[name][list(COLUMNS)] = np.exp(values) if name in LOGARITHMS else values
        return ExpressionProfile(**by_field, human_fastest_intervals=self.fast_intervals)


def read_profile(folder: Path) -> Profile:
    """Return what ``write_profile`` wrote. Raises PerfLiveError."""
    try:
        with np.load(folder / PROFILE_FILE) as stored:
            return Profile(Ridge(*(stored[name] for name in Ridge._fields)), stored["fast_intervals"])
    except (OSError, ValueError, KeyError) as error:
        raise PerfLiveError(f"{folder}: there is no expression profile that can be read ({error}); run the stage again") from error
