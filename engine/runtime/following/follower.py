"""Where in the score a soloist is, note by note: a hidden Markov model over the onsets of the part, with a tempo for each of them.

After each stroke every onset has a probability of being the one that was played last. The next stroke belongs to the same onset (a chord,
an arpeggio, an ornament, a key too many), to the next one, to one of those after it (some were left out), to the one before (a late note
of a chord), or to any other: a leap. How likely each is depends on the key, and on when the stroke comes beside when the tempo expects it.
Each onset carries on the time at which it was played and the tempo of the likeliest way to it, so that position and tempo are found
together. The numbers below were chosen on performances of (n)ASAP's train split.
"""

import copy
import math
from typing import Any, NamedTuple

import numpy as np

from engine.runtime.following.solo import ORNAMENT_SEMITONES, PITCHES, Solo

SKIPS = (1.0, 0.037, 0.0083, 0.0028)  # to the next onset, to the one after it, ...
LEFT_OUT = 0.26  # each key of an onset that was not struck before the next
BACK = 0.009  # to the one before
HIT, NEAR, FAR = 1.0, 0.0035, 0.003  # a key that belongs to the onset, one beside such a key, any other
EXTRA, AGAIN, TRILLED = 0.006, 0.02, 0.3  # without going on: a key that is not in the score, one struck already, one of an ornament
UNMARKED_SEC, UNMARKED_LEAST_SEC = 0.2, 0.4  # of strokes that may be a trill that the score does not mark, and of a note that lasts so long
TRILL_SKIP = 0.78  # in a trill, to any of the next onsets
TRILL_SEC = 0.3  # how far a stroke of a trill may be from its place: its number is the player's
TRILL_PHASE = 0.2  # of what a stroke of a trill is off its time: who plays as many strokes as are written, or nearly, is counted
TRILL_FASTEST_SEC, TRILL_SLOWEST_SEC = 0.05, 0.2  # from stroke to stroke: no finger is faster, and what is slower is counted
TRILL_LONGER = 0.1  # of the strokes of a trill that lasts: the share that stays however late it is
CHORD_SEC, CHORD_FLOOR = 0.035, 0.1  # how long a chord is spread
TEMPO_SPREAD, SPREAD_SEC = 0.22, 0.058  # how far a stroke is from its time, of the time since the last and besides
UNSURE = 1.0  # what more it is as long as the tempo is not known
SHARPNESS = 1.35  # how fast what is further from its time becomes unlikely
TIME_FLOOR = 0.035  # of a stroke whenever it comes
RUSHED = 0.35  # of the time to the next onset: what comes sooner is seldom that, but late, or too much
UNSURE_AFTER_LEAP = 0.065
NEARBY, CONTINUITY = 16, 100.0  # onsets from the last one, and how much likelier one that is further must be
LEAP = 1.4e-5  # anywhere
HESITATION_SEC, UNHESITATING = 0.5, 0.01  # before a leap; the share of leaps without
LEAP_TO_BAR = 2.0  # times as likely to the beginning of a bar
LEAP_AT_REPEAT = 2e-3  # where a repeat is left out, or taken again
LEAP_IN_LOOP = 0.3
TEMPO_SEC = 0.22  # the time constant of the tempo
MOST_CHANGE = 2.0  # of the tempo from one onset to the next
FAINT, MOST_ACTIVE = 1e-6, 128  # onsets that are less likely, or further down the list, are not timed
UNTIMED = 0.3  # of them, to the next one
RESTRUCK_SEC = 0.03  # a key that was struck so long before an onset may belong to it


_CHANGING = (
    "_share", "_time", "_pace", "_unsure", "_left", "_struck", "_lately", "_began", "_state",
    "_expected_state", "_last_sec", "evidence",
)


class Heard(NamedTuple):
    """Where the soloist is after a stroke: at the onset ``state``, which began at ``time_sec``, ``pace`` times as slow as expected.

    ``probability`` is that of being within a beat of there, ``hit`` whether the key belongs to the onset.
    """

    state: int
    quarter: float
    time_sec: float
    pace: float
    probability: float
    hit: bool


