"""What waits in rtmidi's ring buffer of an output of JACK until the server fetches it."""

import time
from collections import deque
from collections.abc import Callable

from engine.midi.ports import jack

RING_BYTES = 16_384 - 1  # rtmidi's; one byte of a ring buffer stays free
HEAD_BYTES = 4  # rtmidi's, before each message
LONGEST_MESSAGE = 16_000  # bytes: for one that does not fit at all rtmidi waits for ever
PERIODS = 2  # a message is fetched in the period after the one in which it was written, at the latest
POLL_S = 0.001
ASKED_NS = 1_000_000_000  # what was written longer ago than this is looked after, so that little is remembered


class Ring:
    """Keeps count of the ring buffer, so that nobody writes into a full one.

    rtmidi waits for room itself, but holds Python's lock meanwhile: an input of this process then keeps its server waiting for that lock,
    the server keeps the ring from being fetched, and all of its clients stand still until it gives up after five seconds. What is fetched
    at once is never more than a ring full either, so that it fits the 32 KiB of a port; what does not is lost without a word.
    """

    def __init__(self) -> None:
        self._written: deque[tuple[int, int]] = deque()  # when, and how many bytes, of what may not have been fetched yet
        self._bytes = 0

    def make_room(self, length: int, given_up: Callable[[], bool]) -> bool:
        """Wait until a message of ``length`` bytes, at most LONGEST_MESSAGE, fits, and count it; False where ``given_up`` says so first."""
        size, now_ns = length + HEAD_BYTES, time.monotonic_ns()
        if self._written and now_ns - self._written[0][0] > ASKED_NS:
            self._forget_fetched(size)
        while self._bytes + size > RING_BYTES and not self._forget_fetched(size):
            if given_up():
                return False
            time.sleep(POLL_S)
        self._written.append((time.monotonic_ns(), size))
        self._bytes += size
        return True

    def _forget_fetched(self, size: int) -> bool:
        """Count no longer what the server has fetched; return whether ``size`` bytes fit then, or whether it does not tell."""
        period = jack.period()
        if period is None:
            self._written.clear()
            self._bytes = 0
            return True
        fetched_ns = time.monotonic_ns() - period.age_ns - (PERIODS - 1) * period.length_ns
        while self._written and self._written[0][0] < fetched_ns:
            self._bytes -= self._written.popleft()[1]
        return self._bytes + size <= RING_BYTES
