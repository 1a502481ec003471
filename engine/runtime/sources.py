"""Where events come from: a port, or a file played against a clock."""

import queue
from typing import Any, Protocol

from engine.base.clock import Clock
from engine.midi.events import Event
from engine.midi.file import MidiTimeline

# Shown of a file, or received from a port, at once: a performer computes many together faster, but nothing is sent meanwhile, and its
# memory grows with their number.
UPCOMING_EVENTS = 32


class Source(Protocol):
    @property
    def exhausted(self) -> bool:
        """True once no further event can come."""

    @property
    def silent(self) -> bool:
        """True when no event comes of it at all."""

    @property
    def track_names(self) -> tuple[str, ...]:
        """The names of the tracks that events come from, "" for one without; none of a port."""

    def start(self, start_ns: int) -> None:
        """Begin. Time 0 of a file is ``start_ns`` on the clock."""

    def receive(self, until_ns: int | None) -> Event | None:
        """Wait for the next event until ``until_ns``, or for as long as it takes when that is None. Return None when none has come.

        It may return None early.
        """

    def receive_waiting(self) -> list[Event]:
        """Return, without waiting, the events that have arrived after the one just received, UPCOMING_EVENTS at most."""

    def upcoming(self) -> list[Event]:
        """Return the next events of a file, which are known before their time. Return [] until those returned last have been received."""

    def wake(self) -> None:
        """End the present wait or, when there is none, the next one. Safe from any thread and from a signal handler."""

    def close(self) -> None:
        """Release the device."""


class Port(Protocol):
    """An input port whose own thread puts events, stamped on arrival, into ``inbox``. A None wakes whoever waits there."""

    inbox: "queue.SimpleQueue[Event | None]"

    def close(self) -> None:
        """Release the device."""


class PortSource:
    """The events of an input port, in order of arrival and stamped on arrival."""

    exhausted = silent = False
    track_names = ()

    def __init__(self, port: Port, clock: Clock):
        self._port = port
        self._clock = clock

    def start(self, start_ns: int) -> None:
        pass

    def receive(self, until_ns: int | None) -> Event | None:
        return self._clock.wait(self._port.inbox, until_ns)

    def receive_waiting(self) -> list[Event]:
        inbox = self._port.inbox
        events: list[Event] = []
        while len(events) < UPCOMING_EVENTS and not inbox.empty():
            if (event := inbox.get_nowait()) is None:
                self.wake()  # the None was meant to end a wait, and the next one is yet to come
                break
            events.append(event)
        return events

    def upcoming(self) -> list[Event]:
        return []

    def wake(self) -> None:
        self._port.inbox.put(None)

    def close(self) -> None:
        self._port.close()


class FileSource:
    """The events of a file, each when the clock reaches its time. On a virtual clock they come as fast as they are taken."""

    silent = False

    def __init__(self, timeline: MidiTimeline, clock: Clock):
        self._events = timeline.events
        self.track_names = timeline.track_names
        self._clock = clock
        self._next = 0
        self._shown = 0  # events, from the first on, that ``upcoming`` has returned
        self._start_ns = 0
        self._alarm: queue.SimpleQueue[Any] = queue.SimpleQueue()  # only ``wake`` puts anything into it

    @property
    def exhausted(self) -> bool:
        return self._next == len(self._events)

    def start(self, start_ns: int) -> None:
        self._start_ns = start_ns

    def receive(self, until_ns: int | None) -> Event | None:
        if self.exhausted:
            return self._clock.wait(self._alarm, until_ns)
        event = self._events[self._next]
        due_ns = self._start_ns + event.time_ns
        self._clock.wait(self._alarm, due_ns if until_ns is None else min(due_ns, until_ns))
        if self._clock.now_ns() < due_ns or (until_ns is not None and until_ns < due_ns):
            return None
        self._next += 1
        return event._replace(time_ns=due_ns)

    def receive_waiting(self) -> list[Event]:
        return []

    def upcoming(self) -> list[Event]:
        """Return groups that do not depend on the clock, so that a file is performed the same live and offline."""
        if self._next < self._shown:
            return []
        shown = self._events[self._next : self._next + UPCOMING_EVENTS]
        self._shown += len(shown)
        return [event._replace(time_ns=self._start_ns + event.time_ns) for event in shown]

    def wake(self) -> None:
        self._alarm.put(None)

    def close(self) -> None:
        pass
