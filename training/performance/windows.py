"""Windows of notes of pieces and their performances, augmented, in batches for ever."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from pydantic import BaseModel, ConfigDict, Field
from torch import Tensor

from models.performance.descriptors import DESCRIPTORS, DEVIATIONS
from models.performance.features import FEATURES, PITCH_BUMPS, normalise, note_features, relative_to_unknown_tempo
from models.performance.representation import BEAT_PERIOD, PEDAL, PERFORMANCE_COLUMNS
from models.performance.score_representation import SCORE_COLUMNS
from training.performance.pieces import Presentation
from training.runs.batches import ShuffledBatches

LONGEST_SPAN_QUARTERS = 4.0
MOST_DEVIATIONS = 4.0
MOST_CENSUS = 4.0  # twice the weight of a piece: the more performers, the better is their mean known, up to six

MARKING_FEATURES = slice(FEATURES.index("markings_known"), len(FEATURES))
VELOCITY_FEATURES = slice(FEATURES.index("velocity_known"), FEATURES.index("markings_known"))
TEMPO_FEATURES = slice(FEATURES.index("tempo_known"), FEATURES.index("velocity_known"))
PITCH, FIRST_BUMP, TEMPO, SECONDS = (FEATURES.index(name) for name in ("pitch", "pitch_near_24", "beat_period", "gap_after_seconds"))


class ExpressionWindowConfig(BaseModel):
    """``midi``, ``forget_*``: the share of windows that are shown as MIDI scores, and without what a file may lack.

    ``single``: with one human's performance and its descriptors as the target, not the performers' mean; ``mixup``: of those, with two
    humans' mixed. ``tempo_octaves``: how far the notated tempo is moved, log2.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    notes: int = Field(gt=0)
    per_batch: int = Field(gt=0)
    midi: float = Field(ge=0, le=1)
    single: float = Field(ge=0, le=1)
    mixup: float = Field(ge=0, le=1)
    forget_descriptors: float = Field(ge=0, le=1)
    forget_markings: float = Field(ge=0, le=1)
    forget_velocity: float = Field(ge=0, le=1)
    forget_tempo: float = Field(ge=0, le=1)
    transpose_semitones: int = Field(ge=0, le=12)
    tempo_octaves: float = Field(ge=0, le=1)


@dataclass(frozen=True)
class Shown:
    """A presentation as the network meets it. ``targets`` (P, N, 8) are normalised, NaN where unknown, ``mean`` (N, 8) their mean.

    ``weights`` (N, 8): tempo and pedal count by the time that they are in force, shared by the notes of an onset; on average 1.
    ``descriptors`` (P, N, 7): how far a performance's are from the performers' mean, in DEVIATIONS; None when there is only one.
    """

    features: np.ndarray
    score_columns: np.ndarray
    targets: np.ndarray
    mean: np.ndarray
    weights: np.ndarray
    descriptors: np.ndarray | None


def show(presentation: Presentation) -> Shown:
    """Return what the network meets of a presentation."""
    targets = np.stack([normalise(columns, presentation.score_columns) for columns in presentation.columns])
    counts = np.isfinite(targets).sum(0)
    mean = np.where(counts > 0, np.nansum(targets, 0) / np.maximum(counts, 1), np.nan).astype(np.float32)
    weights = np.ones(mean.shape, dtype=np.float32)
    weights[:, [BEAT_PERIOD, *range(PEDAL, len(PERFORMANCE_COLUMNS))]] = span_weights(presentation.score_columns)[:, None]
    features = note_features(presentation.score_columns)
    return Shown(features, presentation.score_columns, targets, mean, weights, _relative_descriptors(presentation.descriptors))


def _relative_descriptors(descriptors: np.ndarray) -> np.ndarray | None:
    """Typical is 0, whatever the notes: what the score makes of a descriptor is not the performer's, and is not for a control to move."""
    if len(descriptors) == 1:
        return None
    relative = (descriptors - descriptors.mean(0)) / np.array(DEVIATIONS)
    return np.clip(relative, -MOST_DEVIATIONS, MOST_DEVIATIONS).astype(np.float32)


def span_weights(score_columns: np.ndarray) -> np.ndarray:
    """Return (N,) the time until the next onset, at most LONGEST_SPAN_QUARTERS, shared by the notes of an onset; on average 1."""
    onset = score_columns[:, SCORE_COLUMNS.index("onset_quarter")]
    _, group, counts = np.unique(onset, return_inverse=True, return_counts=True)
    until_next = score_columns[:, SCORE_COLUMNS.index("next_onset_quarter")]
    spans = np.clip(np.where(until_next > 0, until_next, 1.0), 0, LONGEST_SPAN_QUARTERS) / counts[group]
    return (spans / spans.mean()).astype(np.float32)


