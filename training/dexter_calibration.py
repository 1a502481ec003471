"""How much to exaggerate DExter's mean so that it is as expressive as a human: fitted after training, on train pieces, and where that
matters (timing) on pieces that no training has seen.

A mean of many performers is flatter than each of them, and its pedal is half down. Run, to write gains into the checkpoint:

    python -m training.dexter_calibration RUN_FOLDER/best.ckpt --trees dexter_trees.onnx --data DIR
"""

import functools
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, NamedTuple

import numpy as np
import torch
import typer
from rich.progress import track

from engine.commands.errors import run
from engine.model import Model
from engine.performers.dexter_trees import Trees
from models.dexter.features import denormalise
from models.dexter.representation import (
    ARTICULATION,
    BEAT_PERIOD,
    PEDAL,
    PEDAL_BETWEEN,
    REPRESENTATION_VERSION,
    TIMING,
    VELOCITY,
    decode_performance,
)
from training.datasets.expression_pieces import Presentation, load_pieces, load_unseen_pieces
from training.datasets.expression_windows import show
from training.dexter import DexterTask, load_task
from training.dexter_figures import beat_intervals, predict_piece
from training.dexter_trees import SYSTEM

PEDAL_DOWN = 64
PEDAL_GAIN = 3.0  # so that little of it stays half down
EVERY = 6  # of the pieces that were learnt from
MOST_PERFORMERS = 4

Amount = Callable[[Presentation, np.ndarray], float]

app = typer.Typer(add_completion=False)


def tempo_deviation(shown: Presentation, normalised: np.ndarray) -> float:
    """Return the standard deviation of log2 of the time between beats."""
    return float(beat_intervals(normalised, shown.score_columns).std())


def column_deviation(column: int) -> Amount:
    """Return the standard deviation of a column, as an amount."""
    return lambda shown, normalised: float(np.nanstd(denormalise(normalised, shown.score_columns)[:, column]))


def asynchrony_s(shown: Presentation, normalised: np.ndarray) -> float:
    """Return how far onsets are from the mean of their chord, seconds, on average over the notes of chords; NaN where there are none.

    Grace notes are early on purpose, and belong to no chord.
    """
    timing = denormalise(normalised, shown.score_columns)[:, TIMING]
    known = np.isfinite(timing) & ~shown.notes["is_grace"]
    _, group = np.unique(shown.notes["onset_quarter"][known], return_inverse=True)
    counts = np.bincount(group)
    distance = np.abs(timing[known] - (np.bincount(group, weights=timing[known]) / counts)[group])
    return float(distance[counts[group] > 1].mean()) if (counts > 1).any() else float("nan")


def pedal_share(shown: Presentation, normalised: np.ndarray) -> float:
    """Return the share of the time from the first onset to the last in which the pedal is down."""
    performed = decode_performance(shown.notes, denormalise(normalised, shown.score_columns))
    times, values = performed.pedal
    begin, end = np.nanmin(performed.onset_sec), np.nanmax(performed.onset_sec)
    edges = np.clip(np.concatenate([[begin], times, [end]]), begin, end)
    down = np.concatenate([[0], values]) >= PEDAL_DOWN
    return float((np.diff(edges) * down).sum() / max(end - begin, 1e-9))


AMOUNTS: dict[int, Amount] = {
    BEAT_PERIOD: tempo_deviation,
    VELOCITY: column_deviation(VELOCITY),
    TIMING: asynchrony_s,
    ARTICULATION: column_deviation(ARTICULATION),
    PEDAL: pedal_share,
}


def express(mean: np.ndarray, gains: np.ndarray, offsets: np.ndarray) -> np.ndarray:
    """Return ``mean`` (N, 8) exaggerated: gain * mean + offset, or about the piece's own average where an offset is NaN."""
    return gains * mean + np.where(np.isfinite(offsets), offsets, (1 - gains) * mean.mean(0))


class Measured(NamedTuple):
    """Pieces with the means (N, 8) predicted of them, and the humans' amounts on average, by column."""

    pieces: list[Presentation]
    means: list[np.ndarray]
    humans: dict[int, float]


