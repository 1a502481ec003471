"""Pitches by their steps, and what quarter tones become."""

from math import copysign, floor

STEPS = {"c": 0, "d": 2, "e": 4, "f": 5, "g": 7, "a": 9, "b": 11}


def nearest_semitone(semitones: float) -> int:
    """Return whole semitones; a quarter tone counts as the half step that it goes towards."""
    return int(copysign(floor(abs(semitones) + 0.5), semitones))