class Follower:
    """Follows one soloist. ``hear`` takes strokes in order. ``evidence`` is the logarithm of how likely all of them are together."""

    def __init__(self, solo: Solo):
        self._solo, count = solo, len(solo.onsets)
        self._count, self._padded = count, count + len(SKIPS)  # behind the last onset are some that no key belongs to
        last_sec = solo.expected_sec[-1] + 1.0 + np.arange(len(SKIPS))
        self._expected = np.concatenate([solo.expected_sec, last_sec])
        self._keys = np.append(solo.pitches.sum(axis=1), np.zeros(len(SKIPS)))
        self._trilling = np.append(solo.trilling, np.zeros(len(SKIPS), dtype=bool))
        self._long = np.diff(self._expected, append=np.inf) >= UNMARKED_LEAST_SEC
        self._targets = np.zeros(self._padded)
        self._targets[:count] = np.where(solo.begins_bar, LEAP_TO_BAR, 1.0)
        self._targets *= LEAP / self._targets.sum()
        self._came, self._goes = solo.leaps()
        self.loop: tuple[int, int] | None = None  # the last and the first onset of what is played again and again
        self._emissions: dict[int, tuple[np.ndarray, ...]] = {}
        self.begin()

    def begin(self) -> None:
        """Expect the beginning, or any other place."""
        self._share = np.zeros(self._padded)
        self._time = np.zeros(self._padded)
        self._pace = np.ones(self._padded)
        self._unsure = np.ones(self._padded)
        self._left = np.ones(self._padded)
        self._lately = (-1, -1)  # the keys before
        self._struck = np.full(PITCHES, -np.inf)
        self._began, self._state, self._expected_state, self._last_sec = False, 0, 0, 0.0
        self.evidence = 0.0

    def hear(self, time_sec: float, pitch: int) -> Heard:
        enters, trilled, own = self._emission(pitch)
        if self._alternates(time_sec, pitch):
            trilled = np.where((own | self._emission(self._lately[-1])[2]) & self._long, TRILLED, trilled)
        self._lately = (self._lately[-1], pitch)
        if self._began:
            self._go_on(time_sec, enters, trilled, own, self._struck[pitch])
        else:
            self._begin_at(time_sec, enters, own)
        self._struck[pitch] = time_sec
        state = self._state = self._likely()
        quarter = float(self._solo.onsets[state])
        time, pace = float(self._time[state]), float(self._pace[state])
        return Heard(state, quarter, time, pace, self._within_a_beat(quarter), bool(own[state]))

    def _alternates(self, time_sec: float, pitch: int) -> bool:
        """Return whether a stroke goes on with what may be a trill: fast, to and fro between neighbours."""
        before, last = self._lately
        return pitch == before and 0 < abs(pitch - last) <= ORNAMENT_SEMITONES and time_sec - float(self._struck[last]) < UNMARKED_SEC

    def expect(self, state: int) -> None:
        """Begin anew, at an onset rather than at the beginning."""
        self.begin()
        self._expected_state = self._state = state

    def _likely(self) -> int:
        """Return the likeliest onset; of passages that are alike, the one that goes on from the last, over a repeat or not."""
        share, state = self._share, int(self._share.argmax())
        first = max(self._state - NEARBY, 0)
        nearby = first + int(share[first : self._state + NEARBY].argmax())
        goes_on = (np.abs(self._came - self._state) <= NEARBY) & (self._goes <= state) & (state <= self._goes + NEARBY)
        return nearby if share[nearby] * (1.0 if goes_on.any() else CONTINUITY) >= share[state] else state

    def _emission(self, pitch: int) -> tuple[np.ndarray, ...]:
        """Return how likely a key is at each onset: as one of its own, and of its ornaments, and whether it belongs to it."""
        if pitch not in self._emissions:
            solo, beyond = self._solo, np.zeros(len(SKIPS))
            enters = np.where(solo.pitches[:, pitch], HIT, np.where(solo.near[:, pitch], NEAR, FAR))
            trilled = np.where(solo.ornamented[:, pitch], TRILLED, 0.0)
            own = np.append(solo.pitches[:, pitch], beyond.astype(bool))
            self._emissions[pitch] = np.append(enters, beyond), np.append(trilled, beyond), own
        return self._emissions[pitch]

    def _begin_at(self, time_sec: float, enters: np.ndarray, own: np.ndarray) -> None:
        share = self._targets / LEAP * 0.5
        share[self._expected_state : self._expected_state + len(SKIPS)] += 0.5 * np.array(SKIPS)
        self._share = share * enters
        self._end(self._share)
        self._time[:] = time_sec
        self._left = LEFT_OUT ** (self._keys - own)
        self._began, self._last_sec = True, time_sec

    def _go_on(self, time_sec: float, enters: np.ndarray, trilled: np.ndarray, own: np.ndarray, struck_sec: float) -> None:
        share = self._share
        total = self._anywhere(enters * self._hesitates(time_sec), enters)
        best = total.copy()
        pace = self._pace[self._state]
        active = np.flatnonzero(share > FAINT)
        if len(active) > MOST_ACTIVE:
            active = np.sort(np.argpartition(share, -MOST_ACTIVE)[-MOST_ACTIVE:])
        share, times, paces = share[active], self._time[active], self._pace[active]
        unsure, left, expected = self._unsure[active], self._left[active], self._expected[active]
        since, here = np.maximum(time_sec - times, 0.0), own[active]
        rows = np.flatnonzero(own)  # of what is not reached otherwise: it begins with this stroke, if at all
        self._time[rows], self._pace[rows], self._unsure[rows] = time_sec, pace, UNSURE_AFTER_LEAP
        self._left[rows] = LEFT_OUT ** (self._keys[rows] - 1)
        spread = since / CHORD_SEC
        chord = 1 / (1 + spread * spread)
        fresh = here & (struck_sec < times - RESTRUCK_SEC)
        late = since / ((self._expected[active + 1] - expected) * paces)
        trilling = self._trilling[active] & ((self._expected[active + 1] - expected) * paces < TRILL_SLOWEST_SEC)
        lasts = np.where(trilling, TRILL_LONGER, 0.0) + 1 / (1 + late**4)
        stays = np.where(fresh, HIT * (CHORD_FLOOR + chord), np.where(here, AGAIN, EXTRA)) + trilled[active] * lasts
        self._arrive(active, share * stays, total, best, times, paces, unsure, np.where(fresh, np.minimum(left / LEFT_OUT, 1.0), left))
        leaving = share * left
        for step, chance in enumerate(SKIPS, 1):
            onward = active + step
            written = np.maximum(self._expected[onward] - expected, 0.01)
            free = trilling & self._trilling[onward]  # how many strokes a trill has says nothing of the tempo
            possible = np.where(free, np.maximum(paces, step * TRILL_FASTEST_SEC / written), paces)
            gaps = written * possible
            off = (since - gaps) / ((TEMPO_SPREAD + UNSURE * unsure) * gaps + SPREAD_SEC)
            trust = (1 / (1 + off * off)) ** SHARPNESS
            gain = np.where(free, 0.0, trust * (unsure + (1 - unsure) * since / (since + TEMPO_SEC)))
            due = times + gaps + (TRILL_PHASE * (since - gaps) if step == 1 else 0.0)
            begun = np.where(free, np.clip(due, time_sec - TRILL_SEC, time_sec + TRILL_SEC), time_sec)
            ratio = np.clip(since / gaps, 1 / MOST_CHANGE, MOST_CHANGE)
            chances = np.where(trilling, max(chance, TRILL_SKIP), chance)
            rushed = np.where(free, 1.0, np.minimum(since / (RUSHED * gaps), 1.0)) ** 2
            ways = leaving * (chances * (TIME_FLOOR + trust)) * rushed * enters[onward]
            keys = LEFT_OUT ** (self._keys[onward] - own[onward])
            self._arrive(onward, ways, total, best, begun, possible * ratio**gain, unsure / (1 + unsure), keys)
        back = np.maximum(active - 1, 0)
        ways = np.where(own[back] & (active > 0), share * BACK * chord, 0.0)
        self._arrive(back, ways, total, best, times - (expected - self._expected[back]) * paces, paces, unsure, np.ones(len(active)))
        self._end(total)

    def _end(self, total: np.ndarray) -> None:
        likelihood = float(total.sum())
        self._share = total / likelihood
        self.evidence += math.log(likelihood)

    def _hesitates(self, time_sec: float) -> float:
        """Return how much of the chance of a leap a stroke has: who leaps has stopped before."""
        waited = min((time_sec - self._last_sec) / HESITATION_SEC, 1.0)
        self._last_sec = time_sec
        return UNHESITATING + (1 - UNHESITATING) * waited**2

    def _anywhere(self, leaping: np.ndarray, enters: np.ndarray) -> np.ndarray:
        """Return what comes of each onset by a leap, and roughly by going on from those that are unlikely."""
        share = np.where(self._share > FAINT, 0.0, self._share)
        total = self._targets * leaping + share * EXTRA
        total[1:] += share[:-1] * enters[1:] * UNTIMED
        if len(self._came):
            np.add.at(total, self._goes, self._share[self._came] * LEAP_AT_REPEAT * enters[self._goes])
        if self.loop:
            last, first = self.loop
            total[first] += self._share[last] * LEAP_IN_LOOP * enters[first]
        return total

    def _arrive(self, states: np.ndarray, ways: np.ndarray, total: np.ndarray, best: np.ndarray, *carried: np.ndarray) -> None:
        """Add to the states, each there once, the ways that lead to them, and keep what the likeliest way carries with it."""
        total[states] += ways
        better = np.flatnonzero(ways > best[states])
        rows = states[better]
        best[rows] = ways[better]
        for table, values in zip((self._time, self._pace, self._unsure, self._left), carried, strict=True):
            table[rows] = values[better]

    def snapshot(self) -> Any:
        """Return the whole state, detached."""
        return copy.deepcopy({name: value for name, value in vars(self).items() if name in _CHANGING})

    def restore(self, snapshot: Any) -> None:
        """Go back to a state that ``snapshot`` returned."""
        vars(self).update(copy.deepcopy(snapshot))

    def _within_a_beat(self, quarter: float) -> float:
        first, last = np.searchsorted(self._solo.onsets, (quarter - 1, quarter + 1))
        return float(self._share[first:last].sum())
