"""DExter's two graphs: the mean performance, and the denoiser around it."""

import numpy as np

from engine.onnx.model import Model
from engine.performers.score_playing.feature_check import columns_read
from models.dexter.representation import Branch
from models.performance.descriptors import DESCRIPTORS


class OnnxNetworks:
    """The two graphs, as ``models.dexter.windows`` calls them."""

    descriptors = len(DESCRIPTORS)

    def __init__(self, mean: Model, denoise: Model):
        self._mean, self._denoise = mean, denoise
        self._columns = columns_read(mean)

    def mean(self, features: np.ndarray, descriptors: np.ndarray, known: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        inputs = {"features": features[None, :, self._columns], "descriptors": descriptors[None], "descriptors_known": known[None]}
        outputs, _ = self._mean.run(inputs, {})
        return outputs["mean"][0], outputs["context"][0]

    def denoise(self, noisy: np.ndarray, log_snr: float, branch: Branch, fixed: np.ndarray, fixed_known: np.ndarray) -> np.ndarray:
        inputs = {
            "noisy": noisy[None],
            "context": branch.context[None],
            "mean": branch.mean[None],
            "descriptors": branch.descriptors[None],
            "descriptors_known": branch.known[None],
            "fixed": fixed[None],
            "fixed_known": fixed_known[None],
            "log_snr": np.full((1, 1), log_snr, np.float32),
        }
        outputs, _ = self._denoise.run(inputs, {})
        return outputs["v"][0]
