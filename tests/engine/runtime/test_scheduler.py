from hypothesis import given
from hypothesis import strategies as st

from engine.midi.events import Event, note_on
from engine.runtime.scheduler import LATE_NS, Scheduler, observe_late_events


@given(st.lists(st.integers(0, 20)), st.lists(st.integers(0, 25)))
def test_events_leave_by_due_time_and_then_in_the_order_they_came(due_times, looks):
    scheduler = Scheduler()
    events = [Event(time_ns, note_on(0, 60, 1 + i % 127), track=i) for i, time_ns in enumerate(due_times)]
    for event in events:
        scheduler.add(event)
    assert scheduler.next_due_ns() == min(due_times, default=None)
    left = []
    for now_ns in sorted(looks) + [99]:
        left += scheduler.pop_due(now_ns)
        assert all(event.time_ns <= now_ns for event in left)
        next_due_ns = scheduler.next_due_ns()
        assert next_due_ns is None or next_due_ns > now_ns
    assert left == sorted(events, key=lambda event: event.time_ns)
    assert len(scheduler) == 0


def test_an_event_goes_first_only_when_due_and_nothing_waits_before_it():
    scheduler = Scheduler()
    now = Event(10, b"\xf8")
    assert scheduler.goes_first(now, 10)
    assert not scheduler.goes_first(now, 9)
    scheduler.add(Event(11, b"\xf8"))
    assert scheduler.goes_first(now, 10)
    scheduler.add(Event(10, b"\xf8"))
    assert not scheduler.goes_first(now, 10)


def test_lateness_is_counted_beyond_the_stated_tolerance():
    scheduler = Scheduler()
    scheduler.account(Event(0, note_on(0, 60, 1)), LATE_NS)
    assert (scheduler.late, scheduler.most_lateness_ns) == (0, LATE_NS)
    scheduler.account(Event(5, note_on(0, 61, 1)), LATE_NS + 6)
    assert (scheduler.sent, scheduler.late, scheduler.most_lateness_ns, scheduler.last_due_ns) == (2, 1, LATE_NS + 1, 5)
    assert scheduler.ledger.sounding == 2


def test_an_observer_is_told_of_late_events_alone_and_only_by_schedulers_of_its_block():
    told, before = [], Scheduler()
    with observe_late_events(lambda due_ns, sent_ns: told.append((due_ns, sent_ns))):
        within = Scheduler()
    for scheduler in (before, within, Scheduler()):
        scheduler.account(Event(5, b"\xf8"), 5 + LATE_NS)
        scheduler.account(Event(6, b"\xf8"), 7 + LATE_NS)
        assert scheduler.late == 1
    assert told == [(6, 7 + LATE_NS)]
