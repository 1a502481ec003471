"""Nobody waits for JACK with Python's lock in his hand, and nothing is lost because too much was sent at once."""

import threading
from random import Random

import pytest

from engine.base.clock import MonotonicClock
from engine.bench.measuring.programs import jack_server_of
from engine.midi import ports
from engine.midi.ports import jack, ring
from engine.midi.ports.jack import Period

RING_BYTES = 16_384  # JACK_RINGBUFFER_SIZE of RtMidi.cpp, of which one byte stays free
HEAD_BYTES = 4  # it writes the length before each message
EXCLUSIVES = [b"\xf0\x7d" + bytes((first + place) % 128 for place in range(13_000)) + b"\xf7" for first in range(6)]
LONG_PERIOD_FRAMES = 8_192  # 171 ms


class Server:
    """Fetches what is in the ring at some moment of each period, in simulated time."""

    def __init__(self, period_ns: int, seed: int):
        self.now_ns, self._period_ns, self._random = 0, period_ns, Random(seed)
        self.held, self._fetches_ns = 0, self._moment(0)

    def _moment(self, number: int) -> int:
        return number * self._period_ns + self._random.randrange(self._period_ns)

    def advance(self, by_ns: int) -> None:
        self.now_ns += by_ns
        while self._fetches_ns <= self.now_ns:
            self.held, self._fetches_ns = 0, self._moment(self._fetches_ns // self._period_ns + 1)

    def period(self) -> Period:
        return Period(self.now_ns % self._period_ns, self._period_ns)

    def monotonic_ns(self) -> int:
        return self.now_ns

    def sleep(self, seconds: float) -> None:
        self.advance(round(seconds * 1e9))


@pytest.fixture
def server(request, monkeypatch):
    simulated = Server(*request.param)
    monkeypatch.setattr(ring, "time", simulated)
    monkeypatch.setattr(jack, "period", simulated.period)
    return simulated


@pytest.mark.parametrize("server", [(1_333_333, 1), (21_333_333, 2), (42_666_667, 3)], indirect=True)
def test_the_ring_never_holds_more_than_it_can_and_nobody_waits_longer_than_needed(server):
    random, written = Random(4), ring.Ring()
    for _ in range(3_000):
        length = random.choice((1, 3, 3, 3, 500, 13_000, 16_000))
        before_ns = server.now_ns
        assert written.make_room(length, lambda: False)
        assert server.now_ns - before_ns <= 2 * server.period().length_ns + 1_000_000
        server.held += length + HEAD_BYTES
        assert server.held < RING_BYTES
        server.advance(random.choice((0, 0, 1_000, 300_000, 100_000_000)))


@pytest.mark.parametrize("server", [(1_333_333, 1)], indirect=True)
def test_a_note_that_fits_waits_for_nothing(server):
    written = ring.Ring()
    for _ in range((RING_BYTES - 1) // (3 + HEAD_BYTES)):
        written.make_room(3, lambda: False)
    assert server.now_ns == 0


@pytest.mark.parametrize("server", [(42_666_667, 1)], indirect=True)
def test_only_what_was_written_lately_is_remembered(server):
    written = ring.Ring()
    for _ in range(1_000):
        written.make_room(3, lambda: False)
        server.advance(20_000_000)
        assert len(written._written) <= 1_000 // 20 + 2


@pytest.mark.parametrize("server", [(1_000_000_000, 1)], indirect=True)
def test_who_has_given_up_waits_no_longer(server):
    written = ring.Ring()
    assert written.make_room(16_000, lambda: True)
    assert not written.make_room(16_000, lambda: True)
    assert server.now_ns == 0


def test_where_periods_are_not_known_nobody_waits(monkeypatch):
    monkeypatch.setattr(jack, "period", lambda: None)
    written = ring.Ring()
    assert all(written.make_room(16_000, lambda: True) for _ in range(5))


@pytest.mark.jack
def test_other_threads_go_on_while_system_exclusives_wait_for_room(jack_server):
    turns, done = [0], threading.Event()

    def take_turns() -> None:
        while not done.wait(0.001):
            turns[0] += 1

    with jack_server_of(LONG_PERIOD_FRAMES):
        keyboard = ports.open_output("ring-keys", "jack", virtual=True)
        port = ports.open_input("ring-keys", MonotonicClock(), "jack")
        thread = threading.Thread(target=take_turns)
        thread.start()
        try:
            during = []
            for message in EXCLUSIVES:
                before = turns[0]
                keyboard.send(message)
                during.append(turns[0] - before)
            heard = [port.inbox.get(timeout=30).message for _ in EXCLUSIVES]
        finally:
            done.set()
            thread.join()
            port.close()
            keyboard.close()
    assert heard == EXCLUSIVES
    assert max(during) > 10, "it has waited with Python's lock in its hand"
