"""A stroke on a pad at the moment when it comes, described by those before it. NumPy only."""

import math
from collections import deque
from typing import NamedTuple

import numpy as np

from models.drums.representation import CLOSED_HAT, KEYS, KICK, NOBODY, OPEN_HAT, PEDAL_HAT, RIDE, ROLES, SNARE, STEPS_A_QUARTER, Asked

LONGEST_S = 4.0  # a time that is unknown or longer counts as this
TOGETHER_S = 0.03  # strokes so near are struck together
SHORT_S, LONG_S = 1.0, 4.0  # in which strokes are counted
REMEMBERED_STEPS = 16
MAIN = (KICK, SNARE, RIDE)  # and the hi-hats as one
HATS = (OPEN_HAT, CLOSED_HAT, PEDAL_HAT)
ALL_HATS = ROLES  # a role of their own in what is remembered
BAR_QUARTERS = 4  # as a sender's clock counts them
UNKNOWN = -1.0  # in place of a place

_REMEMBERED = ("own", *MAIN, ALL_HATS)
FEATURES = (
    *("role", "articulation", "style", "drummer", "tempo", "place", "place_in_quarter", "within_step"),
    *("strokes_1_s", "strokes_4_s", "own_1_s", "own_4_s", "second_since_s", "third_since_s"),
    *(f"together_{role}" for role in range(ROLES)),
    *(f"since_{role}_s" for role in range(ROLES)),
    *(f"{which}_since_{role}_s" for role in (*MAIN, ALL_HATS) for which in ("second", "third")),
    *(f"{role}_{step}" for role in _REMEMBERED for step in range(-REMEMBERED_STEPS, 0)),
)


class Beat(NamedTuple):
    """The sender's beat at a moment: the place in its song, in quarters, and the tempo in quarters a minute."""

    quarter: float
    tempo: float


class LiveKit:
    """Follows the strokes of a take and describes each one. Its state is plain, to be copied."""

    def __init__(self) -> None:
        self._recent: list[deque[float]] = [deque(maxlen=3) for _ in range(ROLES + 1)]  # times by role, the last one last
        self._counted: deque[tuple[float, int]] = deque()  # times and roles of the last LONG_S
        self._steps: deque[tuple[int, int]] = deque()  # steps and roles of the last REMEMBERED_STEPS, where the beat is known

    def strike(self, time_s: float, key: int, beat: Beat | None, asked: Asked = NOBODY) -> np.ndarray:
        """Return FEATURES, float32 [F], of the stroke of a known key, then count it as struck."""
        role, articulation = KEYS[key]
        while self._counted and self._counted[0][0] < time_s - LONG_S:
            self._counted.popleft()
        step = math.floor(beat.quarter * STEPS_A_QUARTER + 0.5) if beat else 0
        features = np.array(
            [
                *(role, articulation, asked.style, asked.drummer),
                *self._place(beat, step),
                *self._counts(time_s, role),
                *(self._since(time_s, role, strokes) for strokes in (2, 3)),
                *(self._since(time_s, each, 1) < TOGETHER_S for each in range(ROLES)),
                *(self._since(time_s, each, 1) for each in range(ROLES)),
                *(self._since(time_s, each, strokes) for each in (*MAIN, ALL_HATS) for strokes in (2, 3)),
                *self._remembered(step, role, beat is not None),
            ],
            np.float32,
        )
        self._count(time_s, role, step, beat is not None)
        return features

    def _count(self, time_s: float, role: int, step: int, placed: bool) -> None:
        self._counted.append((time_s, role))
        for each in (role, ALL_HATS) if role in HATS else (role,):
            self._recent[each].append(time_s)
            if placed:
                self._steps.append((step, each))

    def _place(self, beat: Beat | None, step: int) -> tuple[float, ...]:
        if beat is None:
            return 0.0, UNKNOWN, UNKNOWN, 0.0
        place = step % (BAR_QUARTERS * STEPS_A_QUARTER)
        return beat.tempo, place, place % STEPS_A_QUARTER, beat.quarter * STEPS_A_QUARTER - step

    def _counts(self, time_s: float, role: int) -> tuple[int, int, int, int]:
        short = [each for each in self._counted if each[0] >= time_s - SHORT_S]
        return (
            len(short),
            len(self._counted),
            sum(each == role for _, each in short),
            sum(each == role for _, each in self._counted),
        )

    def _since(self, time_s: float, role: int, strokes: int) -> float:
        times = self._recent[role]
        return min(time_s - times[-strokes], LONGEST_S) if len(times) >= strokes else LONGEST_S

    def _remembered(self, step: int, role: int, placed: bool) -> np.ndarray:
        """Return which steps before this one were struck, by each of _REMEMBERED."""
        found = np.zeros((len(_REMEMBERED), REMEMBERED_STEPS), np.float32)
        if not placed:
            self._steps.clear()
            return found.ravel()
        while self._steps and not 0 <= step - self._steps[0][0] <= REMEMBERED_STEPS:
            self._steps.popleft()  # too long ago, or before the sender jumped back
        rows = {each: row for row, each in enumerate(_REMEMBERED[1:], 1)}
        for struck, each in self._steps:
            if 0 < step - struck <= REMEMBERED_STEPS:
                if each == role:
                    found[0, struck - step] = 1
                if each in rows:
                    found[rows[each], struck - step] = 1
        return found.ravel()
