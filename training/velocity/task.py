"""Training of the streaming velocity transformers, causal and looking ahead."""

from collections.abc import Iterator
from pathlib import Path
from typing import Literal

import lightning
import numpy as np
import torch
from pydantic import Field
from torch import Tensor

from models.velocity.network import MEDIAN, CausalVelocityTransformer, VelocityTransformerConfig, build_network, pinball_loss
from models.velocity.representation import PITCHES, RELEASED_LIMIT_S, SCALARS, known_durations, velocity_hint
from training.datasets.asap import read_asap
from training.runs import Best, RunConfig, fit, optimizer, read_task, steps_done
from training.velocity.data import VelocityFeatures, load_velocity_features


class VelocityTrainingConfig(RunConfig):
    """``stretch`` 0.2 stretches time by a factor from 1/1.2 to 1.2; ``hint_share`` is how many windows are given the velocity hint.

    ``start_run`` names a run beside this one whose weights to start from; of more blocks, evenly spread ones are taken.
    """

    task: Literal["velocity"]
    start_run: str | None = None
    network: VelocityTransformerConfig
    windows_per_batch: int = Field(gt=0)
    notes_per_window: int = Field(gt=0)
    transpose_semitones: int = Field(ge=0, le=12)
    stretch: float = Field(ge=0)
    hint_share: float = Field(ge=0, le=1)


class WindowSampler(torch.utils.data.IterableDataset):
    """Yields batches of windows of notes for ever: every note once a pass, in random order and at random offsets, augmented."""

    def __init__(self, features: VelocityFeatures, config: VelocityTrainingConfig, seed: int, augment: bool):
        self.features, self.config, self.augment = features, config, augment
        self.random = np.random.default_rng(seed)

    def __iter__(self) -> Iterator[dict[str, Tensor]]:
        pending: list[int] = []
        while True:
            while len(pending) < self.config.windows_per_batch:
                pending.extend(self._shuffled_starts())
            starts, pending = pending[: self.config.windows_per_batch], pending[self.config.windows_per_batch :]
            yield self._batch(np.array(starts))

    def _shuffled_starts(self) -> list[int]:
        length = self.config.notes_per_window
        starts: list[int] = []
        for begin, end in zip(self.features.starts[:-1], self.features.starts[1:], strict=True):
            if end - begin >= length:
                offset = int(self.random.integers(0, min(length, end - begin - length + 1)))
                starts.extend(range(begin + offset, end - length + 1, length))
                starts.append(begin if self.random.random() < 0.5 else end - length)  # beginnings and ends are heard as often
        self.random.shuffle(starts)
        return starts

    def _batch(self, starts: np.ndarray) -> dict[str, Tensor]:
        rows = starts[:, None] + np.arange(self.config.notes_per_window)  # [B, T]
        batch = describe_windows(self.features, rows, self.config.network.looks_ahead)
        if self.augment:
            factors = self._stretch_factors(len(starts))
            stretch_time(batch["scalars"], batch["keys"], factors)
            batch["onset_s"] *= factors
            shift = self.random.integers(-self.config.transpose_semitones, self.config.transpose_semitones + 1, (len(starts), 1))
            batch["pitch"] = np.clip(batch["pitch"] + shift, 0, PITCHES - 1)
        batch["hint"] = self._hints(batch["velocity"])
        return {name: torch.from_numpy(array) for name, array in batch.items()}

    def _stretch_factors(self, windows: int) -> np.ndarray:
        reach = np.log1p(self.config.stretch)
        return np.exp(self.random.uniform(-reach, reach, (windows, 1))).astype(np.float32)

    def _hints(self, velocity: np.ndarray) -> np.ndarray:
        """The hint of whole windows, of none, and of some from a note in the middle on: a player who starts to vary the touch."""
        hint = velocity_hint(velocity)
        given_from = np.where(self.random.random((len(velocity), 1)) < self.config.hint_share, 0, velocity.shape[1])
        late = self.random.random((len(velocity), 1)) < 0.1
        given_from = np.where(late, self.random.integers(0, velocity.shape[1], (len(velocity), 1)), given_from)
        return np.where(np.arange(velocity.shape[1]) >= given_from, hint, 0)


def describe_windows(features: VelocityFeatures, rows: np.ndarray, looks_ahead: bool) -> dict[str, np.ndarray]:
    """Return what the network is given of the notes ``rows`` [B, T], but for the hint, and their velocity as float32."""
    scalars = features.scalars[rows]
    if looks_ahead:
        scalars = np.concatenate((scalars, known_durations(features.onset_s[rows], features.duration_s[rows])), -1)
    return {
        "pitch": features.pitch_index[rows],
        "keys": features.keys[rows].astype(np.float32),
        "scalars": scalars,
        "onset_s": (features.onset_s[rows] - features.onset_s[rows[:, :1]]).astype(np.float32),
        "velocity": features.velocity[rows].astype(np.float32),
    }


