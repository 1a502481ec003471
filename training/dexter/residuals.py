"""Learns how performers of a score differ from the mean, note by note: the networks of ``models.dexter.residuals``.

They learn from excerpts of train pieces, each performance by itself: what came before is the human's own, and the loss is the cross-entropy
of the next value's bin. Around the mean as it is, samples would differ by what the mean has wrong as well, and stray from each other
further than humans do. What it has wrong slowly, and for all performers of a piece, is therefore taken out of it first: their mean over
NEAR notes to either side takes its place.

Artefact: ``residuals.safetensors``.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, NamedTuple

import numpy as np
import torch
from pydantic import BaseModel, ConfigDict, Field
from rich.console import Console
from rich.progress import track
from torch import Tensor

from models.dexter.representation import Settings
from models.dexter.residuals import (
    FURTHEST,
    OF_ANCHORS,
    OF_NOTES,
    ORDER,
    PAST_INPUTS,
    PITCH,
    READ,
    SCORE_INPUTS,
    WHOLE,
    Past,
    Residuals,
    Scored,
    drawn_inputs,
)
from models.layers.heads import Head
from models.performance.features import CENTRE, SCALE, at_played_tempo, normalise
from models.performance.representation import COLUMNS, PEDAL, PERFORMANCE_COLUMNS, TIMING
from training.dexter.expression_profile import read_profile
from training.dexter.networks import Samples, load_trained
from training.dexter.trees import read_trees
from training.performance.heads import Fitting, HeadNetwork, fit_head
from training.performance.pieces import Presentation, load_performed_pieces
from training.stages import Outcome, Work

RESIDUALS_FILE = "residuals.safetensors"
NEAR = 64  # notes
UP, DOWN = ((depth - CENTRE[PEDAL]) / SCALE[PEDAL] for depth in (0, 1))  # of the pedal, normalised
EXACT = 1e-3  # nearer to 0, or to the pedal's ends, is there
TAIL = (0.0005, 0.003, 0.01, 0.025)  # quantiles of the outer bins, which are long
# Of inputs, in their deviations: of what was before, so that drawing with errors of its own does not lead astray, and of the score's
# features, so that pieces are not learnt by heart; the mean is read as it is.
PAST_NOISE, FEATURE_NOISE = 0.15, 0.3
WIDTHS, DROPOUT = (96, 64), 0.2
# Beat period, velocity, timing, articulation, pedal: what draws performances as far apart as humans' without telling them more easily.
RESIDUAL_GAIN = 0.87, 0.9, 1.0, 0.9, 1.0, 1.0, 1.0, 1.0
MEAN_GAIN_REMOVED = (1.0,) * COLUMNS
LEARNING_RATE, WEIGHT_DECAY = 3e-3, 0.1


class ResidualsConfig(BaseModel):
    """``notes``: the longest excerpt of a piece, of ``performances`` at most. ``passes`` over all notes. ``bins`` of a column. For the
    gains, by column, see ``models.dexter.residuals.Draws``.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    task: Literal["dexter-residuals"]
    notes: int = Field(default=1600, gt=0)
    performances: int = Field(default=8, gt=0)
    passes: float = Field(default=3, gt=0)
    bins: int = Field(default=40, ge=16)
    residual_gain: tuple[float, ...] = Field(default=RESIDUAL_GAIN, min_length=COLUMNS, max_length=COLUMNS)
    mean_gain_removed: tuple[float, ...] = Field(default=MEAN_GAIN_REMOVED, min_length=COLUMNS, max_length=COLUMNS)
    seed: int = 0


@dataclass(frozen=True)
class Excerpt:
    """Notes of a piece with the mean that they are drawn around, and ``performed`` (P, n, 8), normalised, NaN where not played."""

    scored: Scored
    performed: np.ndarray


class Examples(NamedTuple):
    """By note and performance (M,): what is read of the score and of what was before, the note's residual and columns (M, 8), log2 of its
    notated seconds at the tempo played, which columns are known (M, 8), and whether it begins an anchor.
    """

    read: np.ndarray
    residual: np.ndarray
    columns: np.ndarray
    seconds: np.ndarray
    known: np.ndarray
    begins: np.ndarray


class _Kept:
    """Draws the mean itself, and keeps what it was asked for; follows ``models.dexter.residuals.Draws``."""

    residual_gain = mean_gain_removed = np.ones(COLUMNS)

    def __init__(self) -> None:
        self.scored: list[Scored] = []

    def draw(self, scored: Scored, past: Past, uniform: np.ndarray) -> tuple[np.ndarray, Past]:
        self.scored.append(scored)
        return scored.base[None], past


