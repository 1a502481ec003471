"""perf-live that also says of each event that it sends, or that it sends late, when that was due: programs for benchmarks to start."""

import json
from collections.abc import Iterator
from contextlib import contextmanager

from engine.midi.events import Event
from engine.runtime.scheduler import Scheduler, observe_late_events

# Python programs; their last lines are JSON.
PERF_LIVE_TELLING_LATE = """
from engine.bench.measuring.lateness import tell_late_events
from engine.commands.live import main
with tell_late_events():
    main()
"""

PERF_LIVE_TELLING_ALL = PERF_LIVE_TELLING_LATE.replace("tell_late_events", "tell_all_events")


@contextmanager
def tell_all_events() -> Iterator[None]:
    """When the block has ended, print [due, sent] of each event, in nanoseconds, in the order in which they were sent, as JSON."""
    told: list[tuple[int, int]] = []
    usual = Scheduler.account

    def account(self: Scheduler, event: Event, now_ns: int) -> None:
        told.append((event.time_ns, now_ns))
        usual(self, event, now_ns)

    Scheduler.account = account  # type: ignore[method-assign]
    try:
        yield
    finally:
        Scheduler.account = usual  # type: ignore[method-assign]
        print(json.dumps(told), flush=True)


@contextmanager
def tell_late_events() -> Iterator[None]:
    """When the block has ended, print [due, sent] of each event that it sent late, in nanoseconds, as JSON."""
    late: list[tuple[int, int]] = []
    try:
        with observe_late_events(lambda due_ns, sent_ns: late.append((due_ns, sent_ns))):
            yield
    finally:
        print(json.dumps(late), flush=True)
