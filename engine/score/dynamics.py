"""What the dynamics of a partitura part amount to, note by note: the velocities at which a notation program would play it.

A mark holds until the next one. A crescendo or diminuendo leads to the mark that follows, or a little up or down where none does, and what
it has reached stays. Accents and sforzati stand out of that. So all marks of a score are one number a note, as in a MIDI file that a
notation program exports. The sizes are those that go best with human performances of (n)ASAP's train split.
"""

from bisect import bisect_right
from collections.abc import Callable
from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np

from engine.base.partitura_loader import load_partitura
from engine.score.markings import dynamic_level
from engine.score.tables import MARKING_DTYPE, Score

LEVEL_VELOCITIES = (1, 16, 33, 49, 64, 80, 96, 112, 126, 127)  # by level: 1 for ppp to 8 for fff; notation programs agree on these
FIRST_LEVEL = 5.0  # mf, until the first mark
HAIRPIN_STEP, WORD_STEP = 0.5, 1.0  # levels that a hairpin, or a crescendo in words, goes up when no mark follows
WITHIN_STEP = 1.0  # the same of a hairpin within a held tone, which must be heard in it
REACH_QUARTERS = 8.0  # how soon after its end a mark must come to be the one that it leads to
LONGEST_WORD_QUARTERS = 32.0  # that a crescendo in words goes on
ACCENT_SIGN_QUARTERS = 1.0  # shorter diminuendo signs are accents
ACCENT, MARCATO, SUDDEN_ACCENT = 1.0, 1.5, 1.0  # levels above the notes around
LEVEL_BEFORE_PIANO = 6.0  # of the notes under fp, at least
JUST_BEFORE_QUARTERS = 1e-6


class LoudnessMark(NamedTuple):
    """``sign`` is 1 for a crescendo and -1 for a diminuendo, with ``end`` if its end is printed.

    ``sign`` is 0 for all others, which have a ``level`` that holds from here on (0 leaves it as it was) and are ``sudden`` if they apply to
    the notes above them only, or to these first of all.
    """

    start: float
    end: float | None
    sign: int
    level: int
    sudden: bool
    staff: int | None
    drawn: bool


class LevelCurve:
    """A level over time, in straight lines between points that are set from left to right."""

    def __init__(self) -> None:
        self._times, self._levels = [-1.0], [FIRST_LEVEL]

    def at(self, times: Any) -> Any:
        return np.interp(times, self._times, self._levels)

    def level_at(self, time: float) -> float:
        """Return the level at one time; ``at`` makes arrays of all points, however many marks there are."""
        place = bisect_right(self._times, time)
        around = slice(max(place - 1, 0), place + 1)
        return float(np.interp(time, self._times[around], self._levels[around]))

    def jump(self, time: float, level: float) -> None:
        """Set ``level`` from ``time`` on; what was to come later is dropped."""
        before = self.level_at(time - JUST_BEFORE_QUARTERS)
        self._cut(time - JUST_BEFORE_QUARTERS)
        self._add(time - JUST_BEFORE_QUARTERS, before)
        self._add(time, level)

    def lead(self, start: float, end: float, level: float) -> None:
        """Go from the level at ``start`` to ``level`` at ``end``; what was to come later is dropped."""
        before = self.level_at(start)
        self._cut(start)
        self._add(start, before)
        self._add(end, level)

    def _cut(self, time: float) -> None:
        while self._times[-1] >= time and len(self._times) > 1:
            self._times.pop()
            self._levels.pop()

    def _add(self, time: float, level: float) -> None:
        self._times.append(time)
        self._levels.append(level)


def with_playback_velocities(score: Score) -> Score:
    """Return the score with the velocities of its markings as its notes'; a score without markings (a MIDI score) as it is."""
    if not score.has_markings:
        return score
    notes = score.notes.copy()
    notes["velocity"] = score.markings["velocity"]
    return replace(score, notes=notes)


def loudness_marks(part: Any, to_quarters: Callable[[Any], np.ndarray]) -> list[LoudnessMark]:
    """Return the dynamics of a part; ``to_quarters`` turns partitura's times into quarters."""
    score = load_partitura().score
    marks = []
    for mark in part.iter_all(score.LoudnessDirection, include_subclasses=True):
        start, end = float(to_quarters(mark.start.t)), None if mark.end is None else float(to_quarters(mark.end.t))
        sudden = isinstance(mark, score.ImpulsiveLoudnessDirection)
        if isinstance(mark, score.DynamicLoudnessDirection):
            sign = 1 if isinstance(mark, score.IncreasingLoudnessDirection) else -1
            marks.append(LoudnessMark(start, end, sign, 0, False, mark.staff, mark.wedge))
        elif sudden:
            level = dynamic_level(mark.text.lstrip("srfz")) if mark.text.endswith("p") else 0  # of fp the last letter
            marks.append(LoudnessMark(start, end, 0, level, True, mark.staff, False))
        elif level := dynamic_level(mark.text):
            marks.append(LoudnessMark(start, end, 0, level, False, mark.staff, False))
    return sorted(marks, key=lambda mark: (mark.start, abs(mark.sign)))


