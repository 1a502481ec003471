"""Figures that are logged while DExter's mean is trained: correlations with the humans' mean on whole pieces. perf-eval has the final
ones.
"""

import numpy as np
import torch
from torch import Tensor

from models.performance.descriptors import DESCRIPTORS
from models.performance.features import denormalise
from models.performance.representation import ARTICULATION, BEAT_PERIOD, PEDAL, TIMING, VELOCITY, TempoCurve, find_anchors
from models.performance.score_representation import SCORE_COLUMNS
from training.performance.windows import Shown

BY_NOTE = {"velocity": VELOCITY, "articulation": ARTICULATION, "timing": TIMING, "pedal": PEDAL}


def predict_piece(network: torch.nn.Module, features: np.ndarray, window: int) -> tuple[Tensor, Tensor]:
    """Return mean (N, 8) and context (N, C) of a whole piece: overlapping windows, each note from where it is most in the middle."""
    length = len(features)
    hop = max(window // 2, 1)
    starts = np.minimum(np.arange(0, max(length - window, 0) + hop, hop), max(length - window, 0))
    rows = starts[:, None] + np.arange(min(window, length))
    inputs = torch.from_numpy(features)[torch.from_numpy(rows)]
    inputs = inputs.to(next(network.parameters()).device)
    unknown = inputs.new_zeros(*rows.shape, len(DESCRIPTORS))
    with torch.no_grad():
        mean, context = network(inputs, unknown, unknown[..., :1])
    owner = np.abs(np.arange(length)[:, None] - (starts + (rows.shape[1] - 1) / 2)).argmin(1)
    place = np.arange(length) - starts[owner]
    return mean[owner, place], context[owner, place]


def figures(shown: Shown, predicted: np.ndarray) -> dict[str, float]:
    """Return the correlations of ``predicted`` (N, 8), normalised, with the humans' mean: by note, tempo by beat, NaN where none is."""
    found = {name: correlation(predicted[:, column], shown.mean[:, column]) for name, column in BY_NOTE.items()}
    in_chords = np.isin(shown.score_columns[:, 0], _repeated(shown.score_columns[:, 0]))
    found["timing"] = correlation(predicted[in_chords, TIMING], shown.mean[in_chords, TIMING])
    humans = np.mean([beat_intervals(target, shown.score_columns) for target in shown.targets], axis=0)
    mine = beat_intervals(predicted, shown.score_columns)
    found["tempo"] = correlation(mine, humans)
    found["tempo_without_end"] = correlation(mine[:-4], humans[:-4])
    for name in ("velocity", "articulation"):
        found[f"{name}_deviation"] = _deviation_ratio(predicted[:, BY_NOTE[name]], [target[:, BY_NOTE[name]] for target in shown.targets])
    found["tempo_deviation"] = _deviation_ratio(mine, [beat_intervals(target, shown.score_columns) for target in shown.targets])
    return found


def _repeated(values: np.ndarray) -> np.ndarray:
    found, counts = np.unique(values, return_counts=True)
    return found[counts > 1]


def _deviation_ratio(predicted: np.ndarray, humans: list[np.ndarray]) -> float:
    if len(predicted) < 2:
        return float("nan")
    return float(np.std(predicted) / max(np.mean([np.nanstd(human) for human in humans]), 1e-6))


def correlation(a: np.ndarray, b: np.ndarray) -> float:
    """Return Pearson's correlation where both are known; NaN where there is none."""
    known = np.isfinite(a) & np.isfinite(b)
    if known.sum() < 2:
        return float("nan")
    a, b = a[known] - a[known].mean(), b[known] - b[known].mean()
    size = np.sqrt((a * a).sum() * (b * b).sum())
    return float((a * b).sum() / size) if size > 1e-9 else float("nan")


def beat_intervals(normalised: np.ndarray, score_columns: np.ndarray) -> np.ndarray:
    """Return log2 of the time between the beats of the first time signature's denominator, from the tempo curve of columns (N, 8)."""
    onset = score_columns[:, SCORE_COLUMNS.index("onset_quarter")]
    periods_by_note = denormalise(np.nan_to_num(normalised), score_columns)[:, BEAT_PERIOD]
    anchors, groups = find_anchors(onset)
    periods = np.exp2(np.bincount(groups, weights=periods_by_note) / np.bincount(groups))
    times = np.concatenate([[0.0], np.cumsum(periods[:-1] * np.diff(anchors))])
    step = 4 / max(float(score_columns[0, SCORE_COLUMNS.index("beat_type")]), 1.0)
    first = np.ceil(onset.min() / step) * step
    beats = np.arange(first, onset.max() + 1e-6, step)
    return np.log2(np.maximum(np.diff(TempoCurve(anchors, times, periods).at(beats)), 1e-3))
