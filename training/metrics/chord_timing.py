"""How far the notes of chords are played from each other."""

import numpy as np


def about_chords(notes: np.ndarray, timing: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return ``timing`` (N,) less the mean of the full notes (those that are no grace notes) of the same onset, and how many of these are
    played; NaN is not played. ``notes`` (N,) has the fields onset_quarter and is_grace of a score.
    """
    full = np.isfinite(timing) & ~notes["is_grace"]
    onsets, onset = np.unique(notes["onset_quarter"], return_inverse=True)
    counts = np.bincount(onset[full], minlength=len(onsets))
    sums = np.bincount(onset[full], weights=timing[full], minlength=len(onsets))
    return timing - (sums / np.maximum(counts, 1))[onset], counts[onset]
