"""How much expression performers give a piece, and how far they are apart, from what its score is like as a whole: ridge regression;
how fast, loud and detached it is as a whole, in comparison with what the networks say; and how fast pieces are at their fastest.

The networks' mean hardly varies in how wide it is from piece to piece, and their samples even less in how far apart they are; humans'
deviation of tempo differs sixfold, and the score says by how much. Run, with the other graphs in the folder (a few minutes), and calibrate
afterwards:

    python -m training.dexter.expression_profile models/pretrained --data DIR
"""

import hashlib
import sys
from collections.abc import Sequence
from itertools import combinations
from pathlib import Path
from typing import Annotated, NamedTuple

import numpy as np
import typer
from rich.progress import track

from engine.base.command_line import run
from engine.base.errors import PerfLiveError
from engine.base.files import whole_file
from engine.onnx.contract import Contract, TensorSpec
from engine.onnx.model import Model
from engine.performers.dexter.performer import FILES, DexterPerformer
from export.ridge_regression import write_amounts
from models.dexter.expression_profile import PIECE_FEATURES, fastest_interval, piece_features
from models.performance.features import at_played_tempo, notated_intervals, note_features
from models.performance.representation import ARTICULATION, BEAT_PERIOD, REPRESENTATION_VERSION, TIMING, VELOCITY
from training.datasets.asap import LICENCE, work_of
from training.dexter.calibration import (
    AMOUNTS,
    MOST_PERFORMERS,
    apart,
    human_columns,
    neutral_sampler,
    perform_neutrally,
)
from training.dexter.figures import beat_intervals
from training.performance.pieces import Piece, Presentation, load_pieces

FILE = "dexter_amounts.onnx"
SYSTEM = FILES[FILE]
COLUMNS = (BEAT_PERIOD, VELOCITY, TIMING, ARTICULATION)
OUTPUTS = ("deviation", "apart", "level")
LOGARITHMS = OUTPUTS[:2]
LEAST_NOTES = 40  # fewer have no deviation to speak of
PENALTY = 1000.0  # of squared weights, as heavy as so many pieces; of 100, 300, 1000 and 3000 the best on pieces left out
MOST_DEVIATIONS = 4.0  # of a feature from the pieces' average
FOLDS = 8
TOLERANCE = 1e-4

app = typer.Typer(add_completion=False)


class Examples(NamedTuple):
    """``features`` (M, F) of presentations; ``targets`` (M, 12): log of COLUMNS' deviations, then of how much further apart than samples
    humans are, NaN unknown, then by how much they are above the mean; ``weights`` (M,); ``works`` (M,) numbers the pieces.
    """

    features: np.ndarray
    targets: np.ndarray
    weights: np.ndarray
    works: np.ndarray


class Ridge(NamedTuple):
    """``centre`` and ``scale`` (F,) of the features, ``weights`` (F, 12) and ``bias`` (12,)."""

    centre: np.ndarray
    scale: np.ndarray
    weights: np.ndarray
    bias: np.ndarray

    def predict(self, features: np.ndarray) -> np.ndarray:
        normalised = np.clip((features - self.centre) / self.scale, -MOST_DEVIATIONS, MOST_DEVIATIONS)
        return np.asarray(normalised @ self.weights + self.bias)


def collect(performer: DexterPerformer, pieces: list[Piece]) -> Examples:
    """Return what is to be learnt of train pieces; typical pieces' targets are those for which no gain has to change."""
    pieces = [piece for piece in pieces if len(piece.presentations[0].notes) >= LEAST_NOTES]
    works = {name: number for number, name in enumerate(sorted({work_of(piece.name) for piece in pieces}))}
    rows = []
    for piece in track(pieces, "performing"):
        weight = min(len(piece.performances), MOST_PERFORMERS) ** 0.5 / len(piece.presentations)
        rows += [(_features(shown), _targets(performer, shown), weight, work_of(piece.name)) for shown in piece.presentations]
    features, targets, weights, names = (np.array(part) for part in zip(*rows, strict=True))
    deviations, spreads, further, above = np.split(targets, 4, axis=1)
    deviations -= _weighted_mean(deviations - spreads, weights)
    further -= _weighted_mean(further, weights)
    return Examples(features, np.concatenate([deviations, further, above], axis=1), weights, np.array([works[name] for name in names]))


def _weighted_mean(values: np.ndarray, weights: np.ndarray) -> np.ndarray:
    known = np.isfinite(values)
    return np.where(known, values, 0).T @ weights / (known.T @ weights)


def _features(shown: Presentation) -> np.ndarray:
    return piece_features(shown.score_columns, note_features(shown.score_columns))


