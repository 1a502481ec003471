"""How much to exaggerate DExter's mean, and how much of the denoiser's residual to hear, so that renderings are as expressive as humans and
differ as they do: fitted after training, on train pieces.

A mean of many performers is flatter than each of them, and its pedal is half down. Samples are further apart than humans, where the mean
explains more of them than the one that the denoiser was trained around. That the networks know these pieces by heart makes no difference,
as how wide each piece's mean is was brought to what its score says (training/dexter_amounts.py). Run, to write the gains into the graphs of
a folder:

    python -m training.dexter_calibration models/pretrained --data DIR
"""

import functools
import sys
from collections.abc import Callable, Sequence
from dataclasses import replace
from itertools import combinations
from pathlib import Path
from typing import Annotated, NamedTuple

import numpy as np
import onnx
import typer
from rich.progress import track

from engine.commands.errors import run
from engine.model import Model
from engine.output_file import whole_file
from engine.performers.dexter import FILES, DexterPerformer, load_performer
from export.graph import save
from models.dexter.features import denormalise, normalise
from models.dexter.representation import (
    ARTICULATION,
    BEAT_PERIOD,
    PEDAL,
    PEDAL_BETWEEN,
    REPRESENTATION_VERSION,
    TIMING,
    VELOCITY,
    decode_performance,
    nearest_stroke,
)
from models.dexter.windows import COLUMNS, Settings, WindowSampler, perform
from training.chord_timing import about_chords
from training.datasets.expression_pieces import Presentation, load_pieces
from training.dexter_figures import beat_intervals

PEDAL_DOWN = 64
PEDAL_GAIN = 2.0  # so that less of it stays half down
EVERY = 6  # of the pieces that were learnt from
MOST_PERFORMERS = 4
APART = (BEAT_PERIOD, VELOCITY, ARTICULATION)  # what samples are apart in as humans are; in timing they deviate as much

Amount = Callable[[Presentation, np.ndarray], float]

app = typer.Typer(add_completion=False)


def curve(shown: Presentation, normalised: np.ndarray, column: int) -> np.ndarray:
    """Return a column in its own unit; of tempo, log2 of the time between beats, which is what is heard."""
    if column == BEAT_PERIOD:
        return beat_intervals(normalised, shown.score_columns)
    return denormalise(normalised, shown.score_columns)[:, column]


def deviation(column: int) -> Amount:
    """Return the standard deviation of a column's curve, as an amount."""
    return lambda shown, normalised: float(np.nanstd(curve(shown, normalised, column)))


def apart(shown: Presentation, pair: Sequence[np.ndarray], column: int) -> float:
    """Return how far two performances (N, 8) are apart: the deviation of the difference of their curves."""
    first, second = (curve(shown, normalised, column) for normalised in pair)
    return float(np.nanstd(first - second))


def asynchrony_s(shown: Presentation, normalised: np.ndarray) -> float:
    """Return how far onsets are from the mean of their chord, seconds, on average over the notes of chords; NaN where there are none.

    Grace notes are early on purpose, and belong to no chord.
    """
    timing = denormalise(normalised, shown.score_columns)[:, TIMING]
    relative, counts = about_chords(shown.notes, timing[nearest_stroke(shown.notes, timing)])
    distance = np.abs(relative[(counts > 1) & ~shown.notes["is_grace"]])
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
    """Pieces, their mean renderings (N, 8), normalised and as they come, and by column the humans' amounts on average."""

    pieces: list[Presentation]
    means: list[np.ndarray]
    humans: dict[int, float]


def render(performer: DexterPerformer, pieces: list[Presentation]) -> Rendered:
    """Return the means that ``performer`` makes of pieces without gains."""
    means, humans = [], []
    for piece in track(pieces, "rendering"):
        means.append(perform_neutrally(performer, piece, 0, temperature=0))
        targets = human_columns(piece)
        humans.append([np.mean([amount(piece, target) for target in targets]) for amount in AMOUNTS.values()])
    return Rendered(pieces, means, dict(zip(AMOUNTS, np.nanmean(humans, axis=0).tolist(), strict=True)))


def perform_neutrally(performer: DexterPerformer, piece: Presentation, seed: int, temperature: float) -> np.ndarray:
    """Return a performance (N, 8), normalised, without gains."""
    return perform(neutral_sampler(performer, piece, seed), Settings(temperature=temperature), len(piece.notes))


def neutral_sampler(performer: DexterPerformer, piece: Presentation, seed: int) -> WindowSampler:
    neutral = replace(performer.scales, gain=np.ones(COLUMNS), offset=np.zeros(COLUMNS), sampled=np.ones(COLUMNS))
    return performer.sampler(piece.notes, piece.score_columns, seed, scales=neutral)


