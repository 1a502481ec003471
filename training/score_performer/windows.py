"""Windows of notes of performances as tokens, augmented, in batches for ever."""

from collections.abc import Sequence

import numpy as np
import torch
from pydantic import BaseModel, ConfigDict, Field
from torch import Tensor

from engine.performers.score_performer.score import PLAIN_VELOCITY
from models.performance.features import PITCH_BUMPS
from models.score_performer.score_representation import ONSET_LEVEL
from models.score_performer.vocabulary import (
    BAR,
    FIELDS,
    HIGHEST_PITCH,
    LOWEST_PITCH,
    ONSET_DEVIATION,
    PAD,
    PITCH,
    POSITION_SHIFT,
    SPECIALS,
    TEMPO,
    TEMPO_STEPS_AN_OCTAVE,
    VELOCITY,
    to_values,
)
from training.performance.windows import FIRST_BUMP, MARKING_FEATURES, SECONDS, TEMPO_FEATURES, VELOCITY_FEATURES
from training.performance.windows import PITCH as PITCH_FEATURE
from training.performance.windows import TEMPO as TEMPO_FEATURE
from training.runs.batches import ShuffledBatches
from training.score_performer.data import TokenPiece

Window = dict[str, np.ndarray]

MOST_OCTAVES = 1.0  # of tempo: what is beyond are errors of alignment, and fermatas


class TokenWindowConfig(BaseModel):
    """``deadpan``: the share of windows with the score played without expression; ``forget_markings``: without dynamics and what else
    is printed at notes.

    Pitches move by up to ``transpose_semitones``, performed velocities by ``velocity_steps``, and the tempo, notated and performed, by
    ``tempo_steps`` of the tempo field.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    notes: int = Field(gt=1)
    per_batch: int = Field(gt=0)
    deadpan: float = Field(ge=0, le=1)
    forget_markings: float = Field(ge=0, le=1)
    transpose_semitones: int = Field(ge=0, le=12)
    velocity_steps: int = Field(ge=0, le=32)
    tempo_steps: int = Field(ge=0, le=TEMPO_STEPS_AN_OCTAVE)


class TokenWindows(ShuffledBatches[tuple[int, int, int]]):
    """Yields batches for ever: every performed note once a pass, in random order and from random offsets on."""

    def __init__(self, pieces: list[TokenPiece], config: TokenWindowConfig, seed: int, first: int = 0):
        super().__init__(seed, config.per_batch, first)
        self.pieces, self.config = pieces, config

    def batch(self, items: Sequence[tuple[int, int, int]]) -> dict[str, Tensor]:
        return batch_of([self._window(*place) for place in items])

    def items(self) -> list[tuple[int, int, int]]:
        """Return piece, performance and first note; the ends of performances are met as often as their middles."""
        starts = []
        length = self.config.notes
        for index, piece in enumerate(self.pieces):
            for performance, tokens in enumerate(piece.performances):
                notes = int(performed(tokens).sum())
                for start in range(int(self.random.integers(1 - length, 1)), notes, length):
                    starts.append((index, performance, int(np.clip(start, 0, max(notes - length, 0)))))
        self.random.shuffle(starts)
        return starts

    def _window(self, index: int, performance: int, start: int) -> Window:
        piece = self.pieces[index]
        deadpan = bool(self.random.random() < self.config.deadpan)
        window = window_of(piece, piece.performances[performance], start, self.config.notes, deadpan)
        if self.random.random() < self.config.forget_markings:
            forget_markings(window)
        reach = self.config
        limits = (reach.transpose_semitones, reach.velocity_steps, reach.tempo_steps)
        semitones, velocity, tempo = (int(self.random.integers(-limit, limit + 1)) for limit in limits)
        move(window, semitones, 0 if deadpan else velocity, tempo, int(self.random.integers(len(FIELDS[BAR].values))))
        return padded(window, self.config.notes)


def performed(tokens: np.ndarray) -> np.ndarray:
    """Return which notes of a performance are performed."""
    return tokens[:, VELOCITY] > SPECIALS


def window_rows(tokens: np.ndarray, start: int, length: int) -> np.ndarray:
    """Return which notes of a performance are in a window: ``length`` performed ones from the ``start``-th on."""
    return np.flatnonzero(performed(tokens))[start : start + length]


def window_of(piece: TokenPiece, tokens: np.ndarray, start: int, length: int, deadpan: bool) -> Window:
    """Return up to ``length`` of the performed notes from the ``start``-th on; segments are counted from 0 in the window."""
    rows = window_rows(tokens, start, length)
    segments = [np.unique(column, return_inverse=True)[1] for column in piece.segments[rows].T]
    octaves, quarters = tempo_octaves(piece.score, tokens, piece.segments[:, ONSET_LEVEL])
    return {
        "tokens": (piece.score if deadpan else tokens)[rows].astype(np.int64),
        "score": piece.score[rows].astype(np.int64),
        "features": piece.features[rows].astype(np.float32),
        "segments": np.stack(segments, axis=1),
        "valid": np.ones(len(rows), dtype=bool),
        "deadpan": np.array(deadpan),
        "tempo": octaves[rows],
        "quarters": 0 * quarters[rows] if deadpan else quarters[rows],
    }


def tempo_octaves(score: np.ndarray, tokens: np.ndarray, onsets: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return of each note (N,) the tempo from its onset to the next, in octaves above the notated one and the performance's mean, and what
    part of those quarters, a quarter at most, is its own; float32. ``onsets`` (N,) counts them. Those of notes that are not performed are
    0, and those before an onset of which no note is.
    """
    is_played = performed(tokens)
    played = np.bincount(onsets, is_played)
    took = np.maximum(1 + to_values(ONSET_DEVIATION, tokens[:, ONSET_DEVIATION]), 2.0**-MOST_OCTAVES)
    tempo = np.bincount(onsets, is_played * (tokens[:, TEMPO] / TEMPO_STEPS_AN_OCTAVE - np.log2(took))) / np.maximum(played, 1)
    first = np.unique(onsets, return_index=True)[1]
    shift = np.minimum(to_values(POSITION_SHIFT, score[first, POSITION_SHIFT]), 1) * (played > 0)
    octaves = np.clip(np.append(tempo[1:], 0)[onsets] - score[:, TEMPO] / TEMPO_STEPS_AN_OCTAVE, -MOST_OCTAVES, MOST_OCTAVES)
    quarters = is_played * (np.append(shift[1:], 0) / np.maximum(played, 1))[onsets]
    mean = octaves @ quarters / max(quarters.sum(), 1)
    return (octaves - mean).astype(np.float32), quarters.astype(np.float32)


