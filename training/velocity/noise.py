"""How a human strays from the predicted dynamics over time: fitted once after training, played back by the engine when it samples.

    python -m training.velocity.noise RUN_DIR --data DIR

reads RUN_DIR/last.ckpt and writes RUN_DIR/fitted.ckpt, the same with the fitted noise, for perf-export.
"""

from pathlib import Path
from typing import Annotated

import numpy as np
import torch
import typer
from scipy.optimize import nnls
from scipy.stats import norm

from models.velocity.network import QUANTILE_LEVELS
from training.datasets.asap import read_asap
from training.velocity.data import VelocityFeatures, load_velocity_features
from training.velocity.task import NOISE_TIME_CONSTANTS_S, VelocityTask, describe_windows, load_task


def normal_scores(quantiles: np.ndarray, velocity: np.ndarray) -> np.ndarray:
    """Return where each velocity [N] lies in its predicted distribution [N, 17], as a standard normal number."""
    shares = [np.interp(v, q, QUANTILE_LEVELS) for v, q in zip(velocity, quantiles, strict=True)]
    return norm.ppf(np.clip(shares, QUANTILE_LEVELS[0], QUANTILE_LEVELS[-1]))


def fit_noise(scores: list[np.ndarray], onsets_s: list[np.ndarray], furthest_notes: int = 400) -> list[float]:
    """Fit the shares of variance of Ornstein-Uhlenbeck processes with NOISE_TIME_CONSTANTS_S to the scores' products at all lags.

    ``scores`` and ``onsets_s``: one array a performance. What the shares leave of 1 is new with each note.
    """
    lags = np.unique(np.geomspace(1, furthest_notes, 40).astype(int))
    elapsed_s = np.concatenate([np.abs(t[lag:] - t[:-lag]) for t in onsets_s for lag in lags if len(t) > lag])
    products = np.concatenate([z[lag:] * z[:-lag] for z in scores for lag in lags if len(z) > lag])
    columns = np.stack([np.exp(-elapsed_s / time_constant_s) for time_constant_s in NOISE_TIME_CONSTANTS_S], 1)
    variance = float(np.mean(np.concatenate(scores) ** 2))
    shares, _ = nnls(columns.T @ columns, columns.T @ products / variance)
    return [float(share) for share in shares / max(1.0, shares.sum())]


@torch.inference_mode()
def score_performances(
    task: VelocityTask, features: VelocityFeatures, performances: int, notes: int
) -> tuple[list[np.ndarray], list[np.ndarray]]:
    """Return normal scores and onsets in seconds of up to ``notes`` notes of some performances, predicted without the hint."""
    chosen = np.random.default_rng(0).permutation(len(features.starts) - 1)[:performances]
    scores, onsets = [], []
    for index in chosen:
        rows = np.arange(features.starts[index], min(features.starts[index] + notes, features.starts[index + 1]))
        batch = describe_windows(features, rows[None], task.config.network.looks_ahead)
        batch["hint"] = np.zeros((1, len(rows)), dtype=np.int64)
        quantiles = task.predict({name: torch.from_numpy(array) for name, array in batch.items()})[0].numpy()
        scores.append(normal_scores(quantiles, features.velocity[rows]))
        onsets.append(features.onset_s[rows])
    return scores, onsets


def main(
    run_folder: Annotated[Path, typer.Argument()],
    data: Annotated[Path, typer.Option("--data", help="folder of the unpacked (n)ASAP corpus")],
    performances: Annotated[int, typer.Option("--performances", min=1)] = 100,
) -> None:
    """Fit the noise to training performances and leave it beside the checkpoint."""
    task = load_task(run_folder / "last.ckpt")
    features = load_velocity_features(list(read_asap(data, "train")), run_folder.parent / "features")
    notes = task.config.notes_per_window if task.config.network.looks_ahead else 2000
    shares = fit_noise(*score_performances(task, features, performances, notes))
    task.noise_shares[:] = torch.tensor(shares)
    torch.save({"state_dict": task.state_dict(), "hyper_parameters": dict(task.hparams)}, run_folder / "fitted.ckpt")
    print(f"noise shares {shares} at time constants {NOISE_TIME_CONSTANTS_S} s")


if __name__ == "__main__":
    typer.run(main)
