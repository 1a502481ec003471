"""Training of the velocity article's network, by its published recipe or one that a small machine can afford."""

from collections.abc import Sequence
from pathlib import Path
from typing import Literal

import lightning
import numpy as np
import torch
from lightning.pytorch.utilities.types import OptimizerLRSchedulerConfig
from pydantic import Field, NonNegativeFloat, NonNegativeInt, PositiveFloat, PositiveInt
from torch import Tensor
from torch.nn import functional

from engine.base.errors import PerfLiveError
from models.velocity.article_decoding import choose
from models.velocity.article_network import ArticleNetwork, ArticleNetworkConfig
from models.velocity.article_representation import (
    BLANK,
    SPECIAL_TOKENS,
    WINDOW_NOTES,
    WINDOW_STRIDE,
    bracket,
    encode_notes,
    encode_velocities,
)
from training.datasets.asap import SPLITS, Split, read_asap
from training.datasets.maestro import read_maestro
from training.runs import Best, FitConfig, batches_done, fit
from training.runs.batches import ShuffledBatches
from training.runs.checkpoints import read_task
from training.runs.processes import first_alone
from training.stages import Outcome, Work

READERS = {"asap": read_asap, "maestro": read_maestro}


class ArticleVelocityConfig(FitConfig):
    """One training run. Learning rates follow "Attention is all you need", then fall linearly to 0 over the last steps."""

    task: Literal["velocity-article"]
    dataset: Literal["asap", "maestro"] = "asap"
    seed: int = 0
    network: ArticleNetworkConfig = ArticleNetworkConfig()

    windows_per_batch: PositiveInt = 16
    accumulated_batches: PositiveInt = 10
    steps: PositiveInt = 2723
    warm_up_steps: PositiveInt = 3000
    cool_down_steps: NonNegativeInt = 0
    learning_rate_scale: PositiveFloat = 1.0
    label_smoothing: NonNegativeFloat = 0.1

    transpose_semitones: NonNegativeInt = Field(0, description="each window is transposed by -n to +n semitones")
    stretch: NonNegativeFloat = Field(0.0, description="each window's time is stretched by a factor from 1 / (1 + x) to 1 + x")

    validate_every_steps: PositiveInt = 250
    validation_windows: PositiveInt = 256


def learning_rate(step: int, config: ArticleVelocityConfig) -> float:
    """Return the rate of optimiser step ``step``, counted from 0."""
    number = step + 1
    warm = config.network.width**-0.5 * min(number**-0.5, number * config.warm_up_steps**-1.5)
    cool = min(1.0, (config.steps - step) / config.cool_down_steps) if config.cool_down_steps else 1.0
    return config.learning_rate_scale * warm * max(cool, 0.0)


Window = tuple[Tensor, Tensor]  # source [S], target [S], both int64 with start and end tokens


class WindowSource:
    """All windows of 128 notes, 64 apart, of a list of note tables; the last one of each ends with the take."""

    def __init__(self, note_tables: list[np.ndarray], config: ArticleVelocityConfig):
        self.note_tables, self.config = note_tables, config
        self.spans = [(index, first) for index, notes in enumerate(note_tables) for first in _firsts(len(notes))]

    def window(self, number: int, rng: np.random.Generator | None = None) -> Window:
        """Return window ``number``, transposed and stretched at random where an ``rng`` is given."""
        index, first = self.spans[number]
        notes = self.note_tables[index][first : first + WINDOW_NOTES + 1].copy()  # one more, for the last inter-onset time
        if rng is not None:
            reach = self.config.transpose_semitones
            notes["pitch"] += rng.integers(-reach, reach + 1)
            factor = np.exp(rng.uniform(-1, 1) * np.log1p(self.config.stretch))
            notes["onset_sec"] *= factor
            notes["duration_sec"] *= factor
        source = bracket(encode_notes(notes)[:WINDOW_NOTES])
        target = bracket(encode_velocities(notes["velocity"])[:WINDOW_NOTES])
        return torch.from_numpy(source).long(), torch.from_numpy(target).long()


class ArticleWindows(ShuffledBatches[int]):
    """Yields batches of windows for ever: every window once a pass, in random order."""

    def __init__(self, source: WindowSource, config: ArticleVelocityConfig, first: int = 0):
        super().__init__(config.seed, config.windows_per_batch, first)
        self.source = source

    def items(self) -> list[int]:
        return self.random.permutation(len(self.source.spans)).tolist()

    def batch(self, items: Sequence[int]) -> Window:
        return collate([self.source.window(number, self.random) for number in items])


