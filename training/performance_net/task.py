"""Training of PerformanceNet, the paper's and the one that plays in real time, on rendered sound."""

from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Literal

import lightning
import numpy as np
import torch
from pydantic import Field
from torch import Tensor
from torch.nn import functional

from models.performance_net.key_spectra import LOOK_AHEAD
from models.performance_net.network import PerformanceNet, PerformanceNetConfig
from models.performance_net.representation import (
    FFT_SAMPLES,
    HOP_SAMPLES,
    PAPER_POWER_SCALE,
    PITCHES,
    POWER_SCALE,
    frame_count,
    log_power,
    paper_roll,
    roll_of,
)
from models.performance_net.streaming_network import StreamingPerformanceNet, StreamingPerformanceNetConfig
from training.datasets.sound_takes import SoundTake, read_take, take_paths
from training.performance_net.keys import KEYS_FILE, set_key_spectra
from training.runs import Best, RunConfig, fit, optimizer, read_task, steps_done

LEAD_IN_FRAMES = 48  # at a window's begin, not counted: what was let go before it is not known there
POOLED_BINS_FRAMES = ((4, 4), (16, 16))  # the coarser resolutions at which powers are compared
VALIDATION_WINDOWS = 8
EDGE_FRAMES = FFT_SAMPLES // (2 * HOP_SAMPLES)  # of a transform at each end of a piece of sound that hear the silence beyond

Network = Annotated[PerformanceNetConfig | StreamingPerformanceNetConfig, Field(discriminator="kind")]


class PerformanceNetTrainingConfig(RunConfig):
    """A batch is ``windows`` of ``frames``. ``coarse_weight``: what the errors at each coarser resolution weigh beside the frame's own."""

    task: Literal["performance-net"]
    network: Network
    windows: int = Field(gt=0)
    frames: int = Field(gt=LEAD_IN_FRAMES + LOOK_AHEAD)
    coarse_weight: float = Field(ge=0)


CONFIG = PerformanceNetTrainingConfig


class SoundWindows(torch.utils.data.IterableDataset):
    """Yields batches of windows for ever: every take of ``paths`` once a pass, in random order, a window anywhere in it."""

    def __init__(self, paths: list[Path], config: PerformanceNetTrainingConfig, seed: tuple[int, ...]):
        self.paths, self.config = paths, config
        self.random = np.random.default_rng(seed)

    def __iter__(self) -> Iterator[dict[str, Tensor]]:
        order = self._takes()
        while True:
            yield stack([cut(next(order), self.config, self.random) for _ in range(self.config.windows)])

    def _takes(self) -> Iterator[SoundTake]:
        while True:
            for index in self.random.permutation(len(self.paths)):
                yield read_take(self.paths[index])


def cut(take: SoundTake, config: PerformanceNetTrainingConfig, random: np.random.Generator) -> dict[str, np.ndarray]:
    """Return a window of a take: the roll (CHANNELS or 256, frames) and the spectrum (BINS, frames) as ``config.network`` has them."""
    whole = frame_count(len(take.audio))
    first = int(random.integers(0, max(whole - config.frames, 0) + 1))
    end = first + config.frames
    begin_frame = max(first - EDGE_FRAMES, 0)
    sound = take.sound[begin_frame * HOP_SAMPLES : (end + EDGE_FRAMES) * HOP_SAMPLES]
    paper = config.network.kind == "paper"
    spectrum = log_power(sound, PAPER_POWER_SCALE if paper else POWER_SCALE)[:, first - begin_frame :][:, : config.frames]
    spectrum = np.pad(spectrum, ((0, 0), (0, config.frames - spectrum.shape[1])))
    roll = paper_roll(take.notes, end) if paper else roll_of(take.events, end)
    return {"roll": roll[:, first:end], "spectrum": spectrum}


def stack(windows: list[dict[str, np.ndarray]]) -> dict[str, Tensor]:
    """Return windows side by side, by name [B, ...]."""
    return {name: torch.from_numpy(np.stack([window[name] for window in windows])) for name in windows[0]}


def spectrum_distance(predicted: Tensor, target: Tensor) -> Tensor:
    """Return the mean error of log-magnitude plus the magnitudes' distance as a share of the true ones', of log-powers [B, BINS, T].

    It is the sum that a multi-resolution spectral distance takes of every resolution (Yamamoto, Song, Kim, ICASSP 2020), of this one.
    """
    found, true = (torch.exp(each / 2) for each in (predicted, target))  # magnitudes, but for the 1 of log1p
    share = (found - true).norm(dim=(1, 2)) / true.norm(dim=(1, 2))
    return (predicted - target).abs().mean() / 2 + share.mean()