def _targets(performer: DexterPerformer, shown: Presentation) -> np.ndarray:
    """Return logarithms (12,): of COLUMNS' deviations of humans (of tempo, from the notated one), of those of the mean without gains, and
    of what humans are apart in comparison with two samples; in timing, by how much they are more out of time than a sample.
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


def _above_the_mean(performer: DexterPerformer, shown: Presentation, humans: list[np.ndarray]) -> np.ndarray:
    mean = perform_neutrally(performer, shown, 0, temperature=0)
    return np.mean([np.nanmean(human - mean, axis=0) for human in humans], axis=0)[list(COLUMNS)]


def _tempo_deviation(shown: Presentation, normalised: np.ndarray) -> float:
    notated = beat_intervals(np.zeros_like(normalised), shown.score_columns)
    return float(np.std(beat_intervals(normalised, shown.score_columns) - notated))


def fit(examples: Examples, chosen: np.ndarray) -> Ridge:
    """Return what is learnt of the ``chosen`` (M,) presentations."""
    features = examples.features[chosen]
    centre, scale = features.mean(0), features.std(0) + 1e-3
    normalised = np.clip((features - centre) / scale, -MOST_DEVIATIONS, MOST_DEVIATIONS)
    solved = [_solve(normalised, target, examples.weights[chosen]) for target in examples.targets[chosen].T]
    weights, bias = (np.stack(part, axis=-1) for part in zip(*solved, strict=True))
    return Ridge(centre, scale, weights, bias)


def _solve(features: np.ndarray, target: np.ndarray, weights: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return weights (F,) and a bias; as there are more features than pieces, by the products of pieces."""
    known = np.isfinite(target)
    features, target, roots = features[known], target[known], np.sqrt(weights[known])
    centre, middle = np.average(features, axis=0, weights=roots**2), np.average(target, weights=roots**2)
    rows = roots[:, None] * (features - centre)
    solution = np.linalg.solve(rows @ rows.T + PENALTY * np.eye(len(rows)), roots * (target - middle)) @ rows
    return solution, middle - centre @ solution


def cross_validate(examples: Examples) -> np.ndarray:
    """Return the correlations (12,) of targets with what is predicted of works that were left out."""
    predicted = np.empty_like(examples.targets)
    for fold in range(FOLDS):
        left_out = examples.works % FOLDS == fold
        predicted[left_out] = fit(examples, ~left_out).predict(examples.features[left_out])
    known = np.isfinite(examples.targets)
    columns = zip(examples.targets.T, predicted.T, known.T, strict=True)
    return np.array([np.corrcoef(target[seen], guess[seen])[0, 1] for target, guess, seen in columns])


def fast_intervals(pieces: list[Piece]) -> list[float]:
    """Return the ``fastest_interval`` of each piece as humans play it on average, ascending."""
    found = []
    for piece in pieces:
        shown = piece.presentations[0]
        notated = notated_intervals(shown.notes, shown.score_columns)
        found.append(np.mean([fastest_interval(at_played_tempo(human, notated)) for human in human_columns(shown)]))
    return sorted(float(interval) for interval in found if np.isfinite(interval))


def contract(fast: Sequence[float]) -> Contract:
    outputs = tuple(TensorSpec(name=name, shape=("pieces", len(COLUMNS)), type="float32") for name in OUTPUTS)
    return Contract(
        system=SYSTEM,
        representation_version=REPRESENTATION_VERSION,
        inputs=(TensorSpec(name="features", shape=("pieces", len(PIECE_FEATURES)), type="float32"),),
        outputs=outputs,
        constants={"features": list(PIECE_FEATURES), "columns": list(COLUMNS), "fast_intervals": [round(each, 3) for each in fast]},
        training_data="(n)ASAP, train split of splits.json",
        licence=LICENCE,
        configuration_hash=hashlib.sha256(repr((PENALTY, MOST_DEVIATIONS, MOST_PERFORMERS)).encode()).hexdigest()[:16],
    )


def export(ridge: Ridge, features: np.ndarray, fast: Sequence[float], path: Path) -> float:
    """Write what was learnt, and ``fast`` intervals, to ``path``; return how far the graph is from the regression at most, of ``features``
    (M, F). Raises PerfLiveError, and leaves no file, when that is more than TOLERANCE.
    """
    with whole_file(path) as partial:
        write_amounts(ridge, MOST_DEVIATIONS, LOGARITHMS, contract(fast), partial)
        answer = Model(partial, SYSTEM, REPRESENTATION_VERSION).run({"features": features.astype(np.float32)}, {})[0]
        told = np.concatenate([np.log(answer[name]) if name in LOGARITHMS else answer[name] for name in OUTPUTS], axis=1)
        distance = float(np.abs(told - ridge.predict(features)).max())
        if not distance <= TOLERANCE:
            raise PerfLiveError(f"{path}: the graph is {distance:.2g} from the regression, {TOLERANCE} is allowed; report this as a defect")
    return distance


def load_unfitted(folder: Path) -> DexterPerformer:
    """Return the performer whose pieces all have the same gains. Raises PerfLiveError."""
    files = [(name, system) for name, system in FILES.items() if name != FILE]
    return DexterPerformer(*(Model(folder / name, system, REPRESENTATION_VERSION) for name, system in files))


def describe(correlations: Sequence[float]) -> str:
    names = ("tempo", "velocity", "timing", "articulation")
    parts = zip(OUTPUTS, np.reshape(correlations, (len(OUTPUTS), -1)).tolist(), strict=True)
    told = [f"{what} of {', '.join(f'{name} {value:.2f}' for name, value in zip(names, part, strict=True))}" for what, part in parts]
    return f"correlations on works left out: {'; '.join(told)}"


@app.command()
def main(
    model: Annotated[Path, typer.Argument(help=f"folder of the exported graphs; {FILE} is written there")],
    data: Annotated[Path, typer.Option("--data", help="folder of the unpacked corpus")],
    cache: Annotated[Path, typer.Option("--cache", help="folder to keep encoded performances in")] = Path("runs"),
) -> None:
    """Learn from the train split how much expression a piece takes, and write it as a verified ONNX file."""
    pieces = load_pieces(data, "train", cache)
    examples = collect(load_unfitted(model), pieces)
    print(describe(cross_validate(examples).tolist()))
    distance = export(fit(examples, np.ones(len(examples.works), bool)), examples.features, fast_intervals(pieces), model / FILE)
    print(f"{model / FILE}: of {len(examples.works)} presentations; {distance:.2g} from the regression")


if __name__ == "__main__":
    sys.exit(run(app, "training.dexter.expression_profile"))
