"""The strokes of a whole groove, each described by its place in the bar and by what is struck around it, before and after. NumPy only."""

import numpy as np

from models.drums.representation import CLOSED_HAT, KEYS, KICK, NOBODY, RIDE, ROLES, SNARE, STEPS_A_QUARTER, Asked, roles_of, steps_of

FURTHEST_STEPS = 64  # a stroke that is further away counts as this far
FURTHEST_BARS = 8
OWN_REACH, OTHER_REACH = 16, 8  # steps around a stroke, of its own role and of the others
OTHERS = (KICK, SNARE, CLOSED_HAT, RIDE)
DENSITY_STEPS, BUSY_STEPS = 32, 4
RECURRING_BARS = (-4, -3, -2, -1, 1, 2, 3, 4)
GAP = 4 * FURTHEST_STEPS  # around the steps of each role, in one table of all: more than any reach

FEATURES = (
    *("role", "articulation", "style", "drummer", "tempo", "place", "place_in_quarter", "bar_steps", "within_step"),
    *("number_of_same", "count_of_same", "bars_before", "bars_after", "strokes_a_quarter", "own_a_quarter", "recurrence"),
    *("second_since", "third_since", "second_until", "third_until", "busy_before", "busy_after"),
    *(f"{kind}_{role}" for kind in ("together", "since", "until", "density") for role in range(ROLES)),
    *(f"own_{step:+d}" for step in range(-OWN_REACH, OWN_REACH + 1)),
    *(f"role_{role}_{step:+d}" for role in OTHERS for step in range(-OTHER_REACH, OTHER_REACH + 1)),
)


def groove_features(strokes: np.ndarray, asked: Asked = NOBODY, around: np.ndarray | None = None) -> np.ndarray:
    """Return FEATURES, float32 [N, F], of the strokes of a take (STROKE_DTYPE, in order, all of known keys).

    ``around`` has the strokes of the take, likewise, where ``strokes`` are others: those that are to be described one by one.
    """
    around = strokes if around is None else around
    if not len(strokes) or not len(around):
        return np.zeros((len(strokes), len(FEATURES)), np.float32)
    quarter, step = strokes["quarter"], steps_of(strokes["quarter"])
    role, articulation = np.array([KEYS[key] for key in strokes["key"].tolist()]).T
    heard_role, heard_quarter = roles_of(around), around["quarter"]
    struck = _Struck(heard_role, steps_of(heard_quarter))
    bar_steps = np.maximum(np.round(strokes["bar_quarters"] * STEPS_A_QUARTER), 1).astype(np.int64)
    place = (step - steps_of(strokes["bar_quarter"])) % bar_steps
    quarters = max(float(np.ptp(heard_quarter)), 1.0)
    everyone = np.full(len(role), 1.0)
    columns = (
        *(role, articulation, everyone * asked.style, everyone * asked.drummer, strokes["tempo"]),
        *(place, place % STEPS_A_QUARTER, bar_steps, quarter * STEPS_A_QUARTER - step),
        *_among_equals(role, step),
        ((quarter - heard_quarter[0]) / strokes["bar_quarters"]).clip(max=FURTHEST_BARS),
        ((heard_quarter[-1] - quarter) / strokes["bar_quarters"]).clip(max=FURTHEST_BARS),
        everyone * len(around) / quarters,
        np.bincount(heard_role, minlength=ROLES)[role] / quarters,
        np.mean([struck.at(role, step + bars * bar_steps) for bars in RECURRING_BARS], 0),
        *(struck.distance(role, step, strokes_on) for strokes_on in (-2, -3, 2, 3)),
        *(struck.counts(step, *reach).sum(1) for reach in ((-BUSY_STEPS, -1), (1, BUSY_STEPS))),
    )
    roles = np.arange(ROLES)
    own, others = np.arange(-OWN_REACH, OWN_REACH + 1), np.arange(-OTHER_REACH, OTHER_REACH + 1)
    tables = (
        np.stack(columns, 1),
        struck.at(roles, step[:, None]),
        *(struck.distance(roles, step[:, None], strokes_on) for strokes_on in (-1, 1)),
        struck.counts(step, -DENSITY_STEPS, DENSITY_STEPS),
        struck.at(role[:, None], step[:, None] + own),
        *(struck.at(np.array(each), step[:, None] + others) for each in OTHERS),
    )
    return np.concatenate([table.astype(np.float32) for table in tables], 1)


class _Struck:
    """Which roles are struck at which steps: one sorted table of numbers, so that long rests cost nothing."""

    def __init__(self, role: np.ndarray, step: np.ndarray):
        self._first = int(step.min()) - GAP
        self._span = int(step.max()) + GAP - self._first
        self._codes = np.unique(self._code(role, step))

    def _code(self, role: np.ndarray, step: np.ndarray) -> np.ndarray:
        return role * self._span + (step - self._first).clip(0, self._span - 1)

    def at(self, role: np.ndarray, step: np.ndarray) -> np.ndarray:
        """Return whether ``role`` is struck at ``step``, of the shape that both have together."""
        wanted = self._code(role, step)
        return self._codes[np.searchsorted(self._codes, wanted).clip(max=len(self._codes) - 1)] == wanted

    def distance(self, role: np.ndarray, step: np.ndarray, strokes_on: int) -> np.ndarray:
        """Return how many steps away the stroke of ``role`` is that is so many strokes later than ``step``, or earlier, below 0."""
        code = self._code(role, step)
        if strokes_on < 0:
            place = np.searchsorted(self._codes, code) + strokes_on
        else:
            place = np.searchsorted(self._codes, code, side="right") + strokes_on - 1
        inside = (place >= 0) & (place < len(self._codes))
        away = np.abs(self._codes[place.clip(0, len(self._codes) - 1)] - code)  # of another role it is further than FURTHEST_STEPS
        return np.where(inside, away, FURTHEST_STEPS).clip(max=FURTHEST_STEPS)

    def counts(self, step: np.ndarray, first: int, last: int) -> np.ndarray:
        """Return [N, ROLES]: at how many of the steps ``first`` to ``last`` around each step [N] a role is struck."""
        roles, step = np.arange(ROLES), step[:, None]
        return np.searchsorted(self._codes, self._code(roles, step + last), side="right") - np.searchsorted(
            self._codes, self._code(roles, step + first)
        )


def _among_equals(role: np.ndarray, step: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return of each stroke [N], among those of its role at its step, which one it is, from 0, and how many there are: a flam, a roll."""
    order = np.lexsort((np.arange(len(role)), step, role))
    new = np.append(True, (np.diff(role[order]) != 0) | (np.diff(step[order]) != 0))
    group = np.cumsum(new) - 1
    firsts = np.flatnonzero(new)
    number, count = np.empty(len(role), int), np.empty(len(role), int)
    number[order] = np.arange(len(role)) - firsts[group]
    count[order] = np.bincount(group)[group]
    return number, count
