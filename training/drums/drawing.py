"""How the networks that draw strokes one by one are fitted: to what drummers played, knowing what they played before.

Artefacts: FITTED, by what the networks are for.

Noise on what was played before keeps drawing steady: without it timing wandered off, each stroke going a little further than the last.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Literal, NamedTuple

import numpy as np
import torch
from pydantic import BaseModel, ConfigDict, Field
from rich.console import Console
from rich.progress import track
from torch import Tensor

from models.drums.drawing import (
    CENTRE,
    DRAWN,
    FEATURES,
    NAMED,
    PAST_INPUTS,
    SCALE,
    VELOCITY,
    Drawing,
    Kind,
    Past,
    Stroke,
    amount_columns,
    named,
)
from models.drums.representation import written_s
from models.layers.heads import Head
from training.datasets.groove import DrumTake, read_groove
from training.drums.data import View, load_examples, on_the_kit, written
from training.drums.task import VIEWS
from training.performance.heads import Fitting, HeadNetwork, fit_head
from training.stages import Outcome, Work

FITTED: dict[Kind, str] = {"groove": "groove.safetensors", "live": "live.safetensors"}
LEARNING_RATE, WEIGHT_DECAY, DROPOUT = 2e-3, 1e-2, 0.1
SPREAD = 1e-2  # at least, of a feature
# The shares of strokes in each bin of timing: fewer in the tails, so that few are drawn far out.
TAILS = (0, 0.002, 0.007, 0.015)


class DrawingConfig(BaseModel):
    """``passes`` over the strokes; ``noise`` is on what was played before, in SCALE; ``bins`` of timing.

    Every take is heard as it is known, and once more as one of the other ways in which it may be told of.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    task: Literal["drums-drawing"]
    kind: Kind
    widths: tuple[int, int] = (192, 96)
    passes: float = Field(default=4, gt=0)
    noise: float = Field(default=0.2, ge=0)
    bins: int = Field(default=48, gt=2 * len(TAILS))
    takes: int | None = Field(default=None, gt=0, description="of the train split, the first ones; all where it is not said")
    seed: int = 0


class Strokes(NamedTuple):
    """What networks learn from: ``features`` (N, F), ``past`` (N, PAST_INPUTS), and what was ``played``, velocities and ms, (N, 2)."""

    features: np.ndarray
    past: np.ndarray
    played: np.ndarray


def strokes_of(kind: Kind, take: DrumTake, view: View, features: np.ndarray) -> list[Stroke]:
    """Return when and where the strokes of a take are, as the performer sees them."""
    columns = [FEATURES[kind].index(name) for name in ("role", "place")]
    times_s = take.strokes["quarter"] * 60 / take.strokes["tempo"]
    if kind == "groove":
        times_s = written_s(on_the_kit(written(take.strokes, view.swung), view))
    roles, places = features[:, columns].astype(int).T.tolist()
    return [Stroke(role, place, time_s) for role, place, time_s in zip(roles, places, times_s.tolist(), strict=True)]


def follow(strokes: Sequence[Stroke], played: np.ndarray) -> np.ndarray:
    """Return what is known before each stroke of a take, (N, PAST_INPUTS), of what was ``played`` (N, 2)."""
    past, known = Past(), np.zeros((len(strokes), PAST_INPUTS), np.float32)
    for row, (stroke, drawn) in enumerate(zip(strokes, played.tolist(), strict=True)):
        known[row] = past.inputs(stroke)
        past.add(stroke, drawn)
    return known


def hear(kind: Kind, takes: Sequence[DrumTake], views: Sequence[View], cache: Path) -> Strokes:
    """Return the strokes of takes, each in the first view and in one of the others in turn."""
    examples, parts = load_examples(kind, takes, views, cache), []
    begin = 0
    for number, take in enumerate(track(takes, f"following takes ({kind})", console=Console(stderr=True))):
        for place, view in enumerate(views):
            rows = slice(begin, begin := begin + len(take.velocity))
            if place in (0, 1 + number % max(len(views) - 1, 1)):
                features = examples.features[rows]
                played = np.stack([examples.velocity[rows], examples.timing_ms[rows]], 1).astype(np.float32)
                parts.append((features, follow(strokes_of(kind, take, view, features), played), played))
    return Strokes(*(np.concatenate(part) for part in zip(*parts, strict=True)))


def bounds_of(name: str, values: np.ndarray, bins: int) -> tuple[np.ndarray, np.ndarray]:
    """Return the bounds of bins, low and high: each velocity by itself, timing in shares of the strokes."""
    if name == VELOCITY:
        every = np.arange(1.0, 128)
        return every, every
    tails = np.array(TAILS)
    inner = np.linspace(TAILS[-1], 1 - TAILS[-1], bins - 2 * len(tails) + 3)[1:-1]
    edges = np.quantile(values, np.concatenate([tails, inner, 1 - tails[::-1]]))
    return edges[:-1], edges[1:]


def fit_place(place: int, kind: Kind, heard: Strokes, amounts: np.ndarray, config: DrawingConfig) -> tuple[Head, float]:
    """Return the network of what is drawn at a ``place``, and its last losses' mean in nats."""
    torch.manual_seed(config.seed)
    values = heard.played[:, place]
    low, high = bounds_of(DRAWN[kind][place], values, config.bins)
    targets = torch.from_numpy((np.searchsorted(low, values, side="right") - 1).clip(0, len(low) - 1))
    drawn = ((heard.played - CENTRE) / SCALE)[:, :place]
    names, sizes = torch.from_numpy(named(kind, heard.features)), torch.from_numpy(amounts)
    known = torch.from_numpy(np.concatenate([heard.past, drawn], 1).astype(np.float32))
    network = HeadNetwork(NAMED + sizes.shape[1] + known.shape[1], config.widths, len(low), DROPOUT)

    def noisy(chosen: Tensor) -> Tensor:
        is_called = torch.zeros(len(chosen), NAMED).scatter_(1, names[chosen], 1.0)
        before = known[chosen] + config.noise * torch.randn(len(chosen), known.shape[1])
        return torch.cat([is_called, sizes[chosen], before], 1)

    head, losses = fit_head(network, noisy, targets, low, high, Fitting(config.passes, LEARNING_RATE, WEIGHT_DECAY))
    return head, float(np.mean(losses[-max(len(losses) // 10, 1) :]))


def fit(kind: Kind, heard: Strokes, config: DrawingConfig) -> tuple[Drawing, dict[str, float]]:
    """Return the networks, and the loss of each in nats."""
    columns = amount_columns(kind)
    centre, scale = heard.features[:, columns].mean(0), heard.features[:, columns].std(0) + SPREAD
    amounts = Drawing(kind, {}, centre, scale).amounts(heard.features, columns)
    heads, losses = {}, {}
    for place, name in enumerate(track(DRAWN[kind], "learning to draw", console=Console(stderr=True))):
        heads[name], losses[name] = fit_place(place, kind, heard, amounts, config)
    return Drawing(kind, heads, centre, scale), losses


def train(config: DrawingConfig, work: Work) -> Outcome:
    """Learn from the train takes of the Groove folder ``work.data``."""
    torch.set_num_threads(work.threads)
    takes = read_groove(work.data, "train")[: config.takes]
    fitted, losses = fit(config.kind, hear(config.kind, takes, VIEWS[config.kind], work.cache), config)
    fitted.save(work.folder / FITTED[config.kind])
    return Outcome(f"nats: {', '.join(f'{name} {loss:.2f}' for name, loss in losses.items())}", (FITTED[config.kind],))