def excerpt(performer: Samples, shown: Presentation, config: ResidualsConfig, random: np.random.Generator) -> Excerpt:
    """Return an excerpt of a piece from a note by chance on, with the mean that ``performer`` makes of it."""
    first, kept = int(random.integers(max(len(shown.notes) - config.notes, 0) + 1)), _Kept()
    sampler = performer.sampler(shown.notes, shown.score_columns, 0, draws=kept)
    state, stop = sampler.begin(first), min(first + config.notes, len(shown.notes))
    while state.next_note < stop:
        _, state = sampler.next(state, Settings())
    scored = Scored(*(np.concatenate(part)[: stop - first] for part in zip(*kept.scored, strict=True)))
    performed = [normalise(columns, shown.score_columns)[first:stop] for columns in shown.columns[: config.performances]]
    return Excerpt(scored, np.stack(performed))


def around_shared(base: np.ndarray, performed: np.ndarray) -> np.ndarray:
    """Return (P, n, 8) of each performance what it is a residual of: ``base`` (n, 8) without its slow error that all have in common.

    The mean of P performances is nearer to each of them than that of all performers would be; their residuals are widened by as much.
    """
    known = np.isfinite(performed).any(axis=0)
    together = np.where(known, np.nan_to_num(performed).sum(axis=0) / np.maximum(np.isfinite(performed).sum(axis=0), 1), np.nan)
    count = len(performed)
    nearer = np.sqrt(count / max(count - 1, 1)) - 1
    error = _slow((together - base)[None]) - nearer * _slow(performed - together)
    error[:, :, TIMING] = 0
    return np.asarray(base + error, np.float32)


def _slow(values: np.ndarray) -> np.ndarray:
    """Return the mean of the known values (P, n, 8) over NEAR notes to either side; 0 where none is."""
    known, rows = np.isfinite(values), np.arange(values.shape[1])
    low, high = np.maximum(rows - NEAR, 0), np.minimum(rows + NEAR + 1, len(rows))
    sums = [np.cumsum(np.pad(each, ((0, 0), (1, 0), (0, 0))), axis=1) for each in (np.where(known, values, 0), known.astype(float))]
    total, count = (each[:, high] - each[:, low] for each in sums)
    return np.asarray(total / np.maximum(count, 1))


def follow(found: Excerpt) -> Examples:
    """Return what the networks would have known before each note of the performances, and what came. A note that was not played counts as
    the average of those before it.
    """
    performed = found.performed.copy()
    performed[:, :, PEDAL:] = np.clip(performed[:, :, PEDAL:], UP, DOWN)
    scored, count = found.scored, len(performed)
    base = around_shared(scored.base, performed)
    known, residual = np.isfinite(performed), performed - base
    before = [_known_before(scored, *each) for each in zip(known, base, residual, strict=True)]
    score = np.stack([scored._replace(base=each).inputs() for each in base])
    read = np.concatenate([score, np.stack(before)], axis=2)
    columns = base + residual
    seconds = np.stack([at_played_tempo(each, scored.notated) for each in columns])
    parts = (read, residual, columns, seconds, known, np.tile(scored.begins, (count, 1)))
    return Examples(*(part.reshape(-1, *part.shape[2:]) for part in parts))


def _known_before(scored: Scored, known: np.ndarray, base: np.ndarray, residual: np.ndarray) -> np.ndarray:
    """Return what is known before each note of a performance, (n, PAST_INPUTS); write what missing notes count into ``residual`` (n, 8)."""
    past, before = Past(), []
    for note, (pitch, begins) in enumerate(zip((2 * scored.features[:, PITCH]).tolist(), scored.begins.tolist(), strict=True)):
        if begins:
            past.begin_anchor()
        before.append(past.inputs(pitch))
        missed = ~known[note]
        residual[note, missed] = past.averages[missed, 0]
        if begins:
            past.set_anchor(residual[note, OF_ANCHORS], (base[note] + residual[note])[OF_ANCHORS])
        past.add_note(pitch, residual[note, OF_NOTES])
    return np.stack(before)


