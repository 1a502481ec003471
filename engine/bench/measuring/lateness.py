"""perf-live that also says of each event it sends late when that was due: the program that a benchmark starts in its place."""

import json
from collections.abc import Iterator
from contextlib import contextmanager

from engine.runtime.scheduler import observe_late_events

# A Python program; its last line is JSON.
PERF_LIVE_TELLING_LATE = """
from engine.bench.measuring.lateness import tell_late_events
from engine.commands.live import main
with tell_late_events():
    main()
"""


@contextmanager
def tell_late_events() -> Iterator[None]:
    """When the block has ended, print [due, sent] of each event that it sent late, in nanoseconds, as JSON."""
    late: list[tuple[int, int]] = []
    try:
        with observe_late_events(lambda due_ns, sent_ns: late.append((due_ns, sent_ns))):
            yield
    finally:
        print(json.dumps(late), flush=True)
