"""When the machine itself stood still: the host of a virtual machine gave a core's time to others.

A program on each core, in real time before all others there, does nothing but sleep for a moment and look at the clock. Only a core that
does not run at all makes it late. So of an event that came late can be told how much of that the machine was, and how much the engine.
"""

import gc
import json
import os
import signal
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field

import numpy as np

from engine.bench.measuring.figures import NS_PER_MS
from engine.bench.measuring.programs import Program, may_schedule_in_real_time

PRIORITY = 80  # before JACK and all that plays
NAP_NS = 1_000_000
SHORTEST_NS = 2_000_000  # of what is taken down
WATCH = "from engine.bench.measuring.standstill import watch; watch({core})"

Interval = tuple[int, int]  # from when to when, nanoseconds on the monotonic clock


@dataclass
class Standstill:
    """``intervals`` (n, 2) int64 in which a core stood still, in order and apart; empty until the watch has ended."""

    intervals: np.ndarray = field(default_factory=lambda: np.zeros((0, 2), np.int64))

    @property
    def count(self) -> int:
        return len(self.intervals)

    @property
    def longest_ms(self) -> float:
        return round(float(self._lengths_ns().max(initial=0)) / NS_PER_MS, 1)

    @property
    def total_s(self) -> float:
        return round(float(self._lengths_ns().sum()) / 1e9, 3)

    def within_ns(self, begin_ns: int, end_ns: int) -> int:
        """Return for how long of the time from ``begin_ns`` to ``end_ns`` a core stood still."""
        first = int(np.searchsorted(self.intervals[:, 1], begin_ns, side="right"))
        last = int(np.searchsorted(self.intervals[:, 0], end_ns))
        clipped = np.clip(self.intervals[first:last], begin_ns, end_ns)
        return int((clipped[:, 1] - clipped[:, 0]).sum())

    def late(self, delays: Iterable[Interval], limit_ns: int) -> int:
        """Return how many of ``delays``, from when each was due to when it was done, were longer than ``limit_ns`` while all cores ran."""
        return sum(done - due - self.within_ns(due, done) > limit_ns for due, done in delays if done - due > limit_ns)

    def _lengths_ns(self) -> np.ndarray:
        return self.intervals[:, 1] - self.intervals[:, 0]


@contextmanager
def watched_cores() -> Iterator[Standstill | None]:
    """While the block runs, watch; what is given knows after it when a core stood still. None where that cannot be had: without leave to
    run in real time, or away from Linux. Raises PerfLiveError.
    """
    if not may_schedule_in_real_time():
        yield None
        return
    found = Standstill()
    with ExitStack() as stack:
        watches = [stack.enter_context(Program("watch", ["-c", WATCH.format(core=core)])) for core in sorted(os.sched_getaffinity(0))]
        yield found
        found.intervals = united([(begin, end) for each in watches for begin, end in json.loads(each.stop()[-1])])


def united(intervals: Sequence[Interval]) -> np.ndarray:
    """Return intervals (n, 2), in order, those that touch as one."""
    apart: list[list[int]] = []
    for begin, end in sorted(intervals):
        if apart and begin <= apart[-1][1]:
            apart[-1][1] = max(apart[-1][1], end)
        else:
            apart.append([begin, end])
    return np.array(apart, dtype=np.int64).reshape(-1, 2)


def watch(core: int) -> None:
    """Watch a core until SIGTERM, then print when it stood still, as JSON: what the programs run that ``watched_cores`` starts."""
    ended: list[int] = []
    signal.signal(signal.SIGTERM, lambda number, _: ended.append(number))
    os.sched_setaffinity(0, {core})
    os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(PRIORITY))
    gc.disable()
    found: list[Interval] = []
    print("ready", flush=True)
    while not ended:
        due_ns = time.monotonic_ns() + NAP_NS
        time.sleep(NAP_NS / 1e9)
        now_ns = time.monotonic_ns()
        if now_ns - due_ns > SHORTEST_NS:
            found.append((due_ns, now_ns))
    print(json.dumps(found), flush=True)
