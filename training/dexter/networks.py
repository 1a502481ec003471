"""DExter as it was trained, before it is exported. The fits that need renderings sample from it.

``TorchNetworks`` are what ``models.dexter.windows`` calls the networks; the trees and the expression profile are read from the artefacts of
their stages.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import lightgbm
import numpy as np
import torch

from models.dexter.passages import ProfileReader, SecondReader, passage_of
from models.dexter.representation import Branch, Networks, Scales, SecondPrediction
from models.dexter.residuals import Draws
from models.dexter.windows import WindowSampler
from models.performance.descriptors import DESCRIPTORS
from models.performance.representation import COLUMNS
from models.performance.surroundings import WideFeatures
from training.dexter.denoiser import DexterDenoiserTask, load_denoiser
from training.dexter.task import DexterTask, load_task
from training.runs.checkpoints import BEST


class Samples(Protocol):
    """What performs a score in windows: DExter as it was trained, or as the engine plays it."""

    @property
    def scales(self) -> Scales: ...

    def sampler(
        self, notes: np.ndarray, columns: np.ndarray, seed: int, *, scales: Scales | None = None, draws: Draws | None = None
    ) -> WindowSampler:
        """Return what samples a score of these ``notes`` and score columns (N, 37), with ``scales`` in place of its own and, where
        there are ``draws``, drawn by them in place of the denoiser.
        """


class TorchNetworks:
    """The two trained networks on one window, as arrays (notes, ...)."""

    descriptors = len(DESCRIPTORS)

    def __init__(self, mean: DexterTask, denoiser: DexterDenoiserTask):
        self._mean, self._denoiser = mean.network.eval(), denoiser.denoiser.eval()

    def mean(self, features: np.ndarray, descriptors: np.ndarray, known: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        mean, context = _call(self._mean, features, descriptors, known)
        return mean, context

    def denoise(self, noisy: np.ndarray, log_snr: float, branch: Branch, fixed: np.ndarray, fixed_known: np.ndarray) -> np.ndarray:
        level = np.full(1, log_snr, np.float32)  # [1, 1] with the axis of windows
        (v,) = _call(self._denoiser, noisy, branch.context, branch.mean, branch.descriptors, branch.known, fixed, fixed_known, level)
        return v


def _call(network: torch.nn.Module, *arrays: np.ndarray) -> list[np.ndarray]:
    """Return what a network makes of one window, whose arrays have no axis of windows."""
    with torch.inference_mode():
        found = network(*(torch.from_numpy(np.ascontiguousarray(array, np.float32))[None] for array in arrays))
    return [each[0].numpy() for each in (found if isinstance(found, tuple) else (found,))]


class BoostedTrees:
    """Trees by column, and of each column (8,) the share of the way that the mean goes to them. The last piece is kept, as several samplers
    read the same one.
    """

    def __init__(self, boosted: Mapping[int, lightgbm.Booster], shares: np.ndarray):
        self.boosted, self.shares = boosted, shares
        self._piece: tuple[bytes, np.ndarray] | None = None

    def read(self, score_columns: np.ndarray, features: np.ndarray) -> SecondPrediction:
        key = score_columns.tobytes()
        if self._piece is None or self._piece[0] != key:
            self._piece = key, self.predict(WideFeatures(score_columns, features).rows(slice(None)))
        mean = self._piece[1]
        return SecondPrediction(self.shares, lambda rows: mean[rows])

    def predict(self, features: np.ndarray) -> np.ndarray:
        """Return (n, 8) float32 of wide features (n, F); 0 where a column has no trees."""
        mean = np.zeros((len(features), COLUMNS), np.float32)
        for column, booster in self.boosted.items():
            mean[:, column] = booster.predict(features[:, : booster.num_feature()])
        return mean


@dataclass(frozen=True)
class TrainedDexter:
    """Follows ``Samples``. ``scales`` have no gains."""

    networks: Networks
    window: int
    scales: Scales
    second: SecondReader | None = None
    profile: ProfileReader | None = None

    def sampler(
        self, notes: np.ndarray, columns: np.ndarray, seed: int, *, scales: Scales | None = None, draws: Draws | None = None
    ) -> WindowSampler:
        passage = passage_of(notes, columns, self.second, self.profile)
        return WindowSampler(self.networks, scales or self.scales, self.window, passage, seed, draws=draws)


def load_trained(mean: Path, denoiser: Path, second: SecondReader | None, profile: ProfileReader | None = None) -> TrainedDexter:
    """Return DExter with the networks of two stages' folders. Raises PerfLiveError."""
    mean_task, denoiser_task = load_task(mean / BEST), load_denoiser(denoiser / BEST)
    window = min(mean_task.config.windows.notes, denoiser_task.config.windows.notes)
    ones, zeros = np.ones(COLUMNS), np.zeros(COLUMNS)
    scales = Scales(denoiser_task.residual_deviation.numpy().astype(float), ones, zeros, ones, ones)
    return TrainedDexter(TorchNetworks(mean_task, denoiser_task), window, scales, second, profile)
