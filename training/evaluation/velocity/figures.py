"""``perf-eval velocity``: how close the velocity transformers come to held-out performances, beside simple baselines.

All rows are free-running: no row but those marked teacher-forced ever sees a true velocity, other than as the three-bin hint.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from rich.console import Console
from rich.progress import track

from engine.onnx.model import Model
from engine.performers.controls import MODEL
from engine.performers.velocity.expression import VelocityExpression
from engine.performers.velocity.networks import VelocityModel
from models.velocity.representation import HINT_EDGES, MEMORY_DELAY_S, known_durations
from training.velocity.data import VelocityFeatures

CHUNK_NOTES = 64  # the causal model goes through a performance in chunks; what it knows of each note is the same as one by one
LOOKAHEAD_PAST_NOTES, LOOKAHEAD_DECIDED_NOTES, LOOKAHEAD_NOTES = 64, 96, 256
FILTER_WEIGHT = 0.3  # of the newest velocity in the last-known-velocity filter

Quantiles = np.ndarray  # [notes, 17]


@dataclass(frozen=True)
class Take:
    """One performance's columns of VelocityFeatures."""

    pitch_index: np.ndarray
    keys: np.ndarray
    scalars: np.ndarray
    onset_s: np.ndarray
    duration_s: np.ndarray
    velocity: np.ndarray

    @property
    def hints(self) -> np.ndarray:
        return 1 + np.searchsorted(HINT_EDGES, self.velocity, side="right")

    def inputs(self, begin: int, end: int, hints: np.ndarray) -> dict[str, np.ndarray]:
        """The inputs of the causal graph for notes ``begin`` to ``end``."""
        return {
            "pitch": self.pitch_index[begin:end],
            "hint": hints[begin:end].astype(np.int64),
            "keys": self.keys[begin:end].astype(np.float32),
            "scalars": self.scalars[begin:end],
        }


def split_takes(features: VelocityFeatures) -> list[Take]:
    names = ("pitch_index", "keys", "scalars", "onset_s", "duration_s", "velocity")
    bounds = zip(features.starts[:-1], features.starts[1:], strict=True)
    return [Take(*(getattr(features, name)[begin:end] for name in names)) for begin, end in bounds]


def causal_quantiles(model: VelocityModel, take: Take, hints: np.ndarray) -> Quantiles:
    """Go through a performance in chunks: its memory first, then the answers, each from the rows that it may know."""
    state = model.memory.initial_state()
    _, length, width = model.answer.create_stepper().inputs["memory"].shape
    rows, onset_s = np.zeros((length, width), np.float32), np.full(length, np.inf)
    parts = []
    for begin in range(0, len(take.velocity), CHUNK_NOTES):
        inputs = take.inputs(begin, begin + CHUNK_NOTES, hints)
        outputs, state = model.memory.run(inputs, state)
        rows = np.concatenate((rows[-length:], outputs["rows"]))
        onset_s = np.concatenate((onset_s[-length:], take.onset_s[begin : begin + CHUNK_NOTES]))
        known = sliding_window_view(onset_s, length)[:-1] <= onset_s[length:, None] - MEMORY_DELAY_S  # [T, P]
        memory = sliding_window_view(rows, length, 0)[:-1].swapaxes(1, 2) * known[..., None].astype(np.float32)
        parts.append(model.answer.run({**inputs, "memory": memory}, {})[0]["quantiles"])
    return np.concatenate(parts)


def lookahead_quantiles(model: Model, take: Take, hints: np.ndarray) -> Quantiles:
    """Windows of 256 notes, of which 96 are decided at a time with 64 before them and 96 after."""
    parts = []
    for first in range(0, len(take.velocity), LOOKAHEAD_DECIDED_NOTES):
        begin = max(0, first - LOOKAHEAD_PAST_NOTES)
        end = min(begin + LOOKAHEAD_NOTES, len(take.velocity))
        inputs = take.inputs(begin, end, hints)
        known = known_durations(take.onset_s[begin:end], take.duration_s[begin:end])
        inputs["scalars"] = np.concatenate((inputs["scalars"], known), -1)
        outputs, _ = model.run(inputs, {})
        parts.append(outputs["quantiles"][first - begin : first - begin + LOOKAHEAD_DECIDED_NOTES])
    return np.concatenate(parts)


def sample(constants: Mapping[str, Any], quantiles: Quantiles, onset_s: np.ndarray, temperature: float, seed: int) -> np.ndarray:
    """Return velocities drawn as the performer draws them."""
    expression = VelocityExpression(seed, {"temperature": temperature, "level": MODEL}, constants)
    model_velocities = [expression.choose(q, t) for q, t in zip(quantiles, onset_s, strict=True)]
    return np.array([expression.apply(velocity, 64) for velocity in model_velocities])


def baselines(train: VelocityFeatures, takes: list[Take]) -> dict[str, list[np.ndarray]]:
    """Predictions of the simple rows, one array a performance."""
    hints = 1 + np.searchsorted(HINT_EDGES, train.velocity, side="right")
    medians = np.array([0] + [np.median(train.velocity[hints == hint]) for hint in (1, 2, 3)])
    by_pitch = np.polynomial.Polynomial.fit(train.pitch_index, train.velocity, 3)
    return {
        "constant": [np.full(len(take.velocity), np.median(train.velocity)) for take in takes],
        "pitch alone": [by_pitch(take.pitch_index) for take in takes],
        "bin medians (hint)": [medians[take.hints] for take in takes],
        "last known velocity (teacher-forced)": [last_known(take.velocity, np.median(train.velocity)) for take in takes],
    }


def last_known(velocity: np.ndarray, start: float) -> np.ndarray:
    """Each velocity predicted by the exponential average of the true ones before it."""
    average, predicted = start, np.empty(len(velocity))
    for index, performed in enumerate(velocity):
        predicted[index] = average
        average += FILTER_WEIGHT * (performed - average)
    return predicted


Predictor = Callable[[Take, np.ndarray], Quantiles]  # from a take and its hints


def evaluate(predict: Predictor, constants: Mapping[str, Any], takes: list[Take], label: str, seed: int) -> dict[str, list[np.ndarray]]:
    """Return the predictions of one model, one array a performance: with and without the hint, likeliest and sampled.

    ``constants`` are those of the model's contract.
    """
    rows = {}
    for shown in ("hint", "none"):
        described = track(takes, f"{label}, {shown}", console=Console(stderr=True))
        quantiles = [predict(take, take.hints if shown == "hint" else np.zeros_like(take.hints)) for take in described]
        for temperature in (0.0, 1.0):
            pairs = enumerate(zip(quantiles, takes, strict=True))
            sampled = [sample(constants, q, take.onset_s, temperature, seed + index) for index, (q, take) in pairs]
            rows[f"{label}, {shown}, temperature {temperature:g}"] = sampled
    return rows
