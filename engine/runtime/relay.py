"""The thread that plays, watched by the one that waits for it, and replaced when the performer keeps it.

The watch sleeps a little, again and again. When it wakes much later than it asked for, the process itself did not run: the machine was
busy, or stood still.
"""

import threading
from collections.abc import Callable
from dataclasses import dataclass

from engine.base.clock import Clock
from engine.runtime.guarding.guard import Overtaken
from engine.runtime.guarding.succession import Succession
from engine.runtime.real_time import real_time

LOOK_NS = 20_000_000
STANDSTILL_NS = 20_000_000  # later than that: the process stood still
DEADLINE_NS = 100_000_000  # a call of the performer that takes longer keeps the notes that come meanwhile
LOOKAHEAD_SHARE = 4  # of a look-ahead, a quarter is for computing
ENDING_NS = 1_000_000_000  # how long any call may take when the run is to end


@dataclass
class Standstills:
    """How often the process did not run for a while, and for how long at most."""

    count: int = 0
    longest_ns: int = 0

    def note(self, late_ns: int) -> None:
        """Take note of how much too late the watch woke."""
        if late_ns > STANDSTILL_NS:
            self.count += 1
            self.longest_ns = max(self.longest_ns, late_ns)


@dataclass(frozen=True)
class Watched:
    """What is looked at. ``patient``: a call of the performer may take as long as it likes, as nothing else waits for it, until the end."""

    stream: Succession
    clock: Clock
    latency_ns: Callable[[], int]
    patient: bool
    is_stopping: Callable[[], bool]
    stop: Callable[[], None]

    def must_be_replaced(self) -> bool:
        """Look whether the performer has kept the thread for too long, and if so leave it out."""
        if self.patient and not self.is_stopping():
            return False
        deadline_ns = ENDING_NS if self.patient else max(DEADLINE_NS, self.latency_ns() // LOOKAHEAD_SHARE)
        return self.stream.is_kept(deadline_ns // LOOK_NS) and self.stream.overtake()


def relay(play: Callable[[bool], None], watched: Watched, standstills: Standstills) -> None:
    """Run ``play`` in a thread, and in another one whenever the performer keeps it, until one of them has ended.

    It is told whether it is the first. Raises what the one that ended raised. A thread that the performer never gives back ends with the
    process. When this thread is interrupted it stops the run.
    """
    over = threading.Event()
    failures: list[BaseException] = []

    def run(first: bool) -> None:
        try:
            play(first)
        except Overtaken:
            return
        except BaseException as error:  # whoever waits raises it
            failures.append(error)
        over.set()

    try:
        _start(run, True)
        with real_time():  # else it would hold Python's lock while other programs run, and who plays would wait for it
            _watch(over, watched, standstills, lambda: _start(run, False))
    except BaseException:
        watched.stop()
        over.wait(ENDING_NS / 1e9)
        raise
    if failures:
        raise failures[0]


def _watch(over: threading.Event, watched: Watched, standstills: Standstills, replace: Callable[[], None]) -> None:
    asleep_ns = watched.clock.now_ns()
    while not over.wait(LOOK_NS / 1e9):
        standstills.note(watched.clock.now_ns() - asleep_ns - LOOK_NS)
        if watched.must_be_replaced():
            replace()
        asleep_ns = watched.clock.now_ns()


def _start(run: Callable[[bool], None], first: bool) -> None:
    threading.Thread(target=run, args=(first,), name="player", daemon=True).start()
