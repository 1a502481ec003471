"""Harmony and texture of a score by onset: performers shape phrases by them, and no single note tells them. NumPy only.

Sources: keys by the profiles of Krumhansl and Kessler (1982), tension by the tonal interval vectors of Bernardes et al. (2016), boundaries
by the change of inter-onset intervals, after Cambouropoulos (2001).
"""

import numpy as np

from models.performance.keys import KEY_PROFILES, MAJOR_PROFILE, MINOR_PROFILE, PITCH_CLASSES
from models.performance.score_representation import SCORE_COLUMNS

MAJOR_SCALE, MINOR_SCALE = (np.isin(np.arange(PITCH_CLASSES), degrees) for degrees in ((0, 2, 4, 5, 7, 9, 11), (0, 2, 3, 5, 7, 8, 10, 11)))
TONAL_WEIGHTS = np.array([3.0, 8.0, 11.5, 15.0, 14.5, 7.5])  # of the first to sixth harmonic of a distribution of pitch classes
CHORD_QUARTERS, KEY_QUARTERS, SECTION_QUARTERS = 2.0, 8.0, 32.0
SAME_ONSET_QUARTERS = 1 / 64
SHORTEST_QUARTERS, LONGEST_QUARTERS = 0.03, 8.0


def onset_groups(score_columns: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the onsets (K,) in quarters, and the index of each note's onset (N,)."""
    onset = score_columns[:, SCORE_COLUMNS.index("onset_quarter")]
    ticks, groups = np.unique(np.round(onset / SAME_ONSET_QUARTERS), return_inverse=True)
    return ticks * SAME_ONSET_QUARTERS, groups


class RunningMeans:
    """Means of values over the onsets around any time."""

    def __init__(self, quarters: np.ndarray, values: np.ndarray):
        """``quarters`` (K,) are the onsets of ``values`` (K, ...), ascending."""
        self._quarters = quarters
        self._sums = np.zeros((len(values) + 1, *values.shape[1:]))
        np.cumsum(values, 0, dtype=np.float64, out=self._sums[1:])

    def around(self, at: np.ndarray, begin: float, end: float) -> np.ndarray:
        """Return the means (M, ...) of the onsets from ``begin`` to before ``end`` quarters after each of ``at`` (M,); 0 if none."""
        first, last = (np.searchsorted(self._quarters, at + edge - 1e-9) for edge in (begin, end))
        counts = np.maximum(last - first, 1).reshape(-1, *[1] * (self._sums.ndim - 1))
        return (self._sums[last] - self._sums[first]) / counts


def mean_around(quarters: np.ndarray, values: np.ndarray, begin: float, end: float) -> np.ndarray:
    """Return the means of ``values`` (K, ...) over the onsets from ``begin`` to before ``end`` quarters after each; 0 if none."""
    return RunningMeans(quarters, values).around(quarters, begin, end)


def harmony(score_columns: np.ndarray) -> np.ndarray:
    """Return (K, len(HARMONY)) float64, by onset, of score columns (N, len(SCORE_COLUMNS)), N at least 1."""
    features = _harmony(score_columns)
    return np.stack([features[name] for name in HARMONY], axis=1)


def _harmony(score_columns: np.ndarray) -> dict[str, np.ndarray]:
    quarters, groups = onset_groups(score_columns)
    score = dict(zip(SCORE_COLUMNS, score_columns.T, strict=True))
    pitch = score["pitch"].astype(int)
    length = np.clip(score["duration_quarter"], SHORTEST_QUARTERS, LONGEST_QUARTERS)
    chroma = np.zeros((len(quarters), PITCH_CLASSES))
    np.add.at(chroma, (groups, pitch % PITCH_CLASSES), length)
    top, bass = np.full(len(quarters), -1), np.full(len(quarters), 128)
    np.maximum.at(top, groups, pitch)
    np.minimum.at(bass, groups, pitch)
    return _texture(quarters, groups, score, length, top, bass) | _keys(quarters, chroma, top, bass) | _tension(quarters, chroma)


def _texture(
    quarters: np.ndarray, groups: np.ndarray, score: dict[str, np.ndarray], length: np.ndarray, top: np.ndarray, bass: np.ndarray
) -> dict[str, np.ndarray]:
    notes = np.bincount(groups)
    longest = np.full(len(quarters), -np.inf)
    np.maximum.at(longest, groups, np.log2(length))
    begun = np.searchsorted(np.sort(score["onset_quarter"]), quarters + SAME_ONSET_QUARTERS / 2, side="right")
    ended = np.searchsorted(np.sort(score["onset_quarter"] + score["duration_quarter"]), quarters + SAME_ONSET_QUARTERS / 2)
    gap = np.log2(np.clip(np.diff(quarters, append=quarters[-1] + 1), SHORTEST_QUARTERS, LONGEST_QUARTERS))
    return {
        "top": top / 12,
        "bass": bass / 12,
        "middle": np.bincount(groups, score["pitch"]) / notes / 12,
        "span": (top - bass) / 12,
        "notes": np.log2(notes),
        "sounding": (begun - ended).astype(float),
        "mean_length": np.bincount(groups, np.log2(length)) / notes,
        "longest": longest,
        "gap": gap,
        "boundary": gap - mean_around(quarters, gap, -4, 4),
    }


def _keys(quarters: np.ndarray, chroma: np.ndarray, top: np.ndarray, bass: np.ndarray) -> dict[str, np.ndarray]:
    """Return the clarity and minorness of the key around each onset, and the place of its notes in that key."""
    features, rows = {}, np.arange(len(quarters))
    for reach in (SECTION_QUARTERS, KEY_QUARTERS):
        likeness = _key_likeness(mean_around(quarters, chroma, -reach / 2, reach / 2))
        features[f"key_{reach:.0f}"] = likeness.max(1)
        features[f"minor_{reach:.0f}"] = likeness[:, PITCH_CLASSES:].max(1) - likeness[:, :PITCH_CLASSES].max(1)
    minor, tonic = np.divmod(likeness.argmax(1), PITCH_CLASSES)
    profile = np.where(minor[:, None], MINOR_PROFILE, MAJOR_PROFILE)
    foreign = ~np.where(minor[:, None], MINOR_SCALE, MAJOR_SCALE)
    degrees = chroma[rows[:, None], (tonic[:, None] + np.arange(PITCH_CLASSES)) % PITCH_CLASSES] / chroma.sum(1, keepdims=True)
    bass_degree = (bass - tonic) % PITCH_CLASSES
    return features | {
        "bass_stability": profile[rows, bass_degree],
        "top_stability": profile[rows, (top - tonic) % PITCH_CLASSES],
        "stability": (degrees * profile).sum(1),
        "chromatic": (degrees * foreign).sum(1),
        "bass_is_tonic": (bass_degree == 0).astype(float),
        "bass_is_dominant": (bass_degree == 7).astype(float),
    }


def _key_likeness(chroma: np.ndarray) -> np.ndarray:
    """Return the correlations (K, 24) of pitch-class distributions (K, 12) with KEY_PROFILES."""
    return _unit(chroma) @ _unit(KEY_PROFILES).T


def _unit(values: np.ndarray) -> np.ndarray:
    centred = values - values.mean(-1, keepdims=True)
    return centred / np.maximum(np.linalg.norm(centred, axis=-1, keepdims=True), 1e-9)


def _tension(quarters: np.ndarray, chroma: np.ndarray) -> dict[str, np.ndarray]:
    """Return by onset the distance of the harmony from the whole piece's, its focus, and its change."""
    home, features = _tonal_vectors(chroma.sum(0)), {}
    for reach in (CHORD_QUARTERS, KEY_QUARTERS, SECTION_QUARTERS):
        vectors = _tonal_vectors(mean_around(quarters, chroma, -reach / 2, reach / 2))
        features[f"tension_{reach:.0f}"] = np.abs(vectors - home).sum(-1)
        features[f"focus_{reach:.0f}"] = np.linalg.norm(np.abs(vectors), axis=-1)
    for reach in (CHORD_QUARTERS, KEY_QUARTERS):
        before, after = (_tonal_vectors(mean_around(quarters, chroma, *edges)) for edges in ((-reach, 0), (0, reach)))
        features[f"novelty_{reach:.0f}"] = np.abs(after - before).sum(-1)
    return features


def _tonal_vectors(chroma: np.ndarray) -> np.ndarray:
    """Return tonal interval vectors (..., 6), complex, of distributions of pitch classes (..., 12)."""
    return np.fft.rfft(chroma)[..., 1:] * TONAL_WEIGHTS / np.maximum(chroma.sum(-1, keepdims=True), 1e-9)


HARMONY = tuple(_harmony(np.eye(1, len(SCORE_COLUMNS), SCORE_COLUMNS.index("duration_quarter"))))
