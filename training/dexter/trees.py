"""Gradient-boosted trees that read a score beside DExter's networks, a note at a time.

The networks learn the few pieces there are by heart before they have learnt all that is common to them, above all what lies over phrases.
Trees that see a note, what is around it and nothing else err differently, and the mean of both is nearer to the humans' than either.

Timing is learnt apart from the other columns: it is a note's place among those that it is played with, which has little to do with what is
around, and few notes (ornaments, tenths, rolled chords) have most of it, so that leaves are small. A piece whose chords are together counts
as much as one in which they are not. What the other columns are learnt from is also pieces without a robust alignment. Run:

    python -m training.dexter.trees --data DIR -o models/pretrained/dexter_trees.onnx
"""

import hashlib
import sys
from pathlib import Path
from typing import Annotated, Any, NamedTuple

import lightgbm
import numpy as np
import typer
from rich.progress import track

from engine.base.command_line import run
from engine.base.errors import PerfLiveError
from engine.base.files import whole_file
from engine.onnx.contract import Contract, TensorSpec
from engine.onnx.model import Model
from engine.performers.dexter.performer import FILES
from export.trees import write_trees
from models.performance.features import normalise, note_features
from models.performance.representation import (
    ARTICULATION,
    BEAT_PERIOD,
    PEDAL,
    PEDAL_BETWEEN,
    PERFORMANCE_COLUMNS,
    REPRESENTATION_VERSION,
    TIMING,
    VELOCITY,
)
from models.performance.surroundings import WIDE_FEATURES, WideFeatures
from training.datasets.asap import LICENCE
from training.metrics.chord_timing import about_chords
from training.performance.pieces import Piece, Presentation, load_pieces
from training.performance.unverified_alignments import load_unsure_pieces
from training.performance.windows import Shown, show

SYSTEM = FILES["dexter_trees.onnx"]
# Of the way from the networks' mean to the trees'. What the pedal does in little is left to the networks.
SHARES = {BEAT_PERIOD: 0.7, VELOCITY: 0.75, TIMING: 0.85, ARTICULATION: 0.6, PEDAL: 0.6, PEDAL_BETWEEN: 0.6}
MOST_NOTES = 2500  # of a piece in one of its formats
MOST_PERFORMERS = 6  # that count, by the root of their number: the more there are, the better is their mean known


class Recipe(NamedTuple):
    """LightGBM's parameters, and how many trees there are of a column."""

    parameters: dict[str, Any]
    rounds: int


_PARAMETERS = {
    "objective": "regression",
    "learning_rate": 0.035,
    "num_leaves": 63,
    "min_child_samples": 500,
    "max_bin": 63,
    "colsample_bytree": 0.1,
    "subsample": 0.4,
    "subsample_freq": 1,
    "reg_lambda": 30,
    "use_missing": False,
    "deterministic": True,
    "force_col_wise": True,
    "verbose": -1,
}
AROUND = Recipe(_PARAMETERS, 1000)
IN_CHORDS = Recipe(_PARAMETERS | {"learning_rate": 0.04, "min_child_samples": 20, "colsample_bytree": 0.5, "reg_lambda": 10}, 1200)
ALONE = 0.3  # what a note counts that is in no chord
SMALLEST_DEVIATION = {BEAT_PERIOD: 0.2, TIMING: 0.1}  # of a piece's column, normalised, that makes it count more
CONFIGURATION = (*AROUND, *IN_CHORDS, ALONE, *SMALLEST_DEVIATION.values(), MOST_NOTES, MOST_PERFORMERS)
TOLERANCE = 1e-4  # of the graph against LightGBM, normalised

Examples = tuple[np.ndarray, np.ndarray, np.ndarray]

app = typer.Typer(add_completion=False)


def collect(pieces: list[Piece], random: np.random.Generator) -> Examples:
    """Return features (M, F), targets (M, 8), normalised, about their piece's average, 0 where unknown, and weights (M, 8) of notes.

    A piece counts by the root of its notes, and in tempo as much as one that is played with more freedom.
    """
    parts = []
    for piece in track(pieces, "reading pieces"):
        for presentation in piece.presentations:
            shown = show(presentation)
            rows = np.sort(random.permutation(len(shown.mean))[:MOST_NOTES])
            census = min(len(shown.targets), MOST_PERFORMERS) ** 0.5 / len(piece.presentations)
            target = (shown.mean - _average(shown.mean))[rows]
            weights = census * shown.weights[rows] * np.isfinite(target) / len(rows) ** 0.5
            target = np.nan_to_num(target)
            tempo = target[:, BEAT_PERIOD], weights[:, BEAT_PERIOD]
            weights[:, BEAT_PERIOD] /= (_deviation(*tempo) + SMALLEST_DEVIATION[BEAT_PERIOD]) ** 2
            parts.append((wide_features(shown).rows(rows), target, weights))
    features, targets, weights = (np.concatenate(part) for part in zip(*parts, strict=True))
    return features, targets, weights / np.maximum(weights.mean(0), 1e-9)


def _average(values: np.ndarray) -> np.ndarray:
    """Return the mean of values (N, ...) over the first axis where they are known, NaN where none is."""
    known = np.isfinite(values)
    return np.where(known.any(0), np.where(known, values, 0).sum(0) / np.maximum(known.sum(0), 1), np.nan)


def _deviation(values: np.ndarray, weights: np.ndarray) -> float:
    """Return the standard deviation of values (n,) with weights (n,), 0 where none has any."""
    total = max(float(weights.sum()), 1e-9)
    average = weights @ values / total
    return float(np.sqrt(weights @ np.square(values - average) / total))


