"""The velocity article's representation: a note is one token of pitch, inter-onset bin, duration bin and velocity bin.

Source: W. Matejuk, "Modelling dynamic expression in piano performance" (2023), with the vocabulary as its author corrected it:
88 keys x 3 inter-onset bins x 3 duration bins x 3 velocity bins + 3 special tokens = 2,379.
"""

from typing import NamedTuple

import numpy as np

WINDOW_NOTES = 128
WINDOW_STRIDE = 64

LOWEST_PITCH, HIGHEST_PITCH = 21, 108
START, BLANK, END = 0, 1, 2  # <s>, <blank>, </s>: the same three in both vocabularies
SPECIAL_TOKENS = 3

# lower edges of the bins; the last bin is open above
INTER_ONSET_EDGES_S = np.array([0.0, 0.048177, 0.5])
DURATION_EDGES_S = np.array([0.0, 0.145833, 0.45])
VELOCITY_EDGES = np.array([0, 57, 74])

# what a bin stands for: its centre; an open time bin twice its lower edge; the lowest velocities 0.8 times their upper edge
INTER_ONSET_CENTRES_S = np.array([0.048177 / 2, (0.048177 + 0.5) / 2, 1.0])
DURATION_CENTRES_S = np.array([0.145833 / 2, (0.145833 + 0.45) / 2, 0.9])
VELOCITY_CENTRES = np.array([45, 65, 101])

TOKEN_SHAPE = (HIGHEST_PITCH - LOWEST_PITCH + 1, len(INTER_ONSET_EDGES_S), len(DURATION_EDGES_S), len(VELOCITY_EDGES))
SOURCE_VOCABULARY = SPECIAL_TOKENS + int(np.prod(TOKEN_SHAPE))  # 2,379
TARGET_VOCABULARY = SPECIAL_TOKENS + 128  # 131

NOTE_DTYPE = np.dtype([("onset_sec", "f8"), ("duration_sec", "f8"), ("pitch", "i4"), ("velocity", "i4")])


class Window(NamedTuple):
    """``length`` notes of a take from note ``first`` on, of which the first ``committed`` have their velocities already."""

    first: int
    length: int
    committed: int


def inter_onsets(onset_sec: np.ndarray) -> np.ndarray:
    """Return each note's distance to the next note's onset, [notes] seconds; 0 for the last. Raises ValueError if unsorted."""
    distances = np.diff(onset_sec, append=onset_sec[-1:])
    if (distances < 0).any():
        raise ValueError("notes must be sorted by onset")
    return distances


def velocity_bins(velocities: np.ndarray) -> np.ndarray:
    """Return the coarse velocity, 0 (soft) to 2 (loud), of velocities 0 to 127."""
    return _bin(velocities, VELOCITY_EDGES)


def encode_notes(notes: np.ndarray) -> np.ndarray:
    """Return the source token, 3 to 2,378, of each note of a table sorted by onset: [notes] -> [notes].

    A pitch outside 21 to 108 takes the token of the nearest key. Raises ValueError if the notes are not sorted.
    """
    parts = (
        np.clip(notes["pitch"], LOWEST_PITCH, HIGHEST_PITCH) - LOWEST_PITCH,
        _bin(inter_onsets(notes["onset_sec"]), INTER_ONSET_EDGES_S),
        _bin(notes["duration_sec"], DURATION_EDGES_S),
        velocity_bins(notes["velocity"]),
    )
    return SPECIAL_TOKENS + np.ravel_multi_index(parts, TOKEN_SHAPE)


def decode_notes(tokens: np.ndarray, pitches: np.ndarray | None = None) -> np.ndarray:
    """Return the quantised note table that source tokens stand for, each value its bin's centre; special tokens are skipped.

    ``pitches`` gives back the notes' own pitches where they are outside the keyboard. The first onset is at 0 s; the last
    token's distance to the next onset has no note to show it.
    """
    tokens = np.asarray(tokens)
    keys, inter_onset, duration, velocity = np.unravel_index(tokens[tokens >= SPECIAL_TOKENS] - SPECIAL_TOKENS, TOKEN_SHAPE)
    notes = np.zeros(len(keys), dtype=NOTE_DTYPE)
    notes["onset_sec"][1:] = np.cumsum(INTER_ONSET_CENTRES_S[inter_onset])[:-1]
    notes["duration_sec"] = DURATION_CENTRES_S[duration]
    notes["pitch"] = keys + LOWEST_PITCH if pitches is None else pitches
    notes["velocity"] = VELOCITY_CENTRES[velocity]
    return notes


def encode_velocities(velocities: np.ndarray) -> np.ndarray:
    """Return the target token, 3 to 130, of velocities 0 to 127."""
    return SPECIAL_TOKENS + np.asarray(velocities)


def decode_velocities(tokens: np.ndarray) -> np.ndarray:
    """Return the velocity, 0 to 127, of target tokens; special tokens are skipped."""
    tokens = np.asarray(tokens)
    return tokens[tokens >= SPECIAL_TOKENS] - SPECIAL_TOKENS


def bracket(tokens: np.ndarray) -> np.ndarray:
    """Return the tokens between a start and an end token: [notes] -> [notes + 2]."""
    return np.concatenate(([START], tokens, [END]))


def windows(notes: int) -> list[Window]:
    """Return the windows that give a take of ``notes`` notes its velocities, each note once and none left out.

    A window commits the notes that the one before it did not reach; it is given those it shares with it. The last window
    ends with the take, so that it has as much context as the others.
    """
    planned = []
    reached = 0
    while reached < notes:
        end = min(max(reached + WINDOW_STRIDE, WINDOW_NOTES), notes)
        first = max(0, end - WINDOW_NOTES)
        planned.append(Window(first, end - first, reached - first))
        reached = end
    return planned


def _bin(values: np.ndarray, edges: np.ndarray) -> np.ndarray:
    return np.clip(np.digitize(values, edges) - 1, 0, None)
