"""Ableton Link with the real library: another peer in this process sets tempo, place in the bar and transport."""

import queue
import sys
import time

import pytest
from link_peer import LIMIT_S, TEMPO, link_peer, wait_for

from engine.base.clock import MonotonicClock
from engine.base.errors import UsageError
from engine.midi.clock.ableton_link import LinkSession, check_available
from engine.midi.clock.messages import MidiClock
from engine.midi.events import LINK_TRACK


@pytest.fixture
def peer():
    with link_peer() as program:
        yield program


def test_tempo_and_place_in_the_bar_are_the_peers(peer):
    heard, clock, engine_clock = queue.SimpleQueue(), MidiClock(), MonotonicClock()
    session = LinkSession(engine_clock, heard.put, lambda plays: None)
    with session.followed():
        for _ in range(100):
            event = heard.get(timeout=LIMIT_S)
            assert event.track == LINK_TRACK
            clock.follow(event)
        now_us, now_ns = peer.clock().micros(), engine_clock.now_ns()
        reading = clock.read(now_ns)
        assert wait_for(lambda: session.describe().startswith("Link: 97 quarters a minute, "))
    assert 60e9 / reading.beat_ns == pytest.approx(TEMPO, rel=0.01)
    apart = reading.song_quarter - peer.captureAppSessionState().phaseAtTime(now_us, 4)
    assert abs((apart + 2) % 4 - 2) < 0.05


def test_a_new_tempo_is_followed_and_the_place_is_kept(peer):
    heard, clock = queue.SimpleQueue(), MidiClock()
    with LinkSession(MonotonicClock(), heard.put, lambda plays: None).followed():
        for _ in range(30):
            clock.follow(heard.get(timeout=LIMIT_S))
        segment = clock.read(time.monotonic_ns()).segment
        state = peer.captureAppSessionState()
        state.setTempo(132.0, peer.clock().micros())
        peer.commitAppSessionState(state)
        for _ in range(100):
            clock.follow(heard.get(timeout=LIMIT_S))
    reading = clock.read(time.monotonic_ns())
    assert (60e9 / reading.beat_ns, reading.segment) == (pytest.approx(132.0, rel=0.01), segment)


def test_others_begin_and_stop(peer):
    told = []
    with LinkSession(MonotonicClock(), lambda event: None, told.append).followed():
        assert wait_for(peer.numPeers)
        time.sleep(0.2)
        for plays in (True, False):
            state = peer.captureAppSessionState()
            state.setIsPlaying(plays, peer.clock().micros())
            peer.commitAppSessionState(state)
            assert wait_for(lambda plays=plays: told[-1:] == [plays])
    assert told == [True, False]


def test_without_peers_there_is_no_beat():
    heard = []
    with LinkSession(MonotonicClock(), heard.append, heard.append).followed():
        time.sleep(0.1)
    assert heard == []


def test_a_missing_library_is_named_in_one_line(monkeypatch):
    monkeypatch.setitem(sys.modules, "link", None)
    with pytest.raises(UsageError, match=r"^--link needs LinkPython-extern; install it with pip install 'perf-live\[link\]'$"):
        check_available()