def collect_timing(pieces: list[Piece], random: np.random.Generator) -> Examples:
    """Return features (M, F), which are the first of ``collect``'s, targets (M,), timing about that of the note's chord, normalised, and
    weights (M,) of notes.
    """
    parts = []
    for piece in track(pieces, "reading chords"):
        for presentation in piece.presentations:
            target, chords = _relative_timing(presentation)
            known = np.flatnonzero(np.isfinite(target))
            rows = np.sort(random.permutation(known)[:MOST_NOTES])
            deviation = np.std(target[known][chords[known]]) if chords[known].any() else np.inf
            census = min(len(presentation.columns), MOST_PERFORMERS) ** 0.5 / len(piece.presentations)
            weights = census * np.where(chords[rows], 1, ALONE) / len(rows) ** 0.5 / (deviation + SMALLEST_DEVIATION[TIMING]) ** 2
            parts.append((note_features(presentation.score_columns)[rows], target[rows], weights))
    features, targets, weights = (np.concatenate(part) for part in zip(*parts, strict=True))
    return features, targets, weights / weights.mean()


def _relative_timing(presentation: Presentation) -> tuple[np.ndarray, np.ndarray]:
    """Return the performers' mean timing (N,) about chords, normalised, and which notes are full notes in chords (N,)."""
    notes, columns = presentation.notes, np.zeros((len(presentation.notes), len(PERFORMANCE_COLUMNS)))
    found = [about_chords(notes, performed[:, TIMING]) for performed in presentation.columns]
    columns[:, TIMING] = _average(np.array([relative for relative, _ in found]))
    chords = (np.max([counts for _, counts in found], axis=0) > 1) & ~notes["is_grace"]
    return normalise(columns, presentation.score_columns)[:, TIMING], chords


def wide_features(shown: Shown) -> WideFeatures:
    return WideFeatures(shown.score_columns, shown.features)


def of_column(examples: Examples, column: int) -> Examples:
    """Return the examples with one column's targets (M,) and weights (M,)."""
    features, targets, weights = examples
    return features, targets[:, column].copy(), weights[:, column].copy()  # in one piece, as LightGBM wants them


def boost(examples: Examples, recipe: Recipe, threads: int, seed: int) -> lightgbm.Booster:
    """Return trees for the targets (M,) of examples."""
    features, targets, weights = examples
    data = lightgbm.Dataset(features, targets, weight=weights)
    return lightgbm.train(recipe.parameters | {"num_threads": threads, "seed": seed}, data, recipe.rounds)


def contract() -> Contract:
    shares = np.zeros(len(PERFORMANCE_COLUMNS))
    shares[list(SHARES)] = list(SHARES.values())
    return Contract(
        system=SYSTEM,
        representation_version=REPRESENTATION_VERSION,
        inputs=(TensorSpec(name="features", shape=("notes", len(WIDE_FEATURES)), type="float32"),),
        outputs=(TensorSpec(name="mean", shape=("notes", len(PERFORMANCE_COLUMNS)), type="float32"),),
        constants={"features": list(WIDE_FEATURES), "shares": shares.tolist()},
        training_data="(n)ASAP, train split of splits.json",
        licence=LICENCE,
        configuration_hash=hashlib.sha256(repr(CONFIGURATION).encode()).hexdigest()[:16],
    )


def export(boosted: dict[int, lightgbm.Booster], features: np.ndarray, path: Path) -> float:
    """Write the trees to ``path``; return how far the graph is from them at most, of ``features`` (M, F). Raises PerfLiveError, and
    leaves no file, when that is more than TOLERANCE.
    """
    dumps: dict[int, dict[str, Any]] = {column: booster.dump_model() for column, booster in boosted.items()}
    with whole_file(path) as partial:
        write_trees(dumps, contract(), partial)
        answer = Model(partial, SYSTEM, REPRESENTATION_VERSION).run({"features": features}, {})[0]["mean"]
        told = {column: booster.predict(features[:, : booster.num_feature()]) for column, booster in boosted.items()}
        distance = max(float(np.abs(values - answer[:, column]).max()) for column, values in told.items())
        if distance > TOLERANCE:
            raise PerfLiveError(f"{path}: the graph is {distance:.2g} from the trees, {TOLERANCE} is allowed; report this as a defect")
    return distance


@app.command()
def main(
    data: Annotated[Path, typer.Option("--data", help="folder of the unpacked corpus")],
    out: Annotated[Path, typer.Option("--out", "-o", help="the ONNX file to write")],
    cache: Annotated[Path, typer.Option("--cache", help="folder to keep encoded performances in")] = Path("runs"),
    threads: Annotated[int, typer.Option("--threads", min=1, help="processor threads")] = 1,
    seed: Annotated[int, typer.Option("--seed")] = 0,
) -> None:
    """Learn the trees from the train split and write them as a verified ONNX file."""
    pieces = load_pieces(data, "train", cache)
    timing = collect_timing(pieces, np.random.default_rng(seed))
    examples = collect(pieces + load_unsure_pieces(data, cache), np.random.default_rng(seed))
    boosted = {}
    for column in track(SHARES, "boosting columns"):
        chosen = (timing, IN_CHORDS) if column == TIMING else (of_column(examples, column), AROUND)
        boosted[column] = boost(*chosen, threads, seed)
    distance = export(boosted, examples[0][:: max(len(examples[0]) // 5000, 1)], out)
    trees = f"{AROUND.rounds} trees a column, of {len(examples[0])} notes, {IN_CHORDS.rounds} for timing, of {len(timing[0])}"
    print(f"{out}: {out.stat().st_size / 1e6:.2f} MB, {trees}; {distance:.2g} from LightGBM's")


if __name__ == "__main__":
    sys.exit(run(app, "training.dexter.trees"))
