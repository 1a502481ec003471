"""Clocks, in integer nanoseconds that never go back. Whatever reads the time or sleeps does it through one of these."""

import queue
import time
from typing import Any, Protocol

LONGEST_WAIT_NS = 3_600_000_000_000  # one hour: a wait that the operating system's timers surely take


class Clock(Protocol):
    def now_ns(self) -> int:
        """Return the time in nanoseconds; only differences mean anything."""

    def sleep_until(self, time_ns: int) -> None:
        """Return at ``time_ns`` or as soon after it as the clock can; at once if it has passed."""

    def wait(self, inbox: "queue.SimpleQueue[Any]", until_ns: int | None) -> Any:
        """Return the next item of ``inbox``, or None when the time reaches ``until_ns`` (None: wait for an item, however long).

        It may return None early; another thread or a signal handler ends the wait by putting something into ``inbox``.
        """


class MonotonicClock:
    """The machine's monotonic clock."""

    def now_ns(self) -> int:
        return time.monotonic_ns()

    def sleep_until(self, time_ns: int) -> None:
        remaining_ns = time_ns - time.monotonic_ns()
        if remaining_ns > 0:
            time.sleep(remaining_ns / 1e9)

    def wait(self, inbox: "queue.SimpleQueue[Any]", until_ns: int | None) -> Any:
        try:
            if until_ns is None:
                return inbox.get(timeout=LONGEST_WAIT_NS / 1e9)
            remaining_ns = until_ns - time.monotonic_ns()
            if remaining_ns <= 0:
                return inbox.get_nowait()
            return inbox.get(timeout=min(remaining_ns, LONGEST_WAIT_NS) / 1e9)
        except queue.Empty:
            return None


class VirtualClock:
    """A clock that moves only when somebody sleeps on it: tests and offline rendering run the live code on it."""

    def __init__(self, start_ns: int = 0):
        self._now_ns = start_ns

    def now_ns(self) -> int:
        return self._now_ns

    def sleep_until(self, time_ns: int) -> None:
        self._now_ns = max(self._now_ns, time_ns)

    def wait(self, inbox: "queue.SimpleQueue[Any]", until_ns: int | None) -> Any:
        """Do what the protocol says. With an empty inbox and no ``until_ns`` nothing can ever happen, so None is returned at once."""
        try:
            return inbox.get_nowait()
        except queue.Empty:
            if until_ns is not None:
                self.sleep_until(until_ns)
            return None