def stretch_time(scalars: np.ndarray, keys: np.ndarray, factors: np.ndarray) -> None:
    """Play windows slower by ``factors`` [B, 1], in place: times grow, densities fall."""
    for index, name in enumerate(SCALARS):
        if name.endswith("_s"):
            scalars[..., index] *= factors
        elif name.startswith("density"):
            scalars[..., index] /= factors
    if scalars.shape[-1] > len(SCALARS):
        scalars[..., len(SCALARS)] *= factors
    keys *= factors[..., None]
    keys[keys <= -RELEASED_LIMIT_S] = 0.0


CONFIG = VelocityTrainingConfig
# A performer's deviations: within a gesture, within a phrase, for as long as the performance lasts.
NOISE_TIME_CONSTANTS_S = (0.3, 3.0, 60.0)


class VelocityTask(lightning.LightningModule):
    noise_shares: Tensor

    def __init__(self, config: VelocityTrainingConfig):
        super().__init__()
        self.save_hyperparameters({"config": config.model_dump()})
        self.config = config
        self.network = build_network(config.network)
        self.register_buffer("noise_shares", torch.zeros(len(NOISE_TIME_CONSTANTS_S)))  # fitted after training, by velocity_noise

    def predict(self, batch: dict[str, Tensor]) -> Tensor:
        """Return quantiles [B, T, 17]; the causal network goes through the window as it does when playing, chunk by chunk."""
        described = (batch["pitch"], batch["hint"], batch["keys"], batch["scalars"])
        if not isinstance(self.network, CausalVelocityTransformer):
            return self.network(*described)
        inputs = (*described, batch["onset_s"])
        state = self.network.initial_state(len(batch["pitch"]))
        quantiles = []
        for chunk in zip(*(tensor.split(self.config.network.window, 1) for tensor in inputs), strict=True):
            output, *state = self.network(*chunk, *state)
            quantiles.append(output)
        return torch.cat(quantiles, 1)

    def training_step(self, batch: dict[str, Tensor], index: int) -> Tensor:
        loss = pinball_loss(self.predict(batch), batch["velocity"]).mean()
        self.log("loss", loss, prog_bar=True)
        return loss

    def validation_step(self, batch: dict[str, Tensor], index: int) -> None:
        """The absolute error of the median over validation windows, all hinted or all not."""
        shown = "hint" if batch["hint"].any() else "none"
        quantiles = self.predict(batch)
        self.log(f"error_{shown}", (quantiles[..., MEDIAN] - batch["velocity"]).abs().mean(), prog_bar=True)
        self.log("validation_loss", pinball_loss(quantiles, batch["velocity"]).mean())

    def configure_optimizers(self):
        return optimizer(self, self.config)


def validation_batches(features: VelocityFeatures, config: VelocityTrainingConfig, batches: int = 12) -> list[dict[str, Tensor]]:
    """A fixed sample of validation windows, half of them hinted: quick to follow while training; the real figures come from perf-eval."""
    sampler = WindowSampler(features, config, seed=0, augment=False)
    chosen = [batch for batch, _ in zip(sampler, range(batches), strict=False)]
    for index, batch in enumerate(chosen):
        hint = torch.from_numpy(velocity_hint(batch["velocity"].numpy()))
        batch["hint"] = hint if index % 2 else torch.zeros_like(hint)
    return chosen


def load_task(checkpoint: Path) -> "VelocityTask":
    """Return the network and its configuration, ready to predict, of a checkpoint that ``train`` wrote."""
    return read_task(checkpoint, VelocityTask, VelocityTrainingConfig)


def start_from(task: "VelocityTask", start: "VelocityTask") -> None:
    """Give ``task`` the weights of ``start``, which may have more blocks: evenly spread ones are taken."""
    kept = np.linspace(0, start.config.network.layers - 1, task.config.network.layers).round().astype(int)
    start.network.blocks = torch.nn.ModuleList(start.network.blocks[index] for index in kept)
    task.load_state_dict(start.state_dict())


def train(config: VelocityTrainingConfig, data_root: Path, run_folder: Path, resume: bool) -> None:
    """Train on the train split of the (n)ASAP folder ``data_root``; checkpoints and the curve go to ``run_folder``."""
    lightning.seed_everything(config.seed)
    cache = run_folder.parent / "features"
    train_features = load_velocity_features(list(read_asap(data_root, "train")), cache)
    validation_features = load_velocity_features(list(read_asap(data_root, "validation")), cache)
    done = steps_done(run_folder, resume)
    task = VelocityTask(config)
    if config.start_run:
        start_from(task, load_task(run_folder.parent / config.start_run / "last.ckpt"))
    sampler = WindowSampler(train_features, config, config.seed + done, augment=True)
    fit(task, sampler, validation_batches(validation_features, config), run_folder, done, Best("validation_loss"))
