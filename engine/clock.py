"""Clocks: integer nanoseconds, monotonic. Everything that reads the time or sleeps does it through one of these."""

import time
from typing import Protocol


class Clock(Protocol):
    def now_ns(self) -> int:
        """Return the time in nanoseconds; only differences mean anything."""

    def sleep_until(self, time_ns: int) -> None:
        """Return at ``time_ns`` or as soon after it as the clock can; at once if it has passed."""


class MonotonicClock:
    """The machine's monotonic clock."""

    def now_ns(self) -> int:
        return time.monotonic_ns()

    def sleep_until(self, time_ns: int) -> None:
        remaining_ns = time_ns - time.monotonic_ns()
        if remaining_ns > 0:
            time.sleep(remaining_ns / 1e9)


class VirtualClock:
    """A clock that moves only when somebody sleeps on it: tests and offline rendering run the live code on it."""

    def __init__(self, start_ns: int = 0):
        self._now_ns = start_ns

    def now_ns(self) -> int:
        return self._now_ns

    def sleep_until(self, time_ns: int) -> None:
        self._now_ns = max(self._now_ns, time_ns)