def mark_velocities(part: Any, markings: np.ndarray, marks: list[LoudnessMark], to_quarters: Callable[[Any], np.ndarray]) -> None:
    """Set what the dynamics amount to, at and within every note of the part that begins to sound, whose ``markings`` (N,) are, in place."""
    notes = part.notes_tied
    onsets = to_quarters(np.array([note.start.t for note in notes]))
    durations = to_quarters(np.array([note.start.t + note.duration_tied for note in notes])) - onsets
    staves = np.array([note.staff or 0 for note in notes])
    levels = np.zeros(len(notes))
    for staff in np.unique(staves).tolist():
        own = staves == staff
        levels[own] = level_curve(marks, staff).at(onsets[own])
        markings["velocity_within"][own] = velocities_within(marks, staff, onsets[own], durations[own])
    levels += np.maximum(ACCENT * markings["accent"], MARCATO * markings["marcato"])
    for mark in marks:
        if mark.sudden:
            under = np.abs(onsets - mark.start) < JUST_BEFORE_QUARTERS
            own = under & (staves == mark.staff)
            chosen = own if own.any() else under
            levels[chosen] += SUDDEN_ACCENT
            if mark.level:
                levels[chosen] = np.maximum(levels[chosen], LEVEL_BEFORE_PIANO)
    markings["velocity"] = np.rint(as_velocities(levels))


def velocities_within(marks: list[LoudnessMark], staff: int, onsets: np.ndarray, durations: np.ndarray) -> np.ndarray:
    """Return the velocities (n, 9) of marks and hairpins at the eighths of notes (n,) of a staff, from their beginning to their end."""
    eighths = MARKING_DTYPE["velocity_within"].shape[0] - 1
    ends = np.maximum(durations - 2 * JUST_BEFORE_QUARTERS, 0.0)  # a mark at the end is the next note's
    times = onsets[:, None] + ends[:, None] * np.arange(eighths + 1) / eighths
    return np.rint(as_velocities(level_curve(marks, staff, WITHIN_STEP).at(times)))


def as_velocities(levels: np.ndarray) -> np.ndarray:
    """Return the velocities of levels, in straight lines between those of the marks."""
    return np.interp(levels, np.arange(len(LEVEL_VELOCITIES)), LEVEL_VELOCITIES)


def level_curve(marks: list[LoudnessMark], staff: int, hairpin_step: float = HAIRPIN_STEP) -> LevelCurve:
    """Return the level of a staff; marks of other staves apply too, unless the staff has its own at the same place."""
    levels: dict[float, int] = {}
    for mark in marks:
        if mark.level and (mark.start not in levels or mark.staff == staff):
            levels[mark.start] = mark.level
    changes = sorted(levels)
    curve = LevelCurve()
    for mark in marks:
        if mark.level:
            curve.jump(mark.start, levels[mark.start])
        elif mark.sign:
            place = bisect_right(changes, mark.start)
            following = changes[place] if place < len(changes) else np.inf
            _lead(curve, mark, _end(mark, marks), following, levels.get(following, 0), hairpin_step)
    return curve


def _end(mark: LoudnessMark, marks: list[LoudnessMark]) -> float:
    """Return where a crescendo is printed to end, or for one in words, where another level or a diminuendo begins."""
    if mark.end is not None and mark.end > mark.start:
        return mark.end
    ending = (other.start for other in marks if other.start > mark.start and (other.level or other.sign == -mark.sign))
    return min(next(ending, np.inf), mark.start + LONGEST_WORD_QUARTERS)


def _lead(curve: LevelCurve, mark: LoudnessMark, end: float, following: float, level: int, hairpin_step: float) -> None:
    """Let a crescendo or diminuendo go to its ``end``, or to the ``level`` of the ``following`` mark if that comes soon enough."""
    before = curve.level_at(mark.start)
    aim = level if following <= end + REACH_QUARTERS else before
    if mark.sign * (aim - before) > 0:
        curve.lead(mark.start, min(end, following), aim)
    elif mark.drawn and mark.sign < 0 and end - mark.start < ACCENT_SIGN_QUARTERS:
        curve.jump(mark.start, before + ACCENT)
        curve.lead(mark.start, end, before)
    else:
        step = hairpin_step if mark.drawn else WORD_STEP
        curve.lead(mark.start, min(end, following), float(np.clip(before + mark.sign * step, 1, 8)))
