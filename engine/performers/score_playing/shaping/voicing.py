"""The bounds of a chord's voicing: how soft a note may be, and how far below the loudest that is struck with it.

A network that is unsure of a chord may play all but its top at velocities that nobody hears. Human chords have a range: of two notes 95 in
a hundred are up to 30 apart, of three 39, of four 45 (``perf-eval voicing``, the train pieces of (n)ASAP). Here no note is more than
FURTHEST below the top, and up to FREE, where nine in ten human chords of two and three notes are, nothing changes.

Humans also play notes at velocities below 15 where the music is marked soft, and hardly elsewhere: the floor goes down with the mark.
"""

from collections import Counter

import numpy as np

from models.performance.representation import VELOCITY, chords

SOFTEST, SOFTNESS_FREE_FROM = 15.0, 18.0  # the floor, and from where on it is not felt, of notes that are written at UNMARKED or louder
UNMARKED = 64.0
FREE = np.array([0, 0, 25, 33, 33])  # by notes of the chord, the last for larger ones
FURTHEST = np.array([1, 1, 36, 40, 40])


class VoicingBounds:
    """A rule of ``Shaping``. What is written counts as well: a note that is marked softer, than its chord or at all, may be softer."""

    def __init__(self, notes: np.ndarray, written: np.ndarray):
        """``notes`` (N,) of the score; ``written`` (N, 8): their columns as the score has them."""
        self._chords = chords(notes)
        self._written = 127 * written[:, VELOCITY]
        softness = np.minimum(np.maximum(self._written / UNMARKED, 1e-6), 1)
        self._free, self._room = softness * SOFTNESS_FREE_FROM, softness * (SOFTNESS_FREE_FROM - SOFTEST)

    def apply(self, columns: np.ndarray, first: int) -> np.ndarray:
        rows = slice(first, first + len(columns))
        velocities = 127 * columns[:, VELOCITY]
        if len(columns) > 1:
            velocities = self._drawn_together(velocities, rows)
        changed = columns.copy()
        changed[:, VELOCITY] = self._lifted(velocities, rows) / 127
        return changed

    def _drawn_together(self, velocities: np.ndarray, rows: slice) -> np.ndarray:
        """Return the velocities (n,), those of each chord within its range."""
        written, chords, bounded = self._written[rows], self._chords[rows], velocities.copy()
        for chord, notes in Counter(chords.tolist()).items():
            if notes > 1:
                own = chords == chord
                bounded[own] = _drawn_together(velocities[own], written[own])
        return bounded

    def _lifted(self, velocities: np.ndarray, rows: slice) -> np.ndarray:
        """Return the velocities (n,), those near the floor above it, in their order; the floor of soft notes is as much lower."""
        below, room = np.maximum(self._free[rows] - velocities, 0), self._room[rows]
        return np.asarray(velocities + below - room * -np.expm1(-below / room)) if below.any() else velocities


def _drawn_together(velocities: np.ndarray, written: np.ndarray) -> np.ndarray:
    """Return the velocities (n,) of a chord, those that are too far below the top nearer to it, in their order."""
    size = min(len(velocities), len(FREE) - 1)
    free, room = FREE[size], FURTHEST[size] - FREE[size]
    top, marked = velocities.max(), written.max() - written
    beyond = np.maximum(top - velocities - marked - free, 0)
    return np.asarray(velocities + beyond - room * np.tanh(beyond / room))
