"""MIDI clock: how long a quarter is, and where in the song a moment is."""

import math
from typing import NamedTuple

from engine.midi.events import Event

CLOCK, START, CONTINUE, STOP, SONG_POSITION = 0xF8, 0xFA, 0xFB, 0xFC, 0xF2  # MIDI 1.0 detailed specification, pages 27 to 30
CLOCKS_A_QUARTER, CLOCKS_A_SONG_POSITION = 24, 6
STEADY_CLOCKS = 24  # so many are averaged over
LONGEST_CLOCK_NS = 500_000_000  # a clock that is silent for longer has ended
SHORTEST_CLOCK_NS = 2_500_000.0  # 1000 quarters a minute


class ClockReading(NamedTuple):
    """What MIDI clock says of a moment, ``time_ns``.

    ``beat_ns`` is the length of a quarter, 0 if unknown; ``song_quarter`` is NaN if unknown; ``segment`` counts the sender's jumps.
    """

    time_ns: int
    beat_ns: float
    song_quarter: float
    segment: int


class MidiClock:
    """Follows clock, start, continue, stop and song position.

    An alpha-beta filter removes the clocks' jitter; its gains are those of a straight line through all clocks so far, up to STEADY_CLOCKS.
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
        """Take a system message; those that have nothing to do with time are ignored."""
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

    def read(self, time_ns: int) -> ClockReading:
        """Return what is known of a moment that is not before the last message."""
        since_ns = time_ns - self._time_ns
        ticking = since_ns < LONGEST_CLOCK_NS
        song_quarter = math.nan
        if self._begun_ns is not None and time_ns - self._begun_ns < LONGEST_CLOCK_NS:
            song_quarter = self._next / CLOCKS_A_QUARTER
        elif ticking and self._last is not None:
            song_quarter = (self._last + (since_ns / self._interval_ns if self._interval_ns else 0.0)) / CLOCKS_A_QUARTER
        return ClockReading(time_ns, self._interval_ns * CLOCKS_A_QUARTER if ticking else 0.0, song_quarter, self._segment)

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
