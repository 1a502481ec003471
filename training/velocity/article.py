"""Training of the velocity article's network, by its published recipe or one that a small machine can afford."""

import itertools
from collections.abc import Iterator
from pathlib import Path
from pickle import UnpicklingError  # noqa: S403 - the error alone; checkpoints are read with weights_only
from typing import Literal

import lightning
import numpy as np
import torch
from lightning.pytorch.callbacks import ModelCheckpoint, TQDMProgressBar
from lightning.pytorch.loggers import CSVLogger
from lightning.pytorch.utilities.types import OptimizerLRSchedulerConfig
from pydantic import BaseModel, ConfigDict, Field, NonNegativeFloat, NonNegativeInt, PositiveFloat, PositiveInt
from torch import Tensor
from torch.nn import functional
from torch.utils.data import DataLoader, IterableDataset

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
from training.datasets.asap import read_asap
from training.datasets.maestro import read_maestro

READERS = {"asap": read_asap, "maestro": read_maestro}


class ArticleVelocityConfig(BaseModel):
    """One training run. Learning rates follow "Attention is all you need", then fall linearly to 0 over the last steps."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    task: Literal["article-velocity"]
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


CONFIG = ArticleVelocityConfig


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


class WindowStream(IterableDataset[Window]):
    """Endless shuffled windows. Window ``n`` of a run depends on seed and ``n`` only, so a resumed run goes on where it stopped."""

    def __init__(self, source: WindowSource, seed: int, first: int):
        self.source, self.seed, self.first = source, seed, first

    def __iter__(self) -> Iterator[Window]:
        size = len(self.source.spans)
        for epoch in itertools.count(self.first // size):
            order = np.random.default_rng((self.seed, epoch)).permutation(size)
            for place in range(max(0, self.first - epoch * size), size):
                yield self.source.window(order[place], np.random.default_rng((self.seed, epoch, place)))


class ArticleVelocityTask(lightning.LightningModule):
    """The network with its loss, its optimiser and its two sets of windows."""

    def __init__(self, config: ArticleVelocityConfig, train_windows: WindowSource, validation_windows: WindowSource):
        super().__init__()
        self.save_hyperparameters({"config": config.model_dump()})
        self.config, self.train_windows, self.validation_windows = config, train_windows, validation_windows
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

    def train_dataloader(self) -> DataLoader:
        done = self.trainer.global_step * self.config.windows_per_batch * self.config.accumulated_batches
        stream = WindowStream(self.train_windows, self.config.seed, done)
        return DataLoader(stream, self.config.windows_per_batch, collate_fn=collate)

    def val_dataloader(self) -> DataLoader:
        size = len(self.validation_windows.spans)
        chosen = np.random.default_rng(self.config.seed).permutation(size)[: self.config.validation_windows]
        windows = [self.validation_windows.window(number) for number in chosen]
        return DataLoader(windows, self.config.windows_per_batch, collate_fn=collate)  # type: ignore[arg-type]


def collate(windows: list[Window]) -> Window:
    """Stack windows, [B, 130] each, the short ones filled with blanks."""
    source, target = (
        torch.stack([functional.pad(tokens, (0, WINDOW_NOTES + 2 - len(tokens)), value=BLANK) for tokens in column])
        for column in zip(*windows, strict=True)
    )
    return source, target


def load_task(config: ArticleVelocityConfig, data_root: Path) -> ArticleVelocityTask:
    """Read the data and build the network. Raises PerfLiveError when the folder is not the data set or has no notes."""
    sources = []
    for split in ("train", "validation"):
        tables = [performance.notes for performance in READERS[config.dataset](data_root, split)]
        sources.append(WindowSource(tables, config))
        if not sources[-1].spans:
            raise PerfLiveError(f"{data_root}: no notes in the {split} performances of {config.dataset}")
    return ArticleVelocityTask(config, *sources)


def train(config: ArticleVelocityConfig, data_root: Path, run_folder: Path, resume: bool) -> None:
    """Train and leave in ``run_folder``: ``last.ckpt``, ``best.ckpt`` (lowest validation loss) and ``metrics/version_N/metrics.csv``.

    ``resume`` goes on from ``last.ckpt``. Raises PerfLiveError when there is none, or when the data cannot be read.
    """
    last = run_folder / "last.ckpt"
    if resume and not last.exists():
        raise PerfLiveError(f"{run_folder}: nothing to resume, no last.ckpt; leave out --resume to start")
    lightning.seed_everything(config.seed, verbose=False)
    task = load_task(config, data_root)
    trainer = lightning.Trainer(
        max_steps=config.steps,
        max_epochs=-1,
        accumulate_grad_batches=config.accumulated_batches,
        val_check_interval=config.validate_every_steps * config.accumulated_batches,
        check_val_every_n_epoch=None,
        num_sanity_val_steps=0,
        log_every_n_steps=10,
        logger=CSVLogger(run_folder, name="metrics"),
        callbacks=[
            ModelCheckpoint(run_folder, "best", "validation_loss", save_last=True, enable_version_counter=False),
            TQDMProgressBar(refresh_rate=10),
        ],
    )
    trainer.fit(task, ckpt_path=last if resume else None, weights_only=True)


def load_network(checkpoint: Path) -> tuple[ArticleVelocityConfig, ArticleNetwork]:
    """Return a run's configuration and its network, ready to play. Raises PerfLiveError when the file is no such checkpoint."""
    try:
        saved = torch.load(checkpoint, map_location="cpu", weights_only=True)
        config = CONFIG(**saved["hyper_parameters"]["config"])
        network = ArticleNetwork(config.network)
        network.load_state_dict({name.removeprefix("network."): tensor for name, tensor in saved["state_dict"].items()})
    except (OSError, RuntimeError, KeyError, TypeError, ValueError, UnpicklingError) as error:
        raise PerfLiveError(f"{checkpoint}: not a checkpoint of task article-velocity ({str(error).splitlines()[0]})") from error
    return config, network.eval()


def _firsts(notes: int) -> list[int]:
    """Return where the windows of a take start."""
    if notes == 0:
        return []
    last = max(0, notes - WINDOW_NOTES)
    return [*range(0, last, WINDOW_STRIDE), last]
