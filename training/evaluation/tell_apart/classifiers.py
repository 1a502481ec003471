"""Two classifiers of windows: gradient boosting on statistics, and a convolutional network that reads the notes.

They fail differently: what is mended so that one no longer sees it may still be plain to the other.
"""

from collections.abc import Callable

import lightgbm
import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from training.evaluation.tell_apart.windows import Windows

# (windows and which of them are ours, windows to judge) -> how likely each of the latter is ours, higher is likelier
Classifier = Callable[[Windows, np.ndarray, Windows], np.ndarray]

ROUNDS = 150
BOOSTING = {
    "objective": "binary",
    "num_leaves": 15,
    "learning_rate": 0.06,
    "feature_fraction": 0.3,
    "bagging_fraction": 0.7,
    "bagging_freq": 1,
    "min_data_in_leaf": 20,
    "lambda_l2": 1.0,
    "verbosity": -1,
    "deterministic": True,
    "num_threads": 1,
    "seed": 0,
}
WIDTH, KERNEL, DILATIONS = 32, 5, (1, 2, 4)
EPOCHS, BATCH, LEARNING_RATE, WEIGHT_DECAY, DROPOUT = 12, 64, 2e-3, 1e-2, 0.2
FURTHEST = 5.0  # deviations that an input may be from its mean


def boost(windows: Windows, ours: np.ndarray) -> lightgbm.Booster:
    """Return trees that were grown on the statistics of windows, of which ``ours`` (W,) bool are ours."""
    return lightgbm.train(BOOSTING, lightgbm.Dataset(windows.values, ours.astype(float), params={"verbosity": -1}), ROUNDS)


def by_statistics(windows: Windows, ours: np.ndarray, judged: Windows) -> np.ndarray:
    return np.asarray(boost(windows, ours).predict(judged.values, raw_score=True))


def by_notes(windows: Windows, ours: np.ndarray, judged: Windows) -> np.ndarray:
    torch.manual_seed(0)
    mean, deviation = (_over_notes(function, windows.notes) for function in (np.nanmean, np.nanstd))
    inputs, to_judge = (_standardise(each.notes, mean, deviation) for each in (windows, judged))
    network = NoteNetwork(inputs.shape[1])
    _train(network, inputs, torch.from_numpy(ours.astype(np.float32)))
    network.eval()
    with torch.no_grad():
        return torch.cat([network(part) for part in to_judge.split(BATCH)]).numpy()


def _over_notes(function: Callable[..., np.ndarray], notes: np.ndarray) -> np.ndarray:
    """Return a figure by input (C,); 0 of one that no note has."""
    unknown = np.isnan(notes).all(axis=(0, 1))
    return np.where(unknown, 0, function(np.where(unknown, 0, notes), axis=(0, 1)))


def _standardise(notes: np.ndarray, mean: np.ndarray, deviation: np.ndarray) -> Tensor:
    """Return (W, 2 C, N): deviations from the mean, 0 where nothing is known, and whether it is."""
    scaled = np.clip((notes - mean) / np.maximum(deviation, 1e-6), -FURTHEST, FURTHEST)
    known = np.isfinite(notes)
    both = np.concatenate([np.where(known, scaled, 0), known], axis=2)
    return torch.from_numpy(both.astype(np.float32).transpose(0, 2, 1).copy())


class NoteNetwork(nn.Module):
    """Residual convolutions over the notes of a window, their mean and their greatest values, one logit."""

    def __init__(self, inputs: int):
        super().__init__()
        self.first = nn.Conv1d(inputs, WIDTH, 1)
        self.blocks = nn.ModuleList(
            nn.Sequential(nn.GroupNorm(1, WIDTH), nn.SiLU(), nn.Conv1d(WIDTH, WIDTH, KERNEL, dilation=each, padding="same"))
            for each in DILATIONS
        )
        self.last = nn.Sequential(nn.Dropout(DROPOUT), nn.Linear(2 * WIDTH, 1))

    def forward(self, notes: Tensor) -> Tensor:
        """(W, inputs, N) -> (W,)."""
        hidden = self.first(notes)  # (W, WIDTH, N)
        for block in self.blocks:
            hidden = hidden + block(hidden)
        logit: Tensor = self.last(torch.cat([hidden.mean(2), hidden.amax(2)], dim=1))
        return logit[:, 0]


def _train(network: NoteNetwork, inputs: Tensor, ours: Tensor) -> None:
    steps = EPOCHS * -(-len(inputs) // BATCH)
    optimiser = torch.optim.AdamW(network.parameters(), LEARNING_RATE, weight_decay=WEIGHT_DECAY)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, LEARNING_RATE, steps)
    order = torch.Generator().manual_seed(0)
    for _ in range(EPOCHS):
        for rows in torch.randperm(len(inputs), generator=order).split(BATCH):
            loss = functional.binary_cross_entropy_with_logits(network(inputs[rows]), ours[rows])
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
            schedule.step()


CLASSIFIERS: dict[str, Classifier] = {"statistics": by_statistics, "notes": by_notes}