class ExpressionWindows(ShuffledBatches[tuple[int, int]]):
    """Yields batches: ``features`` [B, T, F], ``descriptors`` [B, T, 7], ``descriptors_known`` [B, T, 1], ``target`` and ``weight``
    [B, T, 8] (0 where the target is not known).

    Every note once a pass, in random order and at random offsets, in one of the piece's presentations.
    """

    def __init__(self, pieces: list[list[Shown]], config: ExpressionWindowConfig, seed: int, first: int = 0):
        super().__init__(seed, config.per_batch, first)
        self.pieces, self.config = pieces, config

    def batch(self, items: Sequence[tuple[int, int]]) -> dict[str, Tensor]:
        windows = [self._window(self._present(self.pieces[piece]), start) for piece, start in items]
        return {name: torch.from_numpy(np.stack([window[name] for window in windows])) for name in windows[0]}

    def items(self) -> list[tuple[int, int]]:
        """Return pieces and the first notes of windows.

        Windows are placed as if each piece went on for one more on either side, so that ends are met as often as middles.
        """
        starts = []
        length = self.config.notes
        for piece, presentations in enumerate(self.pieces):
            notes = len(presentations[0].mean)
            for start in range(int(self.random.integers(-length + 1, 1)), notes, length):
                starts.append((piece, int(np.clip(start, 0, max(notes - length, 0)))))
        self.random.shuffle(starts)
        return starts

    def _present(self, presentations: list[Shown]) -> Shown:
        return presentations[1 if len(presentations) > 1 and self.random.random() < self.config.midi else 0]

    def _window(self, shown: Shown, start: int) -> dict[str, np.ndarray]:
        start = min(start, max(len(shown.mean) - self.config.notes, 0))
        rows = slice(start, start + self.config.notes)
        descriptors, known = np.zeros((self.config.notes, len(DESCRIPTORS)), np.float32), 0.0
        target, census = shown.mean[rows], min(1 + len(shown.targets) / 2, MOST_CENSUS) / 2
        if self.random.random() < self.config.single:
            target, relative = self._single(shown, rows)
            census = 1.0
            if relative is not None and self.random.random() >= self.config.forget_descriptors:
                descriptors, known = self._describe(relative), 1.0
        features = shown.features[rows].copy()
        target = target.copy()
        self._forget(features, target, shown.score_columns[rows])
        self._move(features)
        window = {
            "features": features,
            "descriptors": descriptors,
            "descriptors_known": np.full((len(features), 1), known, dtype=np.float32),
            "target": np.nan_to_num(target),
            "weight": np.float32(census) * shown.weights[rows] * np.isfinite(target),
        }
        return {name: _padded(array, self.config.notes) for name, array in window.items()}

    def _single(self, shown: Shown, rows: slice) -> tuple[np.ndarray, np.ndarray | None]:
        """Return one performance and its descriptors, or two mixed.

        DExter's mixup averages two performances, which also halves what they differ in; here their distances from the performers' mean are
        added and divided by the root of two, so that a mixture is as far from it as a performance.
        """
        if shown.descriptors is None:
            return shown.targets[0, rows], None
        first, second = self.random.choice(len(shown.targets), 2, replace=False)
        if self.random.random() >= self.config.mixup:
            return shown.targets[first, rows], shown.descriptors[first, rows]
        mean = shown.mean[rows]
        target = mean + (shown.targets[first, rows] + shown.targets[second, rows] - 2 * mean) / np.sqrt(2, dtype=np.float32)
        relative = (shown.descriptors[first, rows] + shown.descriptors[second, rows]) / np.sqrt(2, dtype=np.float32)
        return target, relative

    def _describe(self, descriptors: np.ndarray) -> np.ndarray:
        """Return the descriptors note by note, or as often one for all notes of the window: a control that is set and left."""
        if self.random.random() < 0.5:
            return descriptors
        return np.broadcast_to(descriptors.mean(0), descriptors.shape)

    def _forget(self, features: np.ndarray, target: np.ndarray, score_columns: np.ndarray) -> None:
        shares = (self.config.forget_markings, self.config.forget_velocity, self.config.forget_tempo)
        markings, velocity, tempo = self.random.random(3) < shares
        if markings:
            features[:, MARKING_FEATURES] = 0
        if velocity:
            features[:, VELOCITY_FEATURES] = 0
        if tempo:
            features[:, TEMPO_FEATURES] = 0
            target[:, BEAT_PERIOD] = relative_to_unknown_tempo(target[:, BEAT_PERIOD], score_columns)

    def _move(self, features: np.ndarray) -> None:
        """Transpose, and take the piece for one that is notated somewhat slower or faster and played as much so."""
        shift = self.random.integers(-self.config.transpose_semitones, self.config.transpose_semitones + 1)
        features[:, PITCH] += shift / 24
        distance = np.abs(60 + 24 * features[:, PITCH, None] - PITCH_BUMPS)
        features[:, FIRST_BUMP : FIRST_BUMP + len(PITCH_BUMPS)] = np.clip(1 - distance / 12, 0, 1)
        octaves = self.random.uniform(-self.config.tempo_octaves, self.config.tempo_octaves)
        known = features[:, TEMPO_FEATURES.start]
        features[:, TEMPO] += octaves * known
        features[:, SECONDS] += octaves / 2 * known


def _padded(array: np.ndarray, length: int) -> np.ndarray:
    return np.pad(array, ((0, length - len(array)), (0, 0))) if len(array) < length else array
