"""How near predicted velocities and timings come to a drummer's; the same figures for the trees and for baselines."""

import numpy as np

from training.metrics.velocity import VelocityMetrics, velocity_metrics


def by_take(values: np.ndarray, take: np.ndarray) -> list[np.ndarray]:
    """Return the values (N,) of each take; ``take`` (N,) is in order."""
    return np.split(values, np.flatnonzero(np.diff(take)) + 1)


def figures(predicted: np.ndarray, played: np.ndarray, take: np.ndarray) -> VelocityMetrics:
    """Compare velocities, or timings in ms, of strokes (N,); errors are in their unit."""
    return velocity_metrics(by_take(predicted, take), by_take(played, take))
