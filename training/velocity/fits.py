"""What is fitted once after training, for the engine to play.

``noise.json``: how a human strays from the predicted dynamics over time, as shares of variance and their time constants. ``pedal.json``:
from which likelihood on the pedal is lifted at a chord, and how long after the chord it is down again.
"""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch
from pydantic import BaseModel, ConfigDict, Field
from scipy.optimize import nnls
from scipy.stats import norm

from engine.base.errors import PerfLiveError
from models.velocity.network import QUANTILE_LEVELS
from training.runs.checkpoints import LAST
from training.stages import Outcome, Work, write_json
from training.velocity.data import READERS, VelocityFeatures, describe_windows, load_split, load_velocity_features
from training.velocity.pedalling import chords, press_delays
from training.velocity.task import VelocityTask, load_task

NOISE_FILE, PEDAL_FILE = "noise.json", "pedal.json"
# A performer's deviations: within a gesture, within a phrase, for as long as the performance lasts.
NOISE_TIME_CONSTANTS_S = (0.3, 3.0, 60.0)
CAUSAL_NOTES = 2000  # of each performance, that a causal network goes through


class NoiseConfig(BaseModel):
    """``performances``: of the train split, at most, that the noise is fitted to."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    task: Literal["velocity-noise"]
    performances: int = Field(default=100, gt=0)


class PedalConfig(BaseModel):
    """Nothing is chosen here."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    task: Literal["velocity-pedal"]


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


def fit_velocity_noise(config: NoiseConfig, work: Work) -> Outcome:
    """Fit the noise of the network that is read to performances of the train split, and write it to ``work.folder``."""
    task = load_task(work.read("network") / LAST)
    features = load_split(task.config.dataset, work.data, "train", work.cache)
    notes = task.config.notes_per_window if task.config.network.looks_ahead else CAUSAL_NOTES
    shares = fit_noise(*score_performances(task, features, config.performances, notes))
    write_json(work.folder / NOISE_FILE, {"time_constants_s": NOISE_TIME_CONSTANTS_S, "shares": shares})
    return Outcome(f"shares {', '.join(f'{share:.2f}' for share in shares)} at {NOISE_TIME_CONSTANTS_S} s", (NOISE_FILE,))


def best_share(likely: np.ndarray, lifted: np.ndarray) -> float:
    """Return from which share of 1 on chords ``likely`` [C] to be lifted at agree best (F1) with those that were ``lifted`` [C]."""
    order = np.argsort(-likely, kind="stable")
    found = np.cumsum(lifted[order])
    agreement = 2 * found / (np.arange(1, len(order) + 1) + lifted.sum())
    return float(likely[order][int(np.argmax(agreement))])


@torch.inference_mode()
def fit_pedal(config: PedalConfig, work: Work) -> Outcome:
    """Fit when the pedal moves to the validation performances whose pedals are hidden, and write it to ``work.folder``."""
    task = load_task(work.read("network") / LAST)
    hidden = [each for each in READERS[task.config.dataset](work.data, "validation") if len(each.hidden_pedals)]
    features = load_velocity_features(lambda: hidden, work.cache / "features")
    likely, lifted, delays_s = [], [], []
    for index, performance in enumerate(hidden):
        moves = np.concatenate([_moves(task, features, rows) for rows in _windows(features, index, task.config.notes_per_window)])
        chord, onsets = chords(performance.notes["onset_sec"])
        likely.append(np.bincount(chord, moves[:, 0]) / np.bincount(chord))
        played = features.pedal[features.starts[index] : features.starts[index + 1], 0]
        lifted.append(np.maximum.reduceat(played, np.flatnonzero(np.diff(chord, prepend=-1))))
        delays_s.append(press_delays(onsets, performance.hidden_pedals))
    share, delay_s = best_share(np.concatenate(likely), np.concatenate(lifted)), float(np.median(np.concatenate(delays_s)))
    write_json(work.folder / PEDAL_FILE, {"lifted_share": share, "press_s": delay_s})
    return Outcome(f"lifted from {share:.2f} on, down again after {delay_s:.2f} s", (PEDAL_FILE,))


def _windows(features: VelocityFeatures, performance: int, notes: int) -> Iterator[np.ndarray]:
    begin, end = features.starts[performance : performance + 2]
    for first in range(begin, end, notes):
        yield np.arange(first, min(first + notes, end))


def _moves(task: VelocityTask, features: VelocityFeatures, rows: np.ndarray) -> np.ndarray:
    """Return how likely each of PEDAL_MOVES is at notes, [N, 2], without the hint."""
    batch = describe_windows(features, rows[None], looks_ahead=True)
    batch["hint"] = np.zeros((1, len(rows)), dtype=np.int64)
    _, moves = task.perform({name: torch.from_numpy(array) for name, array in batch.items()})
    if moves is None:
        raise PerfLiveError("the stage 'velocity-pedal' reads a network that does not pedal; set pedals: true in its network")
    return moves[0].sigmoid().numpy()


def read_pedal(folder: Path) -> dict[str, float]:
    """Return what ``fit_pedal`` wrote, as the contract names it. Raises PerfLiveError."""
    stored = _read(folder / PEDAL_FILE)
    return {f"pedal_{name}": round(float(stored[name]), 4) for name in ("lifted_share", "press_s")}


def read_noise(folder: Path) -> list[float]:
    """Return the shares of variance that ``fit_velocity_noise`` wrote, by time constant. Raises PerfLiveError."""
    return [float(share) for share in _read(folder / NOISE_FILE)["shares"]]


def _read(path: Path) -> dict[str, Any]:
    try:
        stored: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        return stored
    except (OSError, ValueError) as error:
        raise PerfLiveError(f"{path.parent}: there is no {path.stem} that can be read; run the stage again") from error
