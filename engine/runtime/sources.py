"""Where events come from: a port, or a file played against a clock."""

import queue
from typing import Any, Protocol

from engine.base.clock import Clock
from engine.midi.events import Event
from engine.midi.file import MidiTimeline

UPCOMING_EVENTS = 32  # shown together: a performer thinks faster of many, but while it does, none leaves


class Source(Protocol):
    @property
    def exhausted(self) -> bool:
        """True once no further event can come."""

    @property
    def track_names(self) -> tuple[str, ...]:
        """The names of the tracks that events come from, "" for one without; none of a port."""

    def start(self, start_ns: int) -> None:
        """Begin: the time 0 of a file is ``start_ns`` on the clock."""

    def receive(self, until_ns: int | None) -> Event | None:
        """Wait for the next event; return None when there is none by ``until_ns`` (None: wait however long). It may return None early."""

    def receive_waiting(self) -> list[Event]:
        """Return the further events that have come together with the one just received, without waiting."""

    def upcoming(self) -> list[Event]:
        """Return the next of the events that are known before their time, or [] until those that were returned last are received."""

    def wake(self) -> None:
        """End a wait that is going on, or else the next one. Safe from any thread and from a signal handler."""

    def close(self) -> None:
        """Let go of the device."""


class Port(Protocol):
    """What events come through from elsewhere, stamped; a None wakes whoever waits."""

    inbox: "queue.SimpleQueue[Event | None]"

    def close(self) -> None:
        """Let go of the device."""


class PortSource:
    """Events from an input port, in order of arrival and stamped on arrival."""

    exhausted = False
    track_names = ()

    def __init__(self, port: Port, clock: Clock):
        self._port = port
        self._clock = clock

    def start(self, start_ns: int) -> None:
        pass

    def receive(self, until_ns: int | None) -> Event | None:
        return self._clock.wait(self._port.inbox, until_ns)

    def receive_waiting(self) -> list[Event]:
        inbox, events = self._port.inbox, []
        while not inbox.empty():
            if (event := inbox.get_nowait()) is None:
                self.wake()  # that None was a call to wake, and there is a wait to come
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
    """A file's events, each when the clock reaches it; on a virtual clock as fast as they can be taken."""

    def __init__(self, timeline: MidiTimeline, clock: Clock):
        self._events = timeline.events
        self.track_names = timeline.track_names
        self._clock = clock
        self._next = 0
        self._shown = 0  # how many were upcoming, from the first on
        self._start_ns = 0
        self._alarm: queue.SimpleQueue[Any] = queue.SimpleQueue()  # nothing comes through it but the call to wake

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
        """On every clock the same ones together, so that a file is performed the same."""
        if self._next < self._shown:
            return []
        shown = self._events[self._next : self._next + UPCOMING_EVENTS]
        self._shown += len(shown)
        return [event._replace(time_ns=self._start_ns + event.time_ns) for event in shown]

    def wake(self) -> None:
        self._alarm.put(None)

    def close(self) -> None:
        pass
