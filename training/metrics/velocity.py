"""How close predicted velocities come to the performed ones; the same figures for every system and baseline."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np


class VelocityMetrics(NamedTuple):
    """Figures over a set of performances. Errors and spreads are in MIDI velocity steps, 0 to 127."""

    mean_absolute_error: float  # over all notes
    performance_error: float  # the same a performance, and the mean over performances
    correlation: float  # Pearson's, the mean over performances: what follows the music within a performance
    pooled_correlation: float  # Pearson's over all notes: rewards knowing how loud a performance is as a whole
    spread_ratio: float  # standard deviation over all notes, predicted to performed: 1 is a human-sized spread


def velocity_metrics(predicted: Sequence[np.ndarray], performed: Sequence[np.ndarray]) -> VelocityMetrics:
    """Compare lists of velocities, one array [notes] a performance, in the same order."""
    all_predicted, all_performed = np.concatenate(predicted).astype(float), np.concatenate(performed).astype(float)
    return VelocityMetrics(
        mean_absolute_error=mean_absolute_error(all_predicted, all_performed),
        performance_error=float(np.mean([mean_absolute_error(a, b) for a, b in zip(predicted, performed, strict=True)])),
        correlation=float(np.mean([correlation(a, b) for a, b in zip(predicted, performed, strict=True)])),
        pooled_correlation=correlation(all_predicted, all_performed),
        spread_ratio=float(all_predicted.std() / all_performed.std()),
    )


def mean_absolute_error(predicted: np.ndarray, performed: np.ndarray) -> float:
    return float(np.abs(np.subtract(predicted, performed, dtype=float)).mean())


def correlation(predicted: np.ndarray, performed: np.ndarray) -> float:
    """Return Pearson's correlation, -1 to 1; 0 where either side is constant."""
    a = np.asarray(predicted, dtype=float) - np.mean(predicted)
    b = np.asarray(performed, dtype=float) - np.mean(performed)
    scale = np.sqrt((a @ a) * (b @ b))
    return float(a @ b / scale) if scale > 0 else 0.0
