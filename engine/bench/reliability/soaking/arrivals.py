"""What reached perf-live: a run that also writes down each message that its ports bring, and what of the sent ones is missing there."""

import os
import queue
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from difflib import SequenceMatcher

from engine.bench.reliability.stage.log import Entry, encode
from engine.midi.events import Event
from engine.midi.ports import port

PERF_LIVE_KEEPING_ARRIVALS = """
from engine.bench.reliability.soaking.arrivals import keep_arrivals
from engine.commands.live import main
with keep_arrivals({path!r}):
    main()
"""


class _KeepingQueue(queue.SimpleQueue[Event | None]):
    """An inbox that writes down what is put into it, stamped as its port has stamped it."""

    def __init__(self, log: int):
        super().__init__()
        self._log = log

    def put(self, item: Event | None, block: bool = True, timeout: float | None = None) -> None:
        if item is not None:
            os.write(self._log, encode(*item[:2]))
        super().put(item, block, timeout)


@contextmanager
def keep_arrivals(path: str) -> Iterator[None]:
    """While the block runs, append to the log at ``path`` what all ports bring."""
    log = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    usual = port.Inbox.__init__

    def prepare(self: port.Inbox, *arguments: object) -> None:
        usual(self, *arguments)  # type: ignore[arg-type]
        self.queue = _KeepingQueue(log)

    port.Inbox.__init__ = prepare  # type: ignore[method-assign, assignment]
    try:
        yield
    finally:
        port.Inbox.__init__ = usual  # type: ignore[method-assign]
        os.close(log)


@dataclass(frozen=True)
class Loss:
    """A scene in which notes or releases did not come through.

    ``before`` of the notes did not reach perf-live, ``within`` reached it and were not heard; ``held`` keys and pedals stayed down because
    their release did not reach it. ``missing``: when each message was sent that did not reach it, seconds after the fault began, which took
    ``fault_s``. ``longest_wait_s``: from when a note was sent until it was heard. ``said``: by perf-live on standard error meanwhile.
    """

    time_s: float
    fault: str
    fault_s: float
    scene_s: float
    before: int
    within: int
    held: int
    missing: tuple[tuple[float, str], ...]
    longest_wait_s: float
    said: tuple[str, ...]


def missing(sent: Sequence[Entry], came: Sequence[Entry]) -> list[Entry]:
    """Return what of ``sent`` did not come, in order; others may have come besides."""
    matcher = SequenceMatcher(None, [each.message for each in sent], [each.message for each in came], autojunk=False)
    return [each for kind, first, end, *_ in matcher.get_opcodes() if kind in ("delete", "replace") for each in sent[first:end]]
