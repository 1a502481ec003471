"""The events that have passed a place of a run, for whoever looks on: who plays leaves them here and waits for nobody."""

from engine.midi.events import Event

SIZE = 4096  # events; at thirty looks a second a reader may fall behind at more than 120,000 events a second only
LONGEST = 3  # bytes; exclusive messages, which may be long, are not kept


class EventRing:
    """The last ``SIZE`` events and when they passed. One thread puts, any number of others read, and no lock is taken."""

    def __init__(self) -> None:
        self.count = 0  # of the events that were put: the place of the next one
        self._slots: list[tuple[int, Event] | None] = [None] * SIZE

    def put(self, time_ns: int, event: Event) -> None:
        """Take note of an event that passes at ``time_ns``."""
        if len(event.message) <= LONGEST:
            self._slots[self.count % SIZE] = time_ns, event
            self.count += 1

    def read(self, place: int) -> tuple[list[tuple[int, Event]], int, int]:
        """Return the events from a place on, each after its time; the place that follows; and how many were there no more.

        The place is 0 at first, then what was returned last.
        """
        end = self.count
        first = max(place, end - SIZE)
        read = [self._slots[index % SIZE] for index in range(first, end)]
        kept = max(first, self.count - SIZE + 1)  # what was put meanwhile has taken the places of the oldest; one is being put now
        return [each for each in read[kept - first :] if each], end, min(kept, end) - place
