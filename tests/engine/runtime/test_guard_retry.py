"""Notes that are held while a performer is left out end when their keys are let go, though it plays again by then."""

from random import Random

import pytest
import synthetic_dexter

from engine.base.clock import VirtualClock
from engine.midi.events import Event, is_note_on, note_off, note_on
from engine.performers.registry import load_performer
from engine.runtime.guarding import guard
from engine.runtime.guarding.guard import GuardedStream

MS = 1_000_000
LOOKAHEAD_S = 2.0


@pytest.fixture
def guarded(monkeypatch, tmp_path):
    """A performer that looks ahead, its clock, and what is called to let time pass until then."""
    monkeypatch.setattr(guard, "say", lambda line: None)
    performer, clock = load_performer("dexter", synthetic_dexter.write_models(tmp_path), lookahead_s=LOOKAHEAD_S), VirtualClock()
    stream = GuardedStream(performer.create_stream(0, {}), "dexter", performer.latency_ns, clock, resumes=False)
    sent: list[Event] = []

    def until(time_ns):
        while (due_ns := stream.next_due_ns()) is not None and due_ns <= time_ns:
            clock.sleep_until(due_ns)
            sent.extend(stream.advance(clock.now_ns()))
        clock.sleep_until(time_ns)

    return stream, sent, until


def play(stream, sent, time_ns, message):
    sent.extend(stream.feed(Event(time_ns, message), False))


def in_order(sent):
    return [event.message[:2] for event in sorted(sent, key=lambda event: event.time_ns)]


def test_a_key_that_was_struck_meanwhile_and_is_let_go_later(guarded):
    stream, sent, until = guarded
    stream.tell(lambda: 1 / 0)
    play(stream, sent, 10 * MS, note_on(0, 60, 64))
    until(3_000 * MS)  # it is tried again after two seconds
    assert not stream._left_out
    play(stream, sent, 3_000 * MS, note_off(0, 60))
    until(9_000 * MS)
    assert in_order(sent) == [b"\x90\x3c", b"\x80\x3c"]
    assert [event.time_ns for event in sent] == [2_010 * MS, 5_000 * MS]


@pytest.mark.parametrize("seed", [7, 8, 28, 46])
def test_whatever_is_played_and_fails_every_note_comes_and_ends(guarded, seed):
    stream, sent, until = guarded
    random, time_ns, down, struck = Random(seed), 0, set(), 0
    for _ in range(300):
        time_ns += random.randrange(5, 200) * MS
        until(time_ns)
        if random.random() < 0.03:
            stream.tell(lambda: 1 / 0)
        key = random.randrange(60, 72)
        struck += key not in down
        play(stream, sent, time_ns, note_off(0, key) if key in down else note_on(0, key, 64))
        down ^= {key}
    for key in sorted(down):
        play(stream, sent, time_ns, note_off(0, key))
    until(time_ns + 20_000 * MS)
    sent += stream.finish()
    ends = {key: is_note_on(event.message) for event in sorted(sent, key=lambda event: event.time_ns) for key in [event.message[1]]}
    assert sum(is_note_on(event.message) for event in sent) == struck
    assert not any(ends.values())