def human_columns(piece: Presentation) -> list[np.ndarray]:
    """Return the first performances, each (N, 8), normalised."""
    return [normalise(columns, piece.score_columns) for columns in piece.columns[:MOST_PERFORMERS]]


def calibrate_means(rendered: Rendered) -> tuple[np.ndarray, np.ndarray]:
    """Return gains and offsets (8,) with which each amount, on average over pieces, is the humans'."""
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
        print(f"column {column}: {heard}, gain {gains[column]:.3f}, offset {offsets[column]:.3f}")
    return gains, offsets


def _average(column: int, rendered: Rendered, gains: np.ndarray, offsets: np.ndarray) -> float:
    pairs = zip(rendered.pieces, rendered.means, strict=True)
    return float(np.nanmean([AMOUNTS[column](piece, express(mean, gains, offsets)) for piece, mean in pairs]))


def calibrate_samples(performer: DexterPerformer, rendered: Rendered) -> np.ndarray:
    """Return gains of the residual (8,) with which two samples of a piece are as far apart, on average, as two of its humans, and their
    chords as much out of time; of pieces as notation.
    """
    gains, humans, samples = np.ones(COLUMNS), [], []
    chords: list[tuple[Presentation, np.ndarray, np.ndarray]] = []
    played = [each for each in zip(rendered.pieces, rendered.means, strict=True) if each[0].kind == "notation" and len(each[0].columns) > 1]
    for piece, mean in track(played, "sampling"):
        pair, targets = [perform_neutrally(performer, piece, seed, temperature=1) for seed in (0, 1)], human_columns(piece)
        samples.append([apart(piece, pair, column) for column in APART])
        of_humans = [np.mean([apart(piece, two, column) for two in combinations(targets, 2)]) for column in APART]
        humans.append([*of_humans, np.mean([asynchrony_s(piece, target) for target in targets])])
        chords.append((piece, mean, pair[0]))
    *wanted, out_of_time = np.nanmean(humans, axis=0).tolist()
    for column, human, sampled in zip(APART, wanted, np.mean(samples, axis=0).tolist(), strict=True):
        gains[column] = human / sampled
        print(f"column {column}: humans {human:.4f} apart, samples {sampled:.4f}, gain {gains[column]:.3f}")

    def average() -> float:
        return float(np.nanmean([asynchrony_s(piece, mean + gains * (sample - mean)) for piece, mean, sample in chords]))

    adjust(gains, [TIMING], (0.5, 4.0), average, out_of_time)
    print(f"column {TIMING}: humans {out_of_time:.4f}, samples {average():.4f}, gain {gains[TIMING]:.3f}")
    return gains


def adjust(values: np.ndarray, columns: list[int], reach: tuple[float, float], average: Callable[[], float], wanted: float) -> None:
    """Set ``values[columns]``, with which ``average`` rises, so that it is as wanted: bisection."""
    low, high = reach
    for _ in range(9):
        middle = (low + high) / 2
        values[columns] = middle
        low, high = (low, middle) if average() > wanted else (middle, high)


def store(path: Path, system: str, constants: dict[str, list[float | None]]) -> None:
    """Write ``constants`` into the contract of an exported graph; all else in it stays."""
    contract = Model(path, system, REPRESENTATION_VERSION).contract
    with whole_file(path) as partial:
        save(onnx.load(path), contract.model_copy(update={"constants": contract.constants | constants}), partial)


def _rounded(values: np.ndarray) -> list[float | None]:
    return [round(value, 4) if np.isfinite(value) else None for value in values.tolist()]


@app.command()
def main(
    model: Annotated[Path, typer.Argument(help="folder of the exported graphs; gains are written into them")],
    data: Annotated[Path, typer.Option("--data", help="folder of the unpacked corpus")],
    cache: Annotated[Path, typer.Option("--cache", help="folder to keep encoded performances in")] = Path("runs"),
) -> None:
    """Fit the gains of mean renderings and samples."""
    performer = load_performer(model, None)
    pieces = load_pieces(data, "train", cache)[::EVERY]
    rendered = render(performer, [shown for piece in pieces for shown in piece.presentations])
    gains, offsets = calibrate_means(rendered)
    sample_gains = calibrate_samples(performer, rendered)
    mean, denoise, *_ = FILES
    store(model / mean, FILES[mean], {"gains": _rounded(gains), "offsets": _rounded(offsets)})
    store(model / denoise, FILES[denoise], {"sample_gains": _rounded(sample_gains)})


if __name__ == "__main__":
    sys.exit(run(app, "training.dexter_calibration"))
