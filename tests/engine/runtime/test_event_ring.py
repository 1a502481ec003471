"""The ring that who plays leaves events in: nothing is lost unsaid, and nothing comes twice, however slow the reader is."""

import threading
import time

from engine.midi.events import Event, note_on
from engine.runtime.event_ring import SIZE, EventRing


def test_each_reader_has_its_own_place():
    ring = EventRing()
    events = [Event(number, note_on(0, 60, 1)) for number in range(5)]
    for event in events[:3]:
        ring.put(event.time_ns + 7, event)
    first, place, missing = ring.read(0)
    assert (first, place, missing) == ([(event.time_ns + 7, event) for event in events[:3]], 3, 0)
    for event in events[3:]:
        ring.put(event.time_ns, event)
    assert [event for _, event in ring.read(place)[0]] == events[3:]
    assert [event for _, event in ring.read(0)[0]] == events
    assert ring.read(5) == ([], 5, 0)


def test_a_reader_that_comes_too_late_is_told_how_much_it_missed():
    ring = EventRing()
    for number in range(SIZE + 10):
        ring.put(number, Event(number, note_on(0, 60, 1)))
    read, place, missing = ring.read(4)
    assert missing + len(read) == SIZE + 6 and place == SIZE + 10
    assert [time_ns for time_ns, _ in read] == list(range(SIZE + 10 - len(read), SIZE + 10))


def test_long_messages_are_not_kept():
    ring = EventRing()
    ring.put(0, Event(0, b"\xf0" + bytes(10_000) + b"\xf7"))
    assert ring.read(0) == ([], 0, 0)


def slow_range(first, end):
    """Let the other thread go on in the middle of a reading."""
    for index in range(first, end):
        if index % 500 == 0:
            time.sleep(0.0005)
        yield index


def test_what_is_read_while_another_thread_puts_is_in_order_and_complete_or_counted(monkeypatch):
    ring, most, place, seen, missed = EventRing(), 30 * SIZE, 0, [], 0
    event = Event(0, note_on(0, 60, 1))
    writer = threading.Thread(target=lambda: [ring.put(number, event) for number in range(most)])
    monkeypatch.setattr("engine.runtime.event_ring.range", slow_range, raising=False)
    writer.start()
    while place < most:
        before = place
        read, place, missing = ring.read(place)
        missed += missing
        numbers = [number for number, _ in read]
        assert numbers == list(range(before + missing, place))
        seen += numbers
    writer.join()
    assert len(seen) + missed == most
