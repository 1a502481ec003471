"""A performer is exchanged for another in mid-chord: no note is lost, none stays, and each ends."""

from collections import Counter

import pytest
from engine_runs import MS, LookAheadPerformer, LookAheadStream
from hypothesis import given, settings
from hypothesis import strategies as st
from steered_runs import steer

from engine.base.clock import MonotonicClock
from engine.midi.events import Event, control_change, is_note_off, is_note_on, note_off, note_on
from engine.midi.routing import Routing
from engine.performers.passthrough.performer import PassthroughPerformer
from engine.systems import Kind


class LateStream(LookAheadStream):
    """Gives what it holds out when it is due, and closes what nobody else would."""

    def finish(self):
        return []


class Late(LookAheadPerformer):
    plays = Kind.NOTES

    def __init__(self, name, latency_ms):
        self.name, self.latency_ns = name, latency_ms * MS

    def check(self, request):
        pass

    def perform(self, material, request, controls, seed, live):
        return LateStream(self.latency_ns)

    def create_stream(self, seed, controls):
        return LateStream(self.latency_ns)


AT_ONCE, SOON, LATER = PassthroughPerformer(), Late("soon", 70), Late("later", 300)
ALL = {"passthrough": AT_ONCE, "soon": SOON, "later": LATER}


def assert_whole(given, sent):
    """Check that each note-on came out once, and each was ended by a note-off after it."""
    began = Counter(event.message[:2] for event in given if is_note_on(event.message))
    assert Counter(event.message[:2] for event in sent if is_note_on(event.message)) == began
    sounding = Counter()
    for event in sent:
        key = (event.message[0] & 15, event.message[1])
        if is_note_on(event.message):
            sounding[key] += 1
        elif is_note_off(event.message):
            sounding[key] = max(0, sounding[key] - 1)
    assert not +sounding
    pedals = {event.message[:2]: event.message[2] for event in sent if event.message[0] & 0xF0 == 0xB0 and event.message[1] == 64}
    assert not any(pedals.values())


@pytest.mark.parametrize("first", ALL)
@pytest.mark.parametrize("second", ALL)
def test_a_chord_that_is_held_through_an_exchange_ends_when_its_keys_are_let_go(first, second):
    chord = [Event(0, control_change(0, 64, 127)), *(Event(0, note_on(0, pitch, 64)) for pitch in (60, 64, 67))]
    drum, past = [Event(95 * MS, note_on(9, 38, 1))], [Event(110 * MS, note_off(9, 38)), Event(120 * MS, control_change(0, 64, 0))]
    ends = [Event(200 * MS, note_off(0, pitch)) for pitch in (60, 64, 67)]
    new = [Event(150 * MS, note_on(0, 72, 64)), Event(250 * MS, note_off(0, 72)), Event(900 * MS, b"\xc0\x00")]
    events = [*chord, *drum, *past, *sorted([*new[:1], *ends, *new[1:]])]
    before, after = ALL[first].latency_ns, ALL[second].latency_ns
    report, sink, source, _ = steer(events, [(100 * MS, f"performer {second}")], ALL[first], ALL.values())
    assert source.said == [f"{second} plays"]
    placed = {event.message: event.time_ns for event in sink.sent if is_note_on(event.message) or is_note_off(event.message)}
    assert [placed[note_off(0, pitch)] for pitch in (60, 64, 67)] == [200 * MS + before] * 3
    assert (placed[note_on(0, 72, 64)], placed[note_off(0, 72)]) == (150 * MS + after, 250 * MS + after)
    assert placed[note_off(9, 38)] == 110 * MS + before
    assert_whole(events, sink.sent)
    assert report.events_out == len(sink.sent)  # nothing had to be released at the end


@st.composite
def takes(draw):
    """Return a take in which every key is let go, and when it is played by whom."""
    events = []
    for _ in range(draw(st.integers(1, 12))):
        begin, length = draw(st.integers(0, 900)), draw(st.integers(1, 500))
        pitch, channel = draw(st.integers(60, 63)), draw(st.sampled_from((0, 9, 3)))
        events += [(begin, 1, note_on(channel, pitch, 64)), (begin + length, 0, note_off(channel, pitch))]
    for _ in range(draw(st.integers(0, 3))):
        begin = draw(st.integers(0, 900))
        events += [(begin, 2, control_change(0, 64, 127)), (begin + draw(st.integers(1, 500)), 2, control_change(0, 64, 0))]
    events.sort()
    requests = sorted((draw(st.integers(1, 1400)), draw(st.sampled_from(sorted(ALL)))) for _ in range(draw(st.integers(1, 5))))
    in_order = [Event(time_ms * MS, message) for time_ms, _, message in events]
    in_order += [Event(2_500 * MS, control_change(0, 64, 0)), Event(3_500 * MS, b"\xc0\x00")]
    return in_order, [(time_ms * MS + 1, f"performer {name}") for time_ms, name in requests]


@settings(max_examples=300, deadline=None)
@given(takes(), st.sampled_from(sorted(ALL)))
def test_whatever_is_played_and_exchanged_all_notes_come_and_end(take, first):
    events, requests = take
    report, sink, _, _ = steer(events, requests, ALL[first], ALL.values(), routing=Routing(frozenset({3})))
    assert_whole(events, sink.sent)
    assert report.events_out == len(sink.sent)


def test_the_sender_is_exchanged_too_where_another_thread_has_sent():
    events = sorted(
        Event(time_ms * MS, message)
        for number in range(12)
        for time_ms, message in ((40 * number, note_on(0, 60 + number, 64)), (40 * number + 100, note_off(0, 60 + number)))
    )
    events.append(Event(900 * MS, b"\xc0\x00"))
    requests = [(130 * MS, "performer passthrough"), (330 * MS, "performer soon"), (420 * MS, "performer later")]
    report, sink, source, engine = steer(events, requests, LATER, ALL.values(), clock=MonotonicClock())
    assert source.said == ["passthrough plays", "soon plays", "later plays"]
    assert_whole(events, sink.sent)
    assert report.events_out == len(sink.sent) and report.late == 0 or report.most_lateness_ns < 10**9
