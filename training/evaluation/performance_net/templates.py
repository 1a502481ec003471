"""The trivial synthesiser that a network must beat: a key has an average spectrum for each span of a note's age, as loud as the velocity.

Magnitudes are taken to add up; spectra are fitted to them by least squares without negative values (multiplicative updates: Lee, Seung,
"Algorithms for non-negative matrix factorization", NIPS 2000), activations being known. The sound of a note ends when it is damped.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from models.performance_net.inversion import griffin_lim
from models.performance_net.representation import (
    AGE,
    BINS,
    KEYS,
    OLDEST_S,
    SAMPLE_RATE,
    SOUNDING,
    SoundEvent,
    frame_count,
    roll_of,
    transform,
)
from training.datasets.sound_takes import SoundTake

AGES_S = (0.0, 0.03, 0.1, 0.3, 1.0, 3.0)  # where the spans begin
UPDATES = 200
LOUDNESS_EXPONENT = 2.0  # of a velocity's amplitude: General MIDI's recommendation, which sound fonts follow


@dataclass(frozen=True)
class Templates:
    """``spectra`` (BINS, 6 * KEYS) float32: magnitudes at velocity 127, of all keys for each span of ages in turn."""

    spectra: np.ndarray

    def magnitudes(self, events: Sequence[SoundEvent], frames: int) -> np.ndarray:
        return self.spectra @ activations(roll_of(events, frames))

    def render(self, events: Sequence[SoundEvent], seconds: float) -> np.ndarray:
        """Return mono sound."""
        return griffin_lim(self.magnitudes(events, frame_count(round(seconds * SAMPLE_RATE))))


def fit_templates(takes: Iterable[SoundTake]) -> Templates:
    """Fit the spectra to all frames of the takes; of a key that never sounds they are 0."""
    columns = len(AGES_S) * KEYS
    with_sound, with_itself = np.zeros((BINS, columns)), np.zeros((columns, columns))
    for take in takes:
        magnitudes = np.abs(transform(take.sound))
        active = activations(roll_of(take.events, magnitudes.shape[1]))
        with_sound += magnitudes @ active.T
        with_itself += active @ active.T
    heard = np.flatnonzero(with_itself.diagonal())
    with_sound, with_itself = with_sound[:, heard], with_itself[np.ix_(heard, heard)]
    fitted = with_sound / np.maximum(with_itself.sum(axis=0), 1e-12)
    for _ in range(UPDATES):
        fitted *= with_sound / np.maximum(fitted @ with_itself, 1e-12)
    spectra = np.zeros((BINS, columns), np.float32)
    spectra[:, heard] = fitted
    return Templates(spectra)


def activations(roll: np.ndarray) -> np.ndarray:
    """Return (6 * KEYS, frames) float32: how loud each key is, in the rows of the span of ages that it is in."""
    loudness = roll[SOUNDING] ** LOUDNESS_EXPONENT
    age_s = roll[AGE] ** 2 * OLDEST_S
    edges = (*AGES_S, np.inf)
    return np.concatenate([loudness * ((age_s >= low) & (age_s < high)) for low, high in zip(edges, edges[1:], strict=False)])
