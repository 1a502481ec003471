"""perf-live, which also says of each event that it sent late when that was due: the program that a benchmark starts in its place."""

import json

from engine.commands.live import main as perf_live
from engine.midi.events import Event
from engine.runtime import sender
from engine.runtime.scheduler import Scheduler

PERF_LIVE = "from engine.bench.measuring.lateness import main; main()"  # a Python program; its last line is JSON


class _WatchedScheduler(Scheduler):
    late_events: list[tuple[int, int]] = []  # of all schedulers: when due, when sent

    def account(self, event: Event, now_ns: int) -> None:
        before = self.late
        super().account(event, now_ns)
        if self.late > before:
            self.late_events.append((event.time_ns, now_ns))


def main() -> None:
    """Run perf-live; then print when the events were due that it counts as late, and when it sent them."""
    sender.Scheduler = _WatchedScheduler  # type: ignore[misc]
    try:
        perf_live()
    finally:
        print(json.dumps(_WatchedScheduler.late_events), flush=True)
