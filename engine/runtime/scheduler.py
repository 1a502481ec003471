"""A queue of events by due time. It also counts late events and knows which notes still sound."""

import heapq
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar

from engine.midi.events import ALL_NOTES_OFF, ALL_SOUND_OFF, SUSTAIN_PEDAL, Event, control_change
from engine.midi.ledger import NoteLedger
from engine.runtime.event_ring import EventRing

LATE_NS = 10_000_000  # later than this is counted: a steady 10 ms is not felt, more is (Jack, Stockman and McPherson 2016)

LateObserver = Callable[[int, int], None]  # is told when an event was due and when it was sent, nanoseconds
_observer: ContextVar[LateObserver | None] = ContextVar("late_observer", default=None)


@contextmanager
def observe_late_events(observer: LateObserver) -> Iterator[None]:
    """Let each scheduler that the block makes tell ``observer`` of every event that it counts as late, on the thread that sends."""
    token = _observer.set(observer)
    try:
        yield
    finally:
        _observer.reset(token)


class Scheduler:
    """Events in order of their due time; those due at the same time leave in the order in which they came."""

    def __init__(self) -> None:
        self._on_late = _observer.get()
        self.ledger = NoteLedger()
        self.passed = EventRing()  # what was sent, and when
        self.sent = 0
        self.late = 0  # sent more than LATE_NS after they were due
        self.most_lateness_ns = 0
        self.last_due_ns = 0  # the latest due time of what was sent
        self._channels = 0  # that anything was sent on, one bit each
        self._heap: list[tuple[int, int, Event]] = []
        self._added = 0

    def __len__(self) -> int:
        return len(self._heap)

    def add(self, event: Event) -> None:
        heapq.heappush(self._heap, (event.time_ns, self._added, event))
        self._added += 1

    def next_due_ns(self) -> int | None:
        return self._heap[0][0] if self._heap else None

    def goes_first(self, event: Event, now_ns: int) -> bool:
        """True when ``event`` is due and nothing waits before it, so that it need not be added at all."""
        return event.time_ns <= now_ns and (not self._heap or self._heap[0][0] > event.time_ns)

    def pop_due(self, now_ns: int) -> list[Event]:
        """Return what is due by ``now_ns``, in order, and take it off."""
        due = []
        while self._heap and self._heap[0][0] <= now_ns:
            due.append(heapq.heappop(self._heap)[2])
        return due

    def silence(self, now_ns: int) -> list[Event]:
        """Forget all that is to come; return what ends every sound on the channels that were used, whatever the receiver believes."""
        self._heap.clear()
        events = self.ledger.release_all(now_ns)
        for channel in (channel for channel in range(16) if self._channels >> channel & 1):
            events += [Event(now_ns, control_change(channel, number, 0)) for number in (SUSTAIN_PEDAL, ALL_SOUND_OFF, ALL_NOTES_OFF)]
        return events

    def withdraw(self, track: int, now_ns: int) -> list[Event]:
        """Forget what is to come of a track; return what ends what sounds of it."""
        self._heap = [each for each in self._heap if each[2].track != track]
        heapq.heapify(self._heap)
        return [event for event in self.ledger.releases(now_ns) if event.track == track]

    def account(self, event: Event, now_ns: int) -> None:
        """Count an event that is being sent at ``now_ns``."""
        self.sent += 1
        if event.message[0] < 0xF0:
            self._channels |= 1 << (event.message[0] & 0x0F)
        if event.time_ns > self.last_due_ns:
            self.last_due_ns = event.time_ns
        lateness_ns = now_ns - event.time_ns
        if lateness_ns > self.most_lateness_ns:
            self.most_lateness_ns = lateness_ns
        if lateness_ns > LATE_NS:
            self.late += 1
            if self._on_late:
                self._on_late(event.time_ns, now_ns)
        self.ledger.observe(event.message, event.track)
        self.passed.put(now_ns, event)
