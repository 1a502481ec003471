"""Gradient-boosted trees that read a score beside DExter's networks, a note at a time.

The networks learn the few pieces by heart before they have learnt what is common to all, above all over phrases. Trees see only a note
and its surroundings and err differently. The average of both is nearer to the humans' mean than either.

Timing is learnt separately. It is a note's asynchrony in its chord, which depends little on the surroundings, and a few notes (ornaments,
tenths, rolled chords) have most of it, so the leaves are small. A piece with small asynchronies counts as much as one with large ones.
The other columns are also learnt from pieces without a robust alignment.

Artefacts: ``COLUMN.txt``, LightGBM's own text, for each column, and ``trees.json`` with the column's shares.
"""

import json
from pathlib import Path
from typing import Any, Literal

import lightgbm
import numpy as np
from pydantic import BaseModel, ConfigDict, Field
from rich.console import Console
from rich.progress import track

from engine.base.errors import PerfLiveError
from models.performance.features import normalise, note_features
from models.performance.representation import (
    ARTICULATION,
    BEAT_PERIOD,
    PEDAL,
    PEDAL_BETWEEN,
    PERFORMANCE_COLUMNS,
    TIMING,
    VELOCITY,
)
from models.performance.surroundings import WideFeatures
from training.dexter.networks import BoostedTrees
from training.metrics.chord_timing import about_chords
from training.performance.pieces import PerformedPiece, Presentation, load_performed_pieces
from training.performance.unverified_alignments import load_unverified_pieces
from training.performance.windows import Shown, show
from training.stages import Outcome, Work, write_json
from training.stages.trees import grown

TREES_FILE = "trees.json"
# Of the way from the networks' mean to the trees'. What the pedal does in little is left to the networks.
SHARES = {BEAT_PERIOD: 0.7, VELOCITY: 0.75, TIMING: 0.85, ARTICULATION: 0.6, PEDAL: 0.6, PEDAL_BETWEEN: 0.6}
MOST_NOTES = 2500  # of a piece in one of its formats
MOST_PERFORMERS = 6  # that count, by the root of their number: the more there are, the better is their mean known
ALONE = 0.3  # what a note counts that is in no chord
SMALLEST_DEVIATION = {BEAT_PERIOD: 0.2, TIMING: 0.1}  # of a piece's column, normalised, that makes it count more


class Boosting(BaseModel):
    """How a column's trees are grown: ``rounds`` of them, each of up to ``leaves`` of ``smallest_leaf`` notes at least, from a
    ``feature_share`` of the features.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    rounds: int = Field(gt=0)
    learning_rate: float = Field(gt=0)
    smallest_leaf: int = Field(gt=0)
    feature_share: float = Field(gt=0, le=1)
    penalty: float = Field(ge=0)
    leaves: int = Field(default=63, gt=1)

    def parameters(self) -> dict[str, Any]:
        """Return these as LightGBM names them."""
        return {
            "objective": "regression",
            "learning_rate": self.learning_rate,
            "num_leaves": self.leaves,
            "min_child_samples": self.smallest_leaf,
            "max_bin": 63,
            "colsample_bytree": self.feature_share,
            "subsample": 0.4,
            "subsample_freq": 1,
            "reg_lambda": self.penalty,
            "use_missing": False,
            "deterministic": True,
            "force_col_wise": True,
            "verbose": -1,
        }


class TreesConfig(BaseModel):
    """``around``: of all columns but timing, from what is around a note; ``in_chords``: of timing, from the note alone."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    task: Literal["dexter-trees"]
    around: Boosting
    in_chords: Boosting
    seed: int = 0


Examples = tuple[np.ndarray, np.ndarray, np.ndarray]


def collect(pieces: list[PerformedPiece], random: np.random.Generator) -> Examples:
    """Return features (M, F), targets (M, 8), normalised, about their piece's average, 0 where unknown, and weights (M, 8) of notes.

    A piece counts by the root of its notes, and in tempo as much as one that is played with more freedom.
    """
    parts = []
    for piece in track(pieces, "reading pieces", console=Console(stderr=True)):
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


def collect_timing(pieces: list[PerformedPiece], random: np.random.Generator) -> Examples:
    """Return features (M, F), which are the first of ``collect``'s, targets (M,), timing about that of the note's chord, normalised, and
    weights (M,) of notes.
    """
    parts = []
    for piece in track(pieces, "reading chords", console=Console(stderr=True)):
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


def boost(examples: Examples, boosting: Boosting, threads: int, seed: int) -> lightgbm.Booster:
    """Return trees for the targets (M,) of examples."""
    features, targets, weights = examples
    data = lightgbm.Dataset(features, targets, weight=weights)
    return lightgbm.train(boosting.parameters() | {"num_threads": threads, "seed": seed}, data, boosting.rounds)


def boost_columns(config: TreesConfig, examples: Examples, timing: Examples, work: Work) -> tuple[str, ...]:
    """Write the trees of each column that has a share, and the shares, to ``work.folder``; return the files."""
    files = {PERFORMANCE_COLUMNS[column]: f"{PERFORMANCE_COLUMNS[column]}.txt" for column in SHARES}
    for column in track(SHARES, "boosting columns", console=Console(stderr=True)):

        def grow(column: int = column) -> lightgbm.Booster:
            chosen = (timing, config.in_chords) if column == TIMING else (of_column(examples, column), config.around)
            return boost(*chosen, work.threads, config.seed)

        grown(work.folder / files[PERFORMANCE_COLUMNS[column]], grow)
    write_json(work.folder / TREES_FILE, {name: SHARES[PERFORMANCE_COLUMNS.index(name)] for name in files})
    return (TREES_FILE, *files.values())


def fit_trees(config: TreesConfig, work: Work) -> Outcome:
    """Learn the trees from the train split of the (n)ASAP folder ``work.data``, and write them to ``work.folder``."""
    pieces = load_performed_pieces(work.data, "train", work.cache)
    timing = collect_timing(pieces, np.random.default_rng(config.seed))
    examples = collect(pieces + load_unverified_pieces(work.data, work.cache), np.random.default_rng(config.seed))
    return Outcome(f"{len(examples[0])} notes, {len(timing[0])} for timing", boost_columns(config, examples, timing, work))


def read_trees(folder: Path) -> BoostedTrees:
    """Return what ``fit_trees`` wrote. Raises PerfLiveError."""
    shares, boosted = np.zeros(len(PERFORMANCE_COLUMNS)), {}
    try:
        for name, share in json.loads((folder / TREES_FILE).read_text(encoding="utf-8")).items():
            column = PERFORMANCE_COLUMNS.index(name)
            shares[column], boosted[column] = share, lightgbm.Booster(model_file=folder / f"{name}.txt")
    except (OSError, ValueError, lightgbm.basic.LightGBMError) as error:
        raise PerfLiveError(f"{folder}: there are no trees that can be read ({error}); run the stage again") from error
    return BoostedTrees(boosted, shares)
