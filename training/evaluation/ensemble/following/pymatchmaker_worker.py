"""pymatchmaker's followers, in an environment of their own: it pins versions that ours does not have.

A program that this project starts with another Python. It reads takes as JSON, one a line, and answers each with a line of JSON: the
position, in quarters, of each stroke, and how long a step took. Nothing of this project is imported.
"""

import json
import sys
import time
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
from matchmaker.dp import OnlineTimeWarpingArztEvent
from matchmaker.features.midi import onset_pianoroll
from matchmaker.prob import OuterProductHMM, PitchHMM, PitchIOIHMM
from matchmaker.utils.tempo_models import KalmanTempoModel

WINDOW_SEC = 0.01  # of strokes that its MIDI stream puts together, by default
CHORD_SEC = 0.05  # of those that its processor of chords does
LOWEST, KEYS = 21, 88
NOTE_DTYPE = np.dtype([("onset_beat", "f4"), ("pitch", "i4")])


def roll(pitches: np.ndarray) -> np.ndarray:
    """Return the keys that are struck (88,), 0 or 1."""
    struck = np.zeros(KEYS, dtype=np.float32)
    struck[pitches - LOWEST] = 1
    return struck


def keys(pitches: np.ndarray) -> np.ndarray:
    return (pitches - LOWEST).astype(np.float32)


def by_window(times: np.ndarray) -> Iterator[np.ndarray]:
    """Yield the numbers of strokes that are in one window."""
    window = ((times - times[0]) / WINDOW_SEC).astype(int)
    yield from (np.flatnonzero(window == number) for number in np.unique(window))


def by_chord(times: np.ndarray) -> Iterator[np.ndarray]:
    """Yield the numbers of strokes that begin within CHORD_SEC of the first."""
    first = 0
    for index in range(1, len(times) + 1):
        if index == len(times) or times[index] - times[first] > CHORD_SEC:
            yield np.arange(first, index)
            first = index


def arzt(part: np.ndarray) -> Any:
    """Return the time warping, with the numbers that its front end gives it."""
    features, onsets = onset_pianoroll(part, piano_range=True)
    return OnlineTimeWarpingArztEvent(reference_features=features, score_positions=onsets, step_size=5)


FOLLOWERS: dict[str, tuple[Callable[[np.ndarray], Any], Callable[..., Any], Callable[..., Any]]] = {
    "PitchHMM": (lambda part: PitchHMM(part, has_insertions=True, piano_range=True), by_window, roll),
    "PitchIOIHMM": (
        lambda part: PitchIOIHMM(part, tempo_model=KalmanTempoModel, has_insertions=True, piano_range=True),
        by_window,
        keys,
    ),
    "OuterProductHMM": (OuterProductHMM, by_chord, roll),
    "OLTW (Arzt)": (arzt, by_chord, roll),
}


def follow(name: str, take: dict[str, Any]) -> dict[str, Any]:
    """Return the positions of a take's strokes, in quarters, and the milliseconds of each step."""
    build, group, observe = FOLLOWERS[name]
    part = np.zeros(len(take["onset_quarter"]), NOTE_DTYPE)
    part["onset_beat"], part["pitch"] = take["onset_quarter"], take["pitch"]
    times, pitches = np.array(take["onset_sec"]), np.array(take["stroke_pitch"])
    follower, found, spent = build(part), np.zeros(len(times)), []
    for strokes in group(times):
        begun = time.perf_counter()
        found[strokes] = follower(observe(pitches[strokes]), float(times[strokes[0]]))
        spent.append(1000 * (time.perf_counter() - begun))
    return {"quarters": found.tolist(), "step_ms": spent}


def main() -> None:
    answers, sys.stdout = sys.stdout, sys.stderr  # the package prints
    for line in sys.stdin:
        take = json.loads(line)
        print(json.dumps(follow(take["follower"], take)), file=answers, flush=True)


if __name__ == "__main__":
    main()
