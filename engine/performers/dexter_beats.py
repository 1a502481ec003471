"""Where in the score what is played live stands: counted from MIDI clock where the sender sends it, estimated where not.

Positions never go back: after a jump of the sender (start, song position) they go on at the next bar that has the same place in it, bars
being of four quarters, as of a MIDI file without a time signature. A place in the bar is known only with start or a song position.
"""

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from engine.events import Event

CLOCK, START, CONTINUE, STOP, SONG_POSITION = 0xF8, 0xFA, 0xFB, 0xFC, 0xF2  # MIDI 1.0 detailed specification, pages 27 to 30
CLOCKS_A_QUARTER, CLOCKS_A_SONG_POSITION = 24, 6
STEADY_CLOCKS = 24  # so many are averaged over
LONGEST_CLOCK_NS = 500_000_000  # a clock that is silent for longer has ended
SHORTEST_CLOCK_NS = 2_500_000.0  # 1000 quarters a minute

BAR_QUARTERS = 4
DEFAULT_BEAT_NS = 500_000_000  # 120 quarters a minute, until there is something to go by
CHORD_NS = 20_000_000  # notes that begin within it belong together
FINEST = 24  # divisions of a quarter
GRIDS = (4, 6)  # divisions of a quarter that an estimated position is likely to be of
OFF_GRID_QUARTERS = 0.05  # as far from them at most

FASTEST_BEAT_S, SLOWEST_BEAT_S = 0.3, 1.2
LIKELY_BEAT_S = 0.55  # Parncutt (Music Perception 11, 1994): the pulse that people hear is near 600 ms
BEATS_S = np.geomspace(FASTEST_BEAT_S, SLOWEST_BEAT_S, 556)  # a quarter of a percent apart
LEVELS = ((1, 0.15), (2, 0.35), (4, 0.5))  # divisions of a beat, and how much it counts that intervals are multiples of them
RECENT_ONSETS, MOST_STEPS = 32, 8  # intervals between so many onsets, up to so many onsets apart
UNLIKELY = 0.5  # for a beat of twice or half the likely length
CHANGED = 0.6  # for one that is not the last estimate's
SAME_BEAT_OCTAVES = 0.03


class Heard(NamedTuple):
    """A moment and what MIDI clock says of it: ``beat_ns`` a quarter's length, 0 unknown; ``song_quarter`` NaN unknown; ``segment``
    counts jumps of the sender.
    """

    time_ns: int
    beat_ns: float
    song_quarter: float
    segment: int


class Place(NamedTuple):
    """Where a note stands: ``time_ns`` when its chord began, ``quarter`` the position; where the sender's song position is known, it is
    ``quarter`` - ``base``.
    """

    time_ns: int
    quarter: float
    beat_ns: float
    segment: int
    base: float


class MidiClock:
    """Follows clock, start, continue, stop and song position. The jitter of the clocks is filtered by an alpha-beta filter, whose gains
    are those of a straight line through all clocks so far, up to STEADY_CLOCKS of them.
    """

    def __init__(self) -> None:
        self._running = False
        self._segment = 0
        self._next = 0  # the number of the clock that comes next, from the beginning of the song
        self._begun_ns: int | None = None  # when it was told to start or to go on, until the next clock
        self._last: int | None = None  # the number of the last clock, where it is known
        self._time_ns = -LONGEST_CLOCK_NS  # filtered, of the last clock
        self._interval_ns = 0.0  # 0: unknown
        self._clocks = 0

    def follow(self, event: Event) -> None:
        """Take a system message; those that say nothing of time are ignored."""
        status = event.message[0]
        if status == CLOCK:
            self._tick(event.time_ns)
        elif status in (START, CONTINUE, STOP, SONG_POSITION):
            self._segment += 1
            self._last = None
            if status == START:
                self._next = 0
            elif status == SONG_POSITION:
                self._next = CLOCKS_A_SONG_POSITION * (event.message[1] | event.message[2] << 7)
            self._running = status in (START, CONTINUE) or (self._running and status != STOP)
            self._begun_ns = event.time_ns if self._running else None

    def hear(self, time_ns: int) -> Heard:
        """Return what is known of a moment that is not before the last message."""
        since_ns = time_ns - self._time_ns
        ticking = since_ns < LONGEST_CLOCK_NS
        song_quarter = math.nan
        if self._begun_ns is not None and time_ns - self._begun_ns < LONGEST_CLOCK_NS:
            song_quarter = self._next / CLOCKS_A_QUARTER
        elif ticking and self._last is not None:
            song_quarter = (self._last + (since_ns / self._interval_ns if self._interval_ns else 0.0)) / CLOCKS_A_QUARTER
        return Heard(time_ns, self._interval_ns * CLOCKS_A_QUARTER if ticking else 0.0, song_quarter, self._segment)

    def _tick(self, time_ns: int) -> None:
        since_ns = time_ns - self._time_ns
        error_ns = since_ns - self._interval_ns
        if since_ns >= LONGEST_CLOCK_NS:
            self._clocks, self._interval_ns, self._time_ns = 1, 0.0, time_ns
        elif self._clocks < 2 or abs(error_ns) > self._interval_ns / 2:  # the second of all, or another tempo
            self._clocks, self._interval_ns, self._time_ns = 2, max(since_ns, SHORTEST_CLOCK_NS), time_ns
        else:
            self._clocks = count = min(self._clocks + 1, STEADY_CLOCKS)
            self._time_ns = round(self._time_ns + self._interval_ns + error_ns * 2 * (2 * count - 1) / (count * (count + 1)))
            self._interval_ns = max(self._interval_ns + error_ns * 6 / (count * (count + 1)), SHORTEST_CLOCK_NS)
        if self._running:
            self._begun_ns, self._last = None, self._next
            self._next += 1


