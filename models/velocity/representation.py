"""The input of the streaming velocity transformer: everything known of a note at the moment of its note-on. NumPy only.

Training and playing share this code: a ``NoteTracker`` follows the messages of a performance and describes each note-on.
Time stays in seconds here; the network compresses it. (The published article's three-bin tokens are in ``article_representation``.)
"""

import math
from typing import NamedTuple, overload

import numpy as np

REPRESENTATION_VERSION = 2

LOWEST_PITCH, HIGHEST_PITCH = 21, 108  # the keys of a piano; pitches outside get the nearest key's treatment
PITCHES = HIGHEST_PITCH - LOWEST_PITCH + 1

# Velocity hints: 0 is none, 1 to 3 are the article's three velocity bins.
HINT_EDGES = (57, 74)
HINTS = 4

# Keys around the note, as intervals of -48 to +48 semitones.
KEY_REACH = 48
KEYS = 2 * KEY_REACH + 1
RELEASED_LIMIT_S = 2.0

# Between the release of a key and its next note-on: one so short is heard as the other.
WRITTEN_GAP_S, PLAYED_GAP_S = 0.02, 0.1

DENSITY_TIME_CONSTANTS_S = (1.0, 5.0, 30.0)
SCALARS = (
    "inter_onset_s",  # since the previous note-on
    "second_inter_onset_s",  # since the note-on before that one
    "third_inter_onset_s",
    "same_key_s",  # since the last note-on of the same key
    "release_s",  # since the last note-off
    "pedal_depth",  # sustain pedal, 0 to 1
    "pedal_change_s",  # since the sustain pedal last crossed half-way
    "soft_pedal_depth",
    "density_1",  # note-ons a second, exponentially averaged
    "density_5",
    "density_30",
)
# Only a performer that looks ahead knows these two.
LOOKAHEAD_SCALARS = (*SCALARS, "duration_s", "still_held")
# What the sustain pedal does at a note: it is let go at its chord rather than at another; a little later it is down.
PEDAL_MOVES = ("lifted", "down")
CHORD_S = 0.03  # a note that follows another so soon is of its chord
MEMORY_DELAY_S = 0.01  # how long after its onset a note is remembered
LEAST_S = 0.001  # a key that moves in the same instant counts as moved so long ago
LONGEST_S = 20.0  # a time that is unknown or longer counts as this


class NoteFeatures(NamedTuple):
    """One note-on.

    ``pitch_index`` is 0 to 87. ``keys`` (97,) float64 gives for the key at each interval from -48 to +48 semitones: seconds held (> 0),
    minus the seconds since its release (< 0, up to two seconds), or 0. ``scalars``, 11 numbers, are in the order of ``SCALARS``.
    """

    pitch_index: int
    keys: np.ndarray
    scalars: tuple[float, ...]


def pitch_index(pitch: int) -> int:
    """Map a MIDI pitch, 0 to 127, to the nearest piano key, 0 to 87."""
    return min(max(pitch, LOWEST_PITCH), HIGHEST_PITCH) - LOWEST_PITCH


@overload
def velocity_hint(velocity: int) -> int: ...
@overload
def velocity_hint(velocity: np.ndarray) -> np.ndarray: ...
def velocity_hint(velocity: int | np.ndarray) -> int | np.ndarray:
    """Return the three-bin hint of a played velocity, or of each of an array of any shape: 1 below 57, 2 below 74, 3 from there on (the
    article's edges).
    """
    low, high = HINT_EDGES
    return 1 + (velocity >= low) + (velocity >= high)


def known_durations(onset_s: np.ndarray, duration_s: np.ndarray) -> np.ndarray:
    """Return what is known of durations at the last onset of each window, float32 [..., T, 2]: the seconds so far, and whether the key is
    still down. ``onset_s`` and ``duration_s`` are [..., T]; the duration of a key that is held is infinite.
    """
    elapsed_s = onset_s[..., -1:] - onset_s
    still_held = elapsed_s <= duration_s
    known_s = np.where(still_held, elapsed_s, duration_s).clip(max=LONGEST_S)
    return np.stack((known_s, still_held), -1).astype(np.float32)


