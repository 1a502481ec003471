"""MIDI clock: how long a quarter is, and where in the song a moment is."""

import math
from typing import NamedTuple

from engine.midi.clock.phase_locked_loop import PhaseLockedLoop
from engine.midi.events import Event

CLOCK, START, CONTINUE, STOP, SONG_POSITION = 0xF8, 0xFA, 0xFB, 0xFC, 0xF2  # MIDI 1.0 detailed specification, pages 27 to 30
CLOCKS_A_QUARTER, CLOCKS_A_SONG_POSITION = 24, 6
LONGEST_CLOCK_NS = 500_000_000  # a clock that is silent for longer has ended
SHORTEST_CLOCK_NS = 2_500_000.0  # 1000 quarters a minute


class ClockReading(NamedTuple):
    """What a sender's beat says of a moment, ``time_ns``.

    ``beat_ns`` is the length of a quarter, 0 if unknown; ``song_quarter`` is NaN if unknown; ``segment`` counts the sender's jumps.
    """

    time_ns: int
    beat_ns: float
    song_quarter: float
    segment: int


class MidiClock:
    """Follows clock, start, continue, stop and song position.

    Clocks are counted, so that a position is exact whatever the tempo. After start or continue the phase is found anew, as the sender may
    have jumped; the tempo is kept until the new clocks say otherwise.
    """

    def __init__(self) -> None:
        self._running = False
        self._segment = 0
        self._next = self._first = 0  # the numbers, from the beginning of the song, of the clock that comes next and of the segment's first
        self._begun_ns: int | None = None  # when it was told to start or to go on, until the next clock
        self._last: int | None = None  # the number of the last clock, where it is known
        self._pulse = PhaseLockedLoop(SHORTEST_CLOCK_NS)
        self._ticked = False

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
            if status in (START, CONTINUE):
                self._pulse.restart()
            self._first = self._next
            self._running = status in (START, CONTINUE) or (self._running and status != STOP)
            self._begun_ns = event.time_ns if self._running else None

    def read(self, time_ns: int) -> ClockReading:
        """Return what is known of a moment that is not before the last message."""
        pulse = self._pulse
        ticking = self._ticked and time_ns - pulse.last_ns < LONGEST_CLOCK_NS
        song_quarter = math.nan
        if self._begun_ns is not None and time_ns - self._begun_ns < LONGEST_CLOCK_NS:
            song_quarter = self._next / CLOCKS_A_QUARTER
        elif ticking and self._last is not None:
            since = (time_ns - pulse.phase_ns) / pulse.period_ns if pulse.period_ns else 0.0
            song_quarter = max(self._last + since, self._first) / CLOCKS_A_QUARTER
        return ClockReading(time_ns, pulse.period_ns * CLOCKS_A_QUARTER if ticking else 0.0, song_quarter, self._segment)

    def _tick(self, time_ns: int) -> None:
        if self._ticked and time_ns - self._pulse.last_ns >= LONGEST_CLOCK_NS:
            self._pulse.restart(forget=True)
        self._ticked = True
        self._pulse.follow(time_ns)
        if self._running:
            self._begun_ns, self._last = None, self._next
            self._next += 1
