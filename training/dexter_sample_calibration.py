"""How much of the denoiser's residual to hear in a sample's tempo so that it varies as a human's: fitted on train pieces, after training.

Samples vary by a quarter too much in tempo, and in no other amount. Run, to write the gain into the denoiser's checkpoint:

    python -m training.dexter_sample_calibration DENOISER_RUN/best.ckpt --mean RUN_FOLDER/best.ckpt --data DIR
"""

import sys
from pathlib import Path
from typing import Annotated

import numpy as np
import torch
import typer
from rich.progress import track

from engine.commands.errors import run
from models.dexter.descriptors import DESCRIPTORS
from models.dexter.representation import BEAT_PERIOD
from models.dexter.windows import COLUMNS, Branch, Passage, Scales, Settings, WindowSampler, perform
from training.datasets.expression_pieces import Presentation, load_pieces
from training.datasets.expression_windows import show
from training.dexter import DexterTask, load_task
from training.dexter_calibration import EVERY, MOST_PERFORMERS, adjust, store, tempo_deviation
from training.dexter_denoiser import DexterDenoiserTask, load_denoiser

app = typer.Typer(add_completion=False)


class TorchNetworks:
    """Both networks, as ``models.dexter.windows`` calls them."""

    descriptors = len(DESCRIPTORS)

    def __init__(self, mean: DexterTask, denoiser: DexterDenoiserTask):
        self._mean, self._denoiser = mean.network, denoiser.denoiser

    def mean(self, features: np.ndarray, descriptors: np.ndarray, known: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        mean, context = _call(self._mean, features, descriptors, known)
        return mean.numpy(), context.numpy()

    def denoise(self, noisy: np.ndarray, log_snr: float, branch: Branch, fixed: np.ndarray, fixed_known: np.ndarray) -> np.ndarray:
        level = np.full(1, log_snr, np.float32)
        inputs = (noisy, branch.context, branch.mean, branch.descriptors, branch.known, fixed, fixed_known, level)
        (v,) = _call(self._denoiser, *inputs)
        return v.numpy()


def _call(network: torch.nn.Module, *inputs: np.ndarray) -> list[torch.Tensor]:
    """Run a network on one window; return its outputs, without the batch axis like the inputs."""
    with torch.no_grad():
        outputs = network(*(torch.from_numpy(values)[None] for values in inputs))
    return [output[0] for output in (outputs if isinstance(outputs, tuple) else (outputs,))]


def calibrate_samples(mean: DexterTask, denoiser: DexterDenoiserTask, pieces: list[Presentation]) -> None:
    """Set the denoiser's gain of the beat period so that a sample's deviation of tempo, on average over pieces, is the humans'."""
    neutral = Scales(denoiser.residual_deviation.numpy(), np.ones(COLUMNS), np.zeros(COLUMNS), np.ones(COLUMNS))
    means: list[np.ndarray] = []
    samples: list[np.ndarray] = []
    humans = []
    for seed, shown in enumerate(track(pieces, "sampling")):
        ready = show(shown)
        passage = Passage(ready.features, lean=np.zeros(len(shown.notes)))
        sampler = WindowSampler(TorchNetworks(mean, denoiser), neutral, denoiser.config.windows.notes, passage, seed)
        for rendered, temperature in ((means, 0.0), (samples, 1.0)):
            rendered.append(perform(sampler, Settings(temperature=temperature), len(shown.notes)))
        humans.append(np.mean([tempo_deviation(shown, target) for target in ready.targets[:MOST_PERFORMERS]]))
    gains = np.ones(COLUMNS)

    def average() -> float:
        heard = zip(pieces, means, samples, strict=True)
        return float(np.mean([tempo_deviation(shown, centre + gains * (sample - centre)) for shown, centre, sample in heard]))

    print(f"tempo deviation of samples: {average():.4f}, of humans: {np.mean(humans):.4f}")
    adjust(gains, [BEAT_PERIOD], (0.0, 2.0), average, float(np.mean(humans)))
    print(f"with gain {gains[BEAT_PERIOD]:.3f}: {average():.4f}")
    denoiser.sample_gains.copy_(torch.from_numpy(gains))


@app.command()
def main(
    checkpoint: Annotated[Path, typer.Argument(help="the denoiser's checkpoint; the gain is written into it")],
    mean: Annotated[Path, typer.Option("--mean", help="checkpoint of the mean that is performed")],
    data: Annotated[Path, typer.Option("--data", help="folder of the unpacked corpus")],
) -> None:
    """Fit the gain of a denoiser's tempo."""
    denoiser = load_denoiser(checkpoint)
    pieces = [piece.presentations[0] for piece in load_pieces(data, "train", checkpoint.parent.parent)[::EVERY]]
    calibrate_samples(load_task(mean), denoiser, pieces)
    store(checkpoint, {"sample_gains": denoiser.sample_gains})


if __name__ == "__main__":
    sys.exit(run(app, "training.dexter_sample_calibration"))