def move(window: Window, semitones: int, velocity: int, tempo: int, bars: int) -> None:
    """Transpose, play louder by ``velocity``, notate and play faster by ``tempo`` steps, and count bars from another one on, in place."""
    for name in ("tokens", "score"):
        tokens = window[name]
        tokens[:, PITCH] = np.clip(tokens[:, PITCH] + semitones, SPECIALS, SPECIALS + HIGHEST_PITCH - LOWEST_PITCH)
        tokens[:, TEMPO] = np.clip(tokens[:, TEMPO] + tempo, SPECIALS, SPECIALS + len(FIELDS[TEMPO].values) - 1)
        tokens[:, BAR] = SPECIALS + (tokens[:, BAR] - SPECIALS + bars) % len(FIELDS[BAR].values)
    window["tokens"][:, VELOCITY] = np.clip(window["tokens"][:, VELOCITY] + velocity, SPECIALS + 1, SPECIALS + 127)
    features = window["features"]
    features[:, PITCH_FEATURE] += semitones / 24
    distance = np.abs(60 + 24 * features[:, PITCH_FEATURE, None] - PITCH_BUMPS)
    features[:, FIRST_BUMP : FIRST_BUMP + len(PITCH_BUMPS)] = np.clip(1 - distance / 12, 0, 1)
    # Beat periods are shorter at faster tempos; the features of times are in half octaves.
    octaves = -tempo / TEMPO_STEPS_AN_OCTAVE * features[:, TEMPO_FEATURES.start]
    features[:, TEMPO_FEATURE] += octaves
    features[:, SECONDS] += octaves / 2


def forget_markings(window: Window) -> None:
    """Leave of the score what a MIDI file without dynamics has, in place."""
    window["features"][:, MARKING_FEATURES] = 0
    window["features"][:, VELOCITY_FEATURES] = 0
    for name in ("tokens", "score") if window["deadpan"] else ("score",):
        window[name][:, VELOCITY] = SPECIALS + PLAIN_VELOCITY


def padded(window: Window, length: int) -> Window:
    """Return the window with ``length`` notes; those that are added are not valid."""
    missing = length - len(window["valid"])
    return {
        name: np.pad(array, ((0, missing), *((0, 0) for _ in array.shape[1:])), constant_values=PAD) if array.ndim and missing else array
        for name, array in window.items()
    }


def batch_of(windows: list[Window]) -> dict[str, Tensor]:
    return {name: torch.from_numpy(np.stack([window[name] for window in windows])) for name in windows[0]}


def validation_windows(pieces: list[TokenPiece], config: TokenWindowConfig, count: int) -> list[dict[str, Tensor]]:
    """Return batches of ``count`` windows in all, of performances and places spread evenly over the split, not augmented."""
    performances = [(piece, tokens) for piece in pieces for tokens in piece.performances]
    random = np.random.default_rng(0)
    windows = []
    for index in np.linspace(0, len(performances) - 1, count).astype(int):
        piece, tokens = performances[index]
        start = int(random.integers(0, max(int(performed(tokens).sum()) - config.notes, 0) + 1))
        windows.append(padded(window_of(piece, tokens, start, config.notes, deadpan=False), config.notes))
    return [batch_of(windows[start : start + config.per_batch]) for start in range(0, count, config.per_batch)]