class ArticleVelocityTask(lightning.LightningModule):
    """The network with its loss and its optimiser."""

    def __init__(self, config: ArticleVelocityConfig):
        super().__init__()
        self.save_hyperparameters({"config": config.model_dump()})
        self.config = config
        self.network = ArticleNetwork(config.network)

    def training_step(self, batch: Window, batch_index: int) -> Tensor:
        source, target = batch  # [B, 130] each
        logits = self.network(source, target[:, :-1])  # [B, T, 131]
        loss = functional.cross_entropy(
            logits.transpose(1, 2), target[:, 1:], ignore_index=BLANK, label_smoothing=self.config.label_smoothing
        )
        self.log("train_loss", loss, prog_bar=True)
        return loss

    def validation_step(self, batch: Window, batch_index: int) -> None:
        source, target = batch
        logits = self.network(source, target[:, :-1])
        loss = functional.cross_entropy(logits.transpose(1, 2), target[:, 1:], ignore_index=BLANK)
        played = target[:, 1:] >= SPECIAL_TOKENS  # [B, T]
        velocities = target[:, 1:] - SPECIAL_TOKENS
        error = (choose(logits, temperature=0) - velocities).abs()[played].float().mean()
        self.log_dict({"validation_loss": loss, "validation_error": error}, prog_bar=True, batch_size=len(source))

    def configure_optimizers(self) -> OptimizerLRSchedulerConfig:
        optimiser = torch.optim.Adam(self.network.parameters(), lr=1.0, betas=(0.9, 0.98), eps=1e-9, fused=True)
        schedule = torch.optim.lr_scheduler.LambdaLR(optimiser, lambda step: learning_rate(step, self.config))
        return {"optimizer": optimiser, "lr_scheduler": {"scheduler": schedule, "interval": "step"}}


def collate(windows: list[Window]) -> Window:
    """Stack windows, [B, 130] each, the short ones filled with blanks."""
    source, target = (
        torch.stack([functional.pad(tokens, (0, WINDOW_NOTES + 2 - len(tokens)), value=BLANK) for tokens in column])
        for column in zip(*windows, strict=True)
    )
    return source, target


def read_windows(config: ArticleVelocityConfig, root: Path, split: Split) -> WindowSource:
    """Return the windows of a split of the corpus. Raises PerfLiveError when the folder is not the data set, or has no notes."""
    source = WindowSource([performance.notes for performance in READERS[config.dataset](root, split)], config)
    if not source.spans:
        raise PerfLiveError(f"{root}: no notes in the {split} performances of {config.dataset}")
    return source


def validation_batches(source: WindowSource, config: ArticleVelocityConfig) -> list[Window]:
    """Return a fixed sample of validation windows, in batches."""
    chosen = np.random.default_rng(config.seed).permutation(len(source.spans))[: config.validation_windows]
    windows = [source.window(number) for number in chosen]
    return [collate(windows[begin : begin + config.windows_per_batch]) for begin in range(0, len(windows), config.windows_per_batch)]


def train(config: ArticleVelocityConfig, work: Work) -> Outcome:
    """Train on the train split of ``work.data``. Checkpoints, the best by validation loss, and the curve go to ``work.folder``."""
    lightning.seed_everything(config.seed, verbose=False)
    with first_alone():
        train_windows, followed = (read_windows(config, work.data, split) for split in SPLITS)
    batches = ArticleWindows(train_windows, config, batches_done(config, work.folder))
    return fit(ArticleVelocityTask(config), batches, validation_batches(followed, config), work.folder, Best("validation_loss"), clip=None)


def load_task(checkpoint: Path) -> ArticleVelocityTask:
    """Return the network and its configuration, ready to predict, of a checkpoint that ``train`` wrote. Raises PerfLiveError."""
    return read_task(checkpoint, ArticleVelocityTask, ArticleVelocityConfig)


def _firsts(notes: int) -> list[int]:
    """Return where the windows of a take start."""
    if notes == 0:
        return []
    last = max(0, notes - WINDOW_NOTES)
    return [*range(0, last, WINDOW_STRIDE), last]