class NoteTracker:
    """Follows note-ons, note-offs and pedals, and describes each note-on by what came before it."""

    def __init__(self) -> None:
        # Both by pitch + KEY_REACH, so that every neighbourhood is one slice.
        self._moved_s = np.zeros(128 + 2 * KEY_REACH)  # when a key last went down or up
        self._direction = np.zeros(128 + 2 * KEY_REACH)  # 1 while it is held, -1 once it was released, 0 when that is forgotten
        self._released_s: dict[int, float] = {}  # when keys went up that are up, the first one first, until they are forgotten
        self._last_move_s = -math.inf
        self._onset_s = [-math.inf] * 128  # by pitch
        self._recent_onsets_s = [-math.inf] * 3  # the latest first
        self._last_release_s = -math.inf
        self._pedal_depth = 0.0
        self._pedal_change_s = -math.inf
        self._soft_pedal_depth = 0.0
        self._densities = [0.0] * len(DENSITY_TIME_CONSTANTS_S)

    def note_on(self, time_s: float, pitch: int) -> NoteFeatures:
        """Describe the note-on of ``pitch`` at ``time_s`` seconds, then count it as played."""
        self._decay_densities(time_s)
        self._forget_releases(time_s)
        features = NoteFeatures(pitch_index(pitch), self._keys(time_s, pitch), self._scalars(time_s, pitch))
        self._onset_s[pitch] = time_s
        self._released_s.pop(pitch, None)
        self._move_key(time_s, pitch, 1)
        self._recent_onsets_s = [time_s, *self._recent_onsets_s[:2]]
        for index, time_constant_s in enumerate(DENSITY_TIME_CONSTANTS_S):
            self._densities[index] += 1.0 / time_constant_s
        return features

    def note_off(self, time_s: float, pitch: int) -> None:
        self._released_s.pop(pitch, None)
        self._released_s[pitch] = self._last_release_s = time_s
        self._move_key(time_s, pitch, -1)

    def _move_key(self, time_s: float, pitch: int, direction: int) -> None:
        self._moved_s[pitch + KEY_REACH] = self._last_move_s = time_s
        self._direction[pitch + KEY_REACH] = direction

    def sustain_pedal(self, time_s: float, value: int) -> None:
        """``value`` is the controller's, 0 to 127."""
        if (value >= 64) != (self._pedal_depth >= 64 / 127):
            self._pedal_change_s = time_s
        self._pedal_depth = value / 127

    def soft_pedal(self, value: int) -> None:
        self._soft_pedal_depth = value / 127

    def _decay_densities(self, time_s: float) -> None:
        elapsed_s = time_s - self._recent_onsets_s[0]
        for index, time_constant_s in enumerate(DENSITY_TIME_CONSTANTS_S):
            self._densities[index] *= math.exp(-elapsed_s / time_constant_s) if elapsed_s < 1e3 else 0

    def _scalars(self, time_s: float, pitch: int) -> tuple[float, ...]:
        last, second, third = self._recent_onsets_s
        return (
            min(time_s - last, LONGEST_S),
            min(time_s - second, LONGEST_S),
            min(time_s - third, LONGEST_S),
            min(time_s - self._onset_s[pitch], LONGEST_S),
            min(time_s - self._last_release_s, LONGEST_S),
            self._pedal_depth,
            min(time_s - self._pedal_change_s, LONGEST_S),
            self._soft_pedal_depth,
            *self._densities,
        )

    def _keys(self, time_s: float, pitch: int) -> np.ndarray:
        around = slice(pitch, pitch + KEYS)
        keys: np.ndarray = time_s - self._moved_s[around]
        if time_s - self._last_move_s < LEAST_S:
            np.maximum(keys, LEAST_S, out=keys)
        keys *= self._direction[around]
        # Written notes fill their time up to the next one of the same key. No hand does: in recordings a gap so short marks a ghost note,
        # half as loud as any other.
        if time_s - self._released_s.get(pitch, -math.inf) < WRITTEN_GAP_S:
            keys[KEY_REACH] = -PLAYED_GAP_S
        return keys

    def _forget_releases(self, time_s: float) -> None:
        while self._released_s and time_s - self._released_s[pitch := next(iter(self._released_s))] >= RELEASED_LIMIT_S:
            del self._released_s[pitch]
            self._direction[pitch + KEY_REACH] = 0
