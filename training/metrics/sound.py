"""Measures of a sound against the true one: spectral distances, and whether its notes' onsets and loudness can be heard. NumPy only."""

from typing import NamedTuple

import numpy as np

from models.performance_net.representation import FFT_SAMPLES, FRAME_RATE, SAMPLE_RATE, transform
from training.metrics.matching import count_pairs

FLOOR_DB = -80.0  # of a full-scale sine's magnitude; what is quieter counts as so loud
RESOLUTIONS = (512, 1024, 2048, 4096)  # samples of a window; a quarter of it is the hop
TOLERANCE_S = 0.05
CHORD_S = 0.03  # onsets nearer than this are one
LOUDNESS_S = 0.1  # how long after its onset a note is listened to
PARTIALS = 4

_FLUX_FRAMES = 3  # a rise is seen over as many
_MEDIAN_S, _LEAST_RISE = 0.25, 2.0
_FLOOR = 10 ** (FLOOR_DB / 20)


class SpectralDistance(NamedTuple):
    """``log_spectral_db``: the deviation of levels in a frame, its mean over frames. The others are means over RESOLUTIONS.

    ``convergence`` is the magnitudes' distance as a share of the true ones; ``log_magnitude`` the mean difference of their logarithms,
    nepers; ``multi_resolution`` the sum of the two (Yamamoto, Song, Kim, "Parallel WaveGAN", ICASSP 2020).
    """

    log_spectral_db: float
    convergence: float
    log_magnitude: float
    multi_resolution: float


def spectral_distance(sound: np.ndarray, truth: np.ndarray) -> SpectralDistance:
    """Compare two sounds (samples,) of the same notes; what one is longer is left out."""
    samples = min(len(sound), len(truth))
    convergences, differences = [], []
    for size in RESOLUTIONS:
        found, true = _magnitudes(sound[:samples], size), _magnitudes(truth[:samples], size)
        convergences.append(float(np.linalg.norm(found - true) / max(float(np.linalg.norm(true)), _FLOOR)))
        differences.append(float(np.abs(np.log(np.maximum(found, _FLOOR)) - np.log(np.maximum(true, _FLOOR))).mean()))
    found, true = (np.maximum(np.abs(transform(each[:samples])) / (FFT_SAMPLES / 4), _FLOOR) for each in (sound, truth))
    levels = 20 * np.log10(found / true)
    deviation = float(np.sqrt((levels**2).mean(axis=0)).mean())
    convergence, difference = float(np.mean(convergences)), float(np.mean(differences))
    return SpectralDistance(deviation, convergence, difference, convergence + difference)


def onset_f_measure(sound: np.ndarray, notes: np.ndarray) -> float:
    """Return the F-measure, 0 to 1, of the onsets that are heard in ``sound``, against those of ``notes``, within TOLERANCE_S."""
    played = merge_onsets(notes["onset_sec"][notes["onset_sec"] < len(sound) / SAMPLE_RATE])
    heard = detect_onsets(sound)
    if not len(played) and not len(heard):
        return 1.0
    return 2 * count_matches(heard, played) / (len(heard) + len(played))


def merge_onsets(onset_sec: np.ndarray) -> np.ndarray:
    """Return the onsets in order, of those nearer than CHORD_S to the first of a group only that first."""
    merged: list[float] = []
    for onset in np.sort(onset_sec).tolist():
        if not merged or onset - merged[-1] >= CHORD_S:
            merged.append(onset)
    return np.array(merged)


def detect_onsets(sound: np.ndarray) -> np.ndarray:
    """Return the times in seconds at which levels rise together: peaks of spectral flux above what is usual around them."""
    level = np.log(np.maximum(np.abs(transform(sound)) / (FFT_SAMPLES / 4), _FLOOR))
    rise = np.maximum(level[:, _FLUX_FRAMES:] - level[:, :-_FLUX_FRAMES], 0).mean(axis=0)
    half = round(_MEDIAN_S * float(FRAME_RATE) / 2)
    if len(rise) <= 2 * half:
        return np.zeros(0)
    around = np.lib.stride_tricks.sliding_window_view(np.pad(rise, half, mode="edge"), 2 * half + 1)
    near = np.lib.stride_tricks.sliding_window_view(np.pad(rise, 5, mode="constant"), 11)
    needed = np.maximum(_LEAST_RISE * np.median(around, axis=1), rise.mean())
    peaks = np.flatnonzero((rise == near.max(axis=1)) & (rise > needed))
    return (peaks + _FLUX_FRAMES / 2) / float(FRAME_RATE)


def loudness_correlation(sound: np.ndarray, notes: np.ndarray) -> float:
    """Return the correlation of the notes' velocities with how loud their partials are just after their onsets; NaN of less than three."""
    heard = notes[notes["onset_sec"] + LOUDNESS_S < len(sound) / SAMPLE_RATE]
    if len(heard) < 3 or np.ptp(heard["velocity"]) == 0:
        return float("nan")
    power = np.abs(transform(sound)) ** 2
    frames = round(LOUDNESS_S * float(FRAME_RATE))
    levels = []
    for onset, pitch in zip(heard["onset_sec"].tolist(), heard["pitch"].tolist(), strict=True):
        first = round(onset * float(FRAME_RATE))
        bins = 440 * 2 ** ((pitch - 69) / 12) * np.arange(1, PARTIALS + 1) * FFT_SAMPLES / SAMPLE_RATE
        bins = np.rint(bins[bins < len(power) - 2]).astype(np.int64)
        near = (bins[:, None] + np.arange(-1, 2)).ravel()
        levels.append(10 * np.log10(power[near, first : first + frames].sum(axis=0).max() + 1e-6))
    if np.ptp(levels) == 0:
        return 0.0
    return float(np.corrcoef(levels, heard["velocity"])[0, 1])


def _magnitudes(sound: np.ndarray, size: int) -> np.ndarray:
    """Return magnitudes (frames, size / 2 + 1) of which a full-scale sine's is 1."""
    windows = np.lib.stride_tricks.sliding_window_view(np.pad(sound, size // 2), size)[:: size // 4]
    return np.abs(np.fft.rfft(windows * np.hanning(size + 1)[:-1].astype(np.float32), axis=1)) / (size / 4)


def count_matches(heard: np.ndarray, played: np.ndarray) -> int:
    """Return how many pairs within the tolerance there are, each time in one pair at most."""
    return count_pairs(heard, played, TOLERANCE_S)