def place_notes(previous: Place | None, heard: Sequence[Heard], beat_ns: float) -> list[Place]:
    """Return the places of notes in order of time, after that of the note before them; ``beat_ns``: of those without a clock."""
    places = []
    for moment in heard:
        previous = _place(previous, moment, beat_ns)
        places.append(previous)
    return places


def _place(previous: Place | None, heard: Heard, beat_ns: float) -> Place:
    beat_ns, known = heard.beat_ns or beat_ns, not math.isnan(heard.song_quarter)
    song_quarter = round(heard.song_quarter * FINEST) / FINEST if known else 0.0
    if previous is None:
        return Place(heard.time_ns, song_quarter, beat_ns, heard.segment, 0.0)
    jumped = known and heard.segment != previous.segment
    if not jumped and heard.time_ns - previous.time_ns <= CHORD_NS:
        return previous
    base = previous.base
    if jumped:
        base = BAR_QUARTERS * math.ceil((previous.quarter - song_quarter) / BAR_QUARTERS)
    quarter = base + song_quarter if known else _on_grid(previous.quarter + (heard.time_ns - previous.time_ns) / beat_ns)
    return Place(heard.time_ns, max(quarter, previous.quarter), beat_ns, heard.segment, base)


def _on_grid(quarter: float) -> float:
    for grid in GRIDS:
        if abs(quarter - round(quarter * grid) / grid) <= OFF_GRID_QUARTERS:
            return round(quarter * grid) / grid
    return round(quarter * FINEST) / FINEST


def estimate_beat_ns(times_ns: Sequence[int], previous_ns: float) -> float:
    """Return how long a quarter most plausibly is, given the onsets of the last seconds in order; ``previous_ns`` is the last estimate, 0
    none.

    The intervals between onsets are to be multiples of the beat, of its half and its quarter; beats of about half a second are likelier,
    and so is that of the last estimate. Tempo is meant to be plausible, not more: twice or half the sender's does little harm.
    """
    onsets: list[int] = []
    for time_ns in times_ns:
        if not onsets or time_ns - onsets[-1] > CHORD_NS:
            onsets.append(time_ns)
    seconds = np.array([time_ns - onsets[0] for time_ns in onsets[-RECENT_ONSETS:]]) / 1e9
    if len(seconds) < 2:
        return previous_ns or DEFAULT_BEAT_NS
    intervals = np.concatenate([seconds[steps:] - seconds[:-steps] for steps in range(1, min(MOST_STEPS, len(seconds) - 1) + 1)])
    beats = intervals / BEATS_S[:, None]
    fit = sum(weight * np.cos(2 * np.pi * division * beats).mean(axis=1) for division, weight in LEVELS)
    score = fit - UNLIKELY * np.log2(BEATS_S / LIKELY_BEAT_S) ** 2
    if previous_ns:
        score = score - CHANGED * np.minimum(np.abs(np.log2(BEATS_S * 1e9 / previous_ns)) / SAME_BEAT_OCTAVES, 1)
    return float(BEATS_S[np.argmax(score)]) * 1e9
