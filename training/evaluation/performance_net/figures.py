"""A synthesiser measured against sound that was made from the same notes: a row of figures, means over takes."""

from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np

from models.performance_net.inversion import StreamingInverter, griffin_lim
from models.performance_net.representation import SAMPLE_RATE, SoundEvent, transform
from training.datasets.sound_takes import SoundTake
from training.metrics.sound import loudness_correlation, onset_f_measure, spectral_distance

# Sound (samples,) float32, mono, at 44.1 kHz, of so many seconds, from what is played in order of time.
Renderer = Callable[[Sequence[SoundEvent], float], np.ndarray]

TRUE_SOUND, BASELINE = "true sound", "templates"
CEILING, STREAMED_CEILING = "Griffin-Lim", "streamed phases"  # both of the true magnitudes


class SoundFigures(NamedTuple):
    """See ``sound_metrics``; distances are the less the better, ``onsets`` and ``loudness`` the more."""

    log_spectral_db: float
    convergence: float
    log_magnitude: float
    multi_resolution: float
    onsets: float
    loudness: float


def evaluate_take(take: SoundTake, renderers: dict[str, Renderer]) -> tuple[dict[str, SoundFigures], dict[str, np.ndarray]]:
    """Return figures and sounds: of the true sound, of its own magnitudes turned into sound (what phases cost), of each renderer."""
    truth = take.sound
    magnitudes = np.abs(transform(truth))
    sounds = {TRUE_SOUND: truth, CEILING: griffin_lim(magnitudes), STREAMED_CEILING: _streamed(magnitudes)}
    sounds |= {name: render(take.events, len(truth) / SAMPLE_RATE) for name, render in renderers.items()}
    return {name: figures_of(sound, take) for name, sound in sounds.items()}, sounds


def mean_figures(takes: Sequence[dict[str, SoundFigures]]) -> dict[str, SoundFigures]:
    """Return each row's means over takes; a figure that a take has not (NaN) does not count."""
    return {name: SoundFigures(*np.nanmean([figures[name] for figures in takes], axis=0).tolist()) for name in takes[0]}


def figures_of(sound: np.ndarray, take: SoundTake) -> SoundFigures:
    """Return the figures of one take's rendering."""
    distances = spectral_distance(sound, take.sound)
    return SoundFigures(*distances, onset_f_measure(sound, take.notes), loudness_correlation(sound, take.notes))


def share_of_the_way(figures: dict[str, SoundFigures], name: str) -> float:
    """Return how far a renderer has come from the templates to the ceiling by multi-resolution distance: 0 to 1, and beyond."""
    baseline, ceiling = figures[BASELINE].multi_resolution, figures[CEILING].multi_resolution
    return (baseline - figures[name].multi_resolution) / (baseline - ceiling)


def _streamed(magnitudes: np.ndarray) -> np.ndarray:
    inverter = StreamingInverter()
    return np.concatenate([inverter.push(magnitudes), inverter.finish()])