def measure(task: DexterTask, trees: Trees | None, pieces: list[Presentation]) -> Measured:
    """``trees``: what is performed beside the networks, None for the networks alone."""
    means, humans = [], []
    for shown in track(pieces, "measuring"):
        ready = show(shown)
        mean = predict_piece(task.network, ready.features, task.config.windows.notes)[0].numpy()
        if trees is not None:
            mean += trees.read(shown.score_columns, ready.features).add(slice(None), mean, mean.mean(0))
        means.append(mean)
        humans.append([np.mean([amount(shown, t) for t in ready.targets[:MOST_PERFORMERS]]) for amount in AMOUNTS.values()])
    return Measured(pieces, means, dict(zip(AMOUNTS, np.nanmean(humans, axis=0).tolist(), strict=True)))


def calibrate(task: DexterTask, seen: Measured, unseen: Measured) -> None:
    """Set the task's gains and offsets so that each amount, on average over pieces, is the humans'; timing's by unseen ones."""
    gains, offsets = np.ones(seen.means[0].shape[1]), np.zeros(seen.means[0].shape[1])
    offsets[[BEAT_PERIOD, VELOCITY, ARTICULATION]] = np.nan
    gains[[PEDAL, PEDAL_BETWEEN]] = PEDAL_GAIN
    for column, amount in AMOUNTS.items():
        pieces, means, humans = unseen if column == TIMING else seen
        wanted, average = humans[column], functools.partial(_average, amount, pieces, means, gains, offsets)
        if column == PEDAL:
            adjust(offsets, [PEDAL, PEDAL_BETWEEN], (-4.0, 4.0), average, wanted)
        else:
            adjust(gains, [column], (0.5, 8.0), average, wanted)
        print(f"column {column}: humans {wanted:.4f}, found {average():.4f}, gain {gains[column]:.3f}, offset {offsets[column]:.3f}")
    for column, amount in AMOUNTS.items():
        ratio = _average(amount, unseen.pieces, unseen.means, gains, offsets) / unseen.humans[column]
        print(f"column {column}: {ratio:.2f} of the humans' on {len(unseen.pieces)} unseen pieces")
    task.gains.copy_(torch.from_numpy(gains))
    task.offsets.copy_(torch.from_numpy(offsets))


def _average(amount: Amount, pieces: list[Presentation], means: list[np.ndarray], gains: np.ndarray, offsets: np.ndarray) -> float:
    return float(np.nanmean([amount(shown, express(mean, gains, offsets)) for shown, mean in zip(pieces, means, strict=True)]))


def adjust(values: np.ndarray, columns: list[int], reach: tuple[float, float], average: Callable[[], float], wanted: float) -> None:
    """Set ``values[columns]``, with which ``average`` rises, so that it is as wanted: bisection."""
    low, high = reach
    for _ in range(9):
        middle = (low + high) / 2
        values[columns] = middle
        low, high = (low, middle) if average() > wanted else (middle, high)


def store(checkpoint: Path, buffers: dict[str, torch.Tensor]) -> None:
    """Write ``buffers`` into a checkpoint; all else in it stays."""
    stored = torch.load(checkpoint, map_location="cpu", weights_only=True)
    stored["state_dict"] |= buffers
    torch.save(stored, checkpoint)


@app.command()
def main(
    checkpoint: Annotated[Path, typer.Argument(help="checkpoint of perf-train; gains are written into it")],
    trees: Annotated[Path, typer.Option("--trees", help="ONNX file of the trees that read beside it")],
    data: Annotated[Path, typer.Option("--data", help="folder of the unpacked corpus")],
) -> None:
    """Fit the gains of a mean predictor."""
    task, beside = load_task(checkpoint), Trees(Model(trees, SYSTEM, REPRESENTATION_VERSION))
    cache = checkpoint.parent.parent
    seen, unseen = load_pieces(data, "train", cache)[::EVERY], load_unseen_pieces(data, cache, MOST_PERFORMERS)
    calibrate(task, *(measure(task, beside, [piece.presentations[0] for piece in pieces]) for pieces in (seen, unseen)))
    store(checkpoint, {"gains": task.gains, "offsets": task.offsets})


if __name__ == "__main__":
    sys.exit(run(app, "training.dexter_calibration"))