def spectrum_loss(predicted: Tensor, target: Tensor, coarse_weight: float) -> Tensor:
    """Return the distance of log-powers [B, BINS, T], and at coarser resolutions the mean error of the logarithm of mean power."""
    loss = spectrum_distance(predicted, target)
    if coarse_weight:
        powers = torch.expm1(predicted), torch.expm1(target)
        for size in POOLED_BINS_FRAMES:
            coarse, expected = (torch.log1p(functional.avg_pool2d(power, size)) for power in powers)
            loss = loss + coarse_weight * (coarse - expected).abs().mean() / 2
    return loss


class PerformanceNetTask(lightning.LightningModule):
    """Of the streaming network the keys' spectra are measured before the training (``performance_net_keys``), and stay."""

    def __init__(self, config: PerformanceNetTrainingConfig):
        super().__init__()
        self.save_hyperparameters({"config": config.model_dump()})
        self.config = config
        self.network: PerformanceNet | StreamingPerformanceNet
        if isinstance(config.network, PerformanceNetConfig):
            self.network = PerformanceNet(config.network)
        else:
            self.network = StreamingPerformanceNet(config.network)
            self.network.key_spectra.requires_grad_(False)

    def predict(self, roll: Tensor) -> Tensor:
        """Return log-power spectra [B, BINS, T]; of the streaming network LOOK_AHEAD frames fewer."""
        if isinstance(self.network, StreamingPerformanceNet):
            return self.network.perform(roll)
        return self.network(roll[:, :PITCHES], roll[:, PITCHES:])

    def _counted(self, batch: dict[str, Tensor]) -> tuple[Tensor, Tensor]:
        predicted = self.predict(batch["roll"])
        return predicted[..., LEAD_IN_FRAMES:], batch["spectrum"][..., LEAD_IN_FRAMES : predicted.shape[-1]]

    def training_step(self, batch: dict[str, Tensor], index: int) -> Tensor:
        loss = spectrum_loss(*self._counted(batch), self.config.coarse_weight)
        self.log("loss", loss, prog_bar=True)
        return loss

    def validation_step(self, batch: dict[str, Tensor], index: int) -> None:
        """The loss and its parts, and beside them those of the keys' spectra alone, which nothing corrects."""
        predicted, target = self._counted(batch)
        self.log("validation_loss", spectrum_loss(predicted, target, self.config.coarse_weight), batch_size=1)
        figures = _figures(predicted, target)
        if isinstance(self.network, StreamingPerformanceNet):
            alone = self.network.keys_alone(batch["roll"])[..., LEAD_IN_FRAMES:]
            figures |= {f"keys_alone_{name}": figure for name, figure in _figures(alone, target).items()}
        self.log_dict({f"validation_{name}": value for name, value in figures.items()}, batch_size=1)

    def on_validation_epoch_end(self) -> None:
        shown = {name.removeprefix("validation_"): value for name, value in self.trainer.callback_metrics.items() if "valid" in name}
        print(f"step {self.global_step}: " + ", ".join(f"{name} {value:.4f}" for name, value in shown.items()), flush=True)

    def configure_optimizers(self):
        return optimizer(self, self.config)


def _figures(predicted: Tensor, target: Tensor) -> dict[str, Tensor]:
    difference = predicted - target
    return {"distance": spectrum_distance(predicted, target), "error": difference.abs().mean(), "bias": difference.mean()}


def load_task(checkpoint: Path) -> PerformanceNetTask:
    """Return the network and its configuration, ready to predict, of a checkpoint that ``train`` wrote."""
    return read_task(checkpoint, PerformanceNetTask, PerformanceNetTrainingConfig)


def validation_windows(paths: list[Path], config: PerformanceNetTrainingConfig) -> list[dict[str, Tensor]]:
    """Return windows of takes spread over the split, each a batch."""
    random = np.random.default_rng(0)
    chosen = np.unique(np.linspace(0, len(paths) - 1, VALIDATION_WINDOWS).round().astype(int))
    return [stack([cut(read_take(paths[index]), config, random)]) for index in chosen]


def train(config: PerformanceNetTrainingConfig, data_root: Path, run_folder: Path, resume: bool) -> None:
    """Train on ``data_root/train`` as perf-eval sound-data makes it; checkpoints and the curve go to ``run_folder``.

    Raises PerfLiveError when there are no takes, or the keys were not listened to.
    """
    lightning.seed_everything(config.seed)
    done = steps_done(run_folder, resume)
    task = PerformanceNetTask(config)
    if isinstance(task.network, StreamingPerformanceNet) and not done:
        set_key_spectra(task.network.key_spectra, data_root / KEYS_FILE)
    sampler = SoundWindows(take_paths(data_root / "train"), config, (config.seed, done))
    followed = validation_windows(take_paths(data_root / "validation"), config)
    fit(task, sampler, followed, run_folder, done, Best("validation_loss"))
