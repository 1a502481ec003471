"""Ticks of a MIDI file to nanoseconds and back, exactly."""

from bisect import bisect_right
from collections.abc import Iterable
from itertools import accumulate

DEFAULT_TEMPO_US = 500_000  # a quarter, where a file says nothing (Standard MIDI Files 1.0)
DROP_FRAME = 29
FRAMES_A_SECOND = {24: (24, 1), 25: (25, 1), DROP_FRAME: (30_000, 1001), 30: (30, 1)}  # SMPTE's 29 is 29.97 drop-frame


class TempoMap:
    """Where each tempo starts. ``to_tick(to_ns(tick)) == tick`` wherever a tick lasts longer than a nanosecond."""

    def __init__(self, division: int, tempos: Iterable[tuple[int, int]] = ()):
        """``division`` is the 16-bit field of the file's header; ``tempos`` are (tick, microseconds a quarter) in order of tick.

        Raises ValueError for a division that stands for no time.
        """
        if division & 0x8000:
            frames, seconds = FRAMES_A_SECOND.get(256 - (division >> 8), (0, 1))
            ticks_a_second = frames * (division & 0xFF)
            self._numerator, self._denominator = 1_000_000_000 * seconds, ticks_a_second
            changes = {0: 1}  # tempos mean nothing to ticks that are parts of a second
        else:
            self._numerator, self._denominator = 1000, division
            changes = {0: DEFAULT_TEMPO_US} | dict(tempos)  # of two tempos at one tick the later stands
        if self._denominator == 0:
            raise ValueError("division")
        self._ticks = list(changes)
        self._tempos = list(changes.values())
        spans = (
            (end - start) * tempo for start, end, tempo in zip(self._ticks, self._ticks[1:], self._tempos, strict=False)
        )
        self._elapsed = list(accumulate(spans, initial=0))  # time since the start in tempo units, at each change
        self._starts_ns = [self._round(elapsed) for elapsed in self._elapsed]

    def _round(self, elapsed: int) -> int:
        return (2 * elapsed * self._numerator + self._denominator) // (2 * self._denominator)

    def to_ns(self, tick: int) -> int:
        """Return the time of ``tick`` from the start of the file, in nanoseconds."""
        i = bisect_right(self._ticks, tick) - 1
        return self._round(self._elapsed[i] + (tick - self._ticks[i]) * self._tempos[i])

    def to_tick(self, time_ns: int) -> int:
        """Return the tick nearest to ``time_ns``; 0 for anything before the start."""
        i = max(0, bisect_right(self._starts_ns, time_ns) - 1)
        span = self._tempos[i] * self._numerator
        if time_ns <= 0 or span == 0:
            return self._ticks[i]
        beyond = time_ns * self._denominator - self._elapsed[i] * self._numerator
        return self._ticks[i] + max(0, (2 * beyond + span) // (2 * span))
