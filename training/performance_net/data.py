"""Windows of rendered takes, as PerformanceNet is trained on them."""

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Literal

import numpy as np
import torch
from pydantic import Field
from torch import Tensor

from models.performance_net.key_spectra import LOOK_AHEAD
from models.performance_net.network import PerformanceNetConfig
from models.performance_net.representation import (
    FFT_SAMPLES,
    HOP_SAMPLES,
    PAPER_POWER_SCALE,
    POWER_SCALE,
    frame_count,
    log_power,
    paper_roll,
    roll_of,
)
from models.performance_net.streaming_network import StreamingPerformanceNetConfig
from training.datasets.sound_takes import SoundTake, read_take
from training.runs import RunConfig
from training.runs.batches import ShuffledBatches

LEAD_IN_FRAMES = 48  # at a window's begin, not counted: what was let go before it is not known there
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


class SoundWindows(ShuffledBatches[int]):
    """Yields batches of windows for ever: every take of ``paths`` once a pass, in random order, a window anywhere in it."""

    def __init__(self, paths: list[Path], config: PerformanceNetTrainingConfig, seed: int, first: int = 0):
        super().__init__(seed, config.windows, first)
        self.paths, self.config = paths, config

    def items(self) -> list[int]:
        """Return the numbers of the takes."""
        return self.random.permutation(len(self.paths)).tolist()

    def batch(self, items: Sequence[int]) -> dict[str, Tensor]:
        return stack([cut(read_take(self.paths[index]), self.config, self.random) for index in items])


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


def validation_windows(paths: list[Path], config: PerformanceNetTrainingConfig) -> list[dict[str, Tensor]]:
    """Return windows of takes spread over the split, each a batch."""
    random = np.random.default_rng(0)
    chosen = np.unique(np.linspace(0, len(paths) - 1, VALIDATION_WINDOWS).round().astype(int))
    return [stack([cut(read_take(paths[index]), config, random)]) for index in chosen]