@dataclass(frozen=True)
class Bins:
    """The bins of a column: ``edges`` (b + 1,) of those between quantiles, and after them one without width for each ``exact`` value."""

    edges: np.ndarray
    exact: tuple[float, ...]

    @classmethod
    def of(cls, values: np.ndarray, exact: tuple[float, ...], bins: int) -> "Bins":
        """Return ``bins`` bins for values (m,)."""
        inside = bins + 1 - len(exact) - 2 * len(TAIL)
        levels = np.concatenate([TAIL, np.linspace(0.05, 0.95, inside), 1 - np.array(TAIL[::-1])])
        others = values[np.all([np.abs(values - each) > EXACT for each in exact], axis=0)] if exact else values
        return cls(np.quantile(others, levels) if len(others) else np.linspace(-1, 1, len(levels)), exact)

    @property
    def low(self) -> np.ndarray:
        return np.append(self.edges[:-1], self.exact)

    @property
    def high(self) -> np.ndarray:
        return np.append(self.edges[1:], self.exact)

    def index(self, values: np.ndarray) -> np.ndarray:
        """Return the bin (m,) of each value; the outer bins hold what is beyond them as well."""
        found = np.clip(np.searchsorted(self.edges, values, side="right") - 1, 0, len(self.edges) - 2)
        for number, each in enumerate(self.exact):
            found[np.abs(values - each) <= EXACT] = len(self.edges) - 1 + number
        return found


def exact_values(column: int) -> tuple[float, ...]:
    """Return what a column often is exactly: timing, of what is struck alone, is 0, and the pedal is up or down."""
    return () if column not in WHOLE else (0.0,) if column == TIMING else (UP, DOWN)


def fit_column(column: int, examples: Examples, centre: np.ndarray, scale: np.ndarray, config: ResidualsConfig) -> tuple[Head, float]:
    """Return the network of a column, and its last losses' mean in nats."""
    kept = examples.known[:, column] & (examples.begins if column in OF_ANCHORS else True)
    read, residual, columns, seconds = (part[kept] for part in examples[:4])
    values = (columns if column in WHOLE else residual)[:, column]
    bins = Bins.of(values, exact_values(column), config.bins)
    sized = np.clip((read - centre) / scale, -FURTHEST, FURTHEST)
    inputs = torch.from_numpy(np.concatenate([sized, drawn_inputs(column, residual, columns, seconds)], axis=1).astype(np.float32))
    targets = torch.from_numpy(bins.index(values))
    torch.manual_seed(config.seed)
    network = HeadNetwork(inputs.shape[1], WIDTHS, config.bins, DROPOUT)
    noise = torch.zeros(inputs.shape[1])
    noise[: len(READ)], noise[SCORE_INPUTS : SCORE_INPUTS + PAST_INPUTS] = FEATURE_NOISE, PAST_NOISE

    def noisy(chosen: Tensor) -> Tensor:
        return inputs[chosen] + noise * torch.randn(len(chosen), len(noise))

    head, losses = fit_head(network, noisy, targets, bins.low, bins.high, Fitting(config.passes, LEARNING_RATE, WEIGHT_DECAY))
    return head, float(np.mean(losses[-len(losses) // 10 :]))


def fit(excerpts: Sequence[Excerpt], config: ResidualsConfig) -> tuple[Residuals, dict[str, float]]:
    """Return the networks, and by column the loss of each in nats."""
    followed = [follow(each) for each in excerpts]
    examples = Examples(*(np.concatenate(part) for part in zip(*followed, strict=True)))
    centre, scale = examples.read.mean(axis=0), examples.read.std(axis=0) + 1e-2
    heads, losses = {}, {}
    for column in track(ORDER, "learning columns", console=Console(stderr=True)):
        heads[column], losses[PERFORMANCE_COLUMNS[column]] = fit_column(column, examples, centre, scale, config)
    of_all = (np.asarray(each, np.float32) for each in (centre, scale, config.residual_gain, config.mean_gain_removed))
    return Residuals(heads, *of_all), losses


def fit_residuals(config: ResidualsConfig, work: Work) -> Outcome:
    """Learn from the train split of the (n)ASAP folder ``work.data``, around the mean of the stages that are read."""
    torch.set_num_threads(work.threads)
    performer = load_trained(
        work.read("mean"), work.read("denoiser"), read_trees(work.read("trees")), read_profile(work.read("expression_profile"))
    )
    pieces, random = load_performed_pieces(work.data, "train", work.cache), np.random.default_rng(config.seed)
    shared = [each for each in pieces if len(each.performances) > 1]  # of one performance alone nobody knows what is its own
    reading = track(shared, "reading", console=Console(stderr=True))
    fitted, losses = fit([excerpt(performer, each.presentations[0], config, random) for each in reading], config)
    fitted.save(work.folder / RESIDUALS_FILE)
    return Outcome(f"nats: {', '.join(f'{name} {loss:.2f}' for name, loss in losses.items())}", (RESIDUALS_FILE,))
