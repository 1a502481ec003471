"""The page as an end of a run: ``--in page`` and ``--out page``. What serves the page (``viewing/page``) ties them to browsers."""

import queue
from collections.abc import Callable
from dataclasses import dataclass

from engine.midi.events import Event

PAGE = "page"  # what the command line calls it
MOST_WAITING = 4096  # events that nobody has taken yet; more are left out, since nobody is there to hear them


class PageSink:
    """Holds what is sent until it is taken for the page (see engine/runtime/sinks.py)."""

    def __init__(self) -> None:
        self._waiting: queue.SimpleQueue[Event | None] = queue.SimpleQueue()

    def start(self, origin_ns: int) -> None:
        pass

    def send(self, event: Event) -> None:
        if self._waiting.qsize() < MOST_WAITING:
            self._waiting.put(event)

    def close(self) -> None:
        self._waiting.put(None)

    def abort(self) -> None:
        self.close()

    def take(self) -> list[Event]:
        """Wait for events and return all that are there; none once the sink is closed."""
        events: list[Event] = []
        while (event := self._waiting.get()) is not None:
            events.append(event)
            if self._waiting.empty():
                return events
        self._waiting.put(None)  # for whoever asks again
        return events


@dataclass
class PageEnds:
    """Which ends of a run are on the page: ``hear`` takes what is played there, ``sink`` holds what is to be heard there."""

    hear: Callable[[Event], None] | None = None
    sink: PageSink | None = None
