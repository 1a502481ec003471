"""Ports whose other end goes and comes back, on a real JACK server."""

import queue
import threading
import time
from contextlib import contextmanager
from functools import partial
from itertools import count
from types import SimpleNamespace

import pytest
import rtmidi

from engine.base.clock import MonotonicClock
from engine.midi import ports
from engine.midi.events import control_change, note_off, note_on
from engine.midi.ports import clients, jack, links
from engine.midi.ports.echoes import MOST_REMEMBERED, Echoes
from engine.midi.ports.sent import SentState
from engine.performers.passthrough.performer import PassthroughPerformer
from engine.runtime.loop import Engine
from engine.runtime.sinks import PortSink
from engine.runtime.sources import PortSource

pytestmark = pytest.mark.jack
PATIENCE_S = 30
PASSTHROUGH = PassthroughPerformer()
AWAY_S = 0.1  # at least: JACK's threads must have let go of the port
HELD = [note_on(0, 60, 64), note_on(3, 72, 5), control_change(0, 64, 127)]
RELEASED = [note_off(0, 60), note_off(3, 72), control_change(0, 64, 0)]


@pytest.fixture
def peer(jack_server):
    peer = Peer("keyboard", "module")
    yield peer
    peer.close()


class Peer:
    """Another program: its output is called keys, its input synth. Either can be unplugged and plugged in again."""

    def __init__(self, keyboard, module):
        self.heard = queue.SimpleQueue()
        self.keyboard, self.module = keyboard, module
        self.keys = self.synth = None
        self.plug("input")
        self.plug("output")

    def plug(self, direction):
        if direction == "input":
            self.keys = ports.new_client(rtmidi.MidiOut, "jack", self.keyboard)
            self.keys.open_virtual_port("keys")
        else:
            self.synth = ports.new_client(rtmidi.MidiIn, "jack", self.module)
            self.synth.set_callback(lambda message, _: self.heard.put(bytes(message[0])))
            self.synth.open_virtual_port("synth")

    def unplug(self, direction):
        if direction == "input":
            port, self.keys = self.keys, None
        else:
            port, self.synth = self.synth, None
        port.close_port()
        time.sleep(AWAY_S)
        port.delete()
        clients.forget(port)

    def play(self, *messages):
        for message in messages:
            self.keys.send_message(message)

    def hears(self, count):
        return [self.heard.get(timeout=PATIENCE_S) for _ in range(count)]

    def close(self):
        for port in filter(None, (self.keys, self.synth)):  # one after the other: JACK's library does not stand both at once
            ports.release(port)


def opened(direction):
    return ports.open_input("keyboard:keys", MonotonicClock()) if direction == "input" else ports.open_output("module:synth")


def messages_of(port, count):
    return [port.inbox.get(timeout=PATIENCE_S).message for _ in range(count)]


@pytest.mark.parametrize("away_s", [0, 0.3])
def test_a_keyboard_that_comes_back_is_heard_again_and_its_keys_were_lifted(peer, away_s):
    port, said = ports.open_input("keys", MonotonicClock()), queue.SimpleQueue()
    with ports.watch([port], said.put):
        peer.play(*HELD)
        assert messages_of(port, 3) == HELD
        peer.unplug("input")
        time.sleep(away_s)
        peer.plug("input")
        assert messages_of(port, 3) == RELEASED
        assert said.get(timeout=PATIENCE_S) == "port 'keyboard:keys' has gone; waiting for it"
        assert said.get(timeout=PATIENCE_S) == "port 'keyboard:keys' is back"
        peer.play(note_on(0, 64, 1))
        assert messages_of(port, 1) == [note_on(0, 64, 1)]
    assert said.empty()
    port.close()


@pytest.mark.parametrize("away_s", [0, 0.3])
def test_a_module_that_comes_back_is_told_where_it_was(peer, away_s):
    port, said = ports.open_output("synth"), queue.SimpleQueue()
    with ports.watch([port], said.put):
        sent = [b"\xc0\x05", control_change(0, 7, 90), *HELD]
        for message in sent:
            port.send(message)
        assert peer.hears(5) == sent
        peer.unplug("output")
        assert said.get(timeout=PATIENCE_S) == "port 'module:synth' has gone; waiting for it"
        port.send(control_change(0, 7, 80))
        port.send(control_change(0, 64, 0))
        time.sleep(away_s)
        peer.plug("output")
        assert said.get(timeout=PATIENCE_S) == "port 'module:synth' is back"
        assert peer.hears(6) == [*RELEASED, b"\xc0\x05", control_change(0, 7, 80), control_change(0, 64, 0)]
        port.send(note_on(0, 64, 1))
        assert peer.hears(1) == [note_on(0, 64, 1)]
    port.close()


@pytest.mark.parametrize("direction", ["input", "output"])
def test_a_connection_that_was_cut_is_made_again_though_the_port_was_never_away(peer, direction):
    port = opened(direction)
    said = queue.SimpleQueue()
    graph = jack.share_graph()
    with ports.watch([port], said.put):
        ends = (graph.name_of(port.link.port), port.name.encode())
        graph.disconnect(*(ends[::-1] if direction == "input" else ends))
        assert said.get(timeout=PATIENCE_S) == f"port {port.name!r} has gone; waiting for it"
        assert said.get(timeout=PATIENCE_S) == f"port {port.name!r} is back"
        assert graph.connections(port.link.port) == [port.name.encode()]
    jack.give_back()
    port.close()


@pytest.mark.parametrize("direction", ["input", "output"])
def test_drivers_that_do_not_call_back_are_looked_at(peer, direction, monkeypatch):
    """The way of ALSA, CoreMIDI and Windows, here over JACK: by the list of names, and opened again."""
    monkeypatch.setattr(links, "JackLink", lambda midi, *how: links.ListedLink(midi, "jack", *how))
    port = opened(direction)
    said = queue.SimpleQueue()
    with ports.watch([port], said.put):
        peer.unplug(direction)
        assert said.get(timeout=PATIENCE_S) == f"port {port.name!r} has gone; waiting for it"
        peer.plug(direction)
        assert said.get(timeout=PATIENCE_S) == f"port {port.name!r} is back"
        time.sleep(links.JACK_SETTLE_S)
        if direction == "input":
            peer.play(note_on(0, 64, 1))
            assert messages_of(port, 1) == [note_on(0, 64, 1)]
        else:
            port.send(note_on(0, 64, 1))
            assert peer.hears(1) == [note_on(0, 64, 1)]
    port.close()


@pytest.mark.parametrize("direction", ["input", "output"])
def test_where_a_run_is_to_end_the_first_loss_is_told_once(peer, direction):
    port = opened(direction)
    told, said = queue.SimpleQueue(), queue.SimpleQueue()
    with ports.watch([port], said.put, told.put):
        peer.unplug(direction)
        error = told.get(timeout=PATIENCE_S)
        time.sleep(0.3)  # longer than until it is looked again
        assert port.lost and told.empty() and said.empty()
        assert str(error) == f"port {port.name!r} has gone: its device was unplugged or its program ended"
    port.close()


def test_what_fails_in_the_watch_is_said_once_and_all_ports_are_looked_after(peer):
    heard, sent, said = opened("input"), opened("output"), queue.SimpleQueue()
    heard.link.take_left = lambda: {}["a fault"]
    with ports.watch([heard, sent], said.put):
        assert "cannot look after port 'keyboard:keys' (KeyError: 'a fault')" in said.get(timeout=PATIENCE_S)
        peer.unplug("output")
        assert said.get(timeout=PATIENCE_S) == "port 'module:synth' has gone; waiting for it"
        peer.plug("output")
        assert said.get(timeout=PATIENCE_S) == "port 'module:synth' is back"
        del heard.link.take_left
        peer.unplug("input")
        assert said.get(timeout=PATIENCE_S) == "port 'keyboard:keys' has gone; waiting for it"
    assert said.empty()
    heard.close()
    sent.close()


def test_another_connection_is_left_as_it_is(peer):
    """What was connected by hand stays connected while the port's own other end goes and comes back."""
    other = Peer("second", "third")
    port, said = ports.open_input("keyboard:keys", MonotonicClock()), queue.SimpleQueue()
    graph = jack.share_graph()
    try:
        assert graph.connect(b"second:keys", graph.name_of(port.link.port))
        with ports.watch([port], said.put):
            peer.unplug("input")
            assert "has gone" in said.get(timeout=PATIENCE_S)
            other.play(note_on(1, 50, 1))
            assert messages_of(port, 1) == [note_on(1, 50, 1)]
            peer.plug("input")
            assert "is back" in said.get(timeout=PATIENCE_S)
            assert sorted(graph.connections(port.link.port)) == [b"keyboard:keys", b"second:keys"]
    finally:
        jack.give_back()
        port.close()
        other.close()


def test_who_leaves_a_virtual_port_has_its_keys_lifted(jack_server):
    peer = Peer("keyboard", "module")
    port, said = ports.open_input("ours", MonotonicClock(), virtual=True), queue.SimpleQueue()
    graph = jack.share_graph()
    try:
        with ports.watch([port], said.put):
            assert graph.connect(b"keyboard:keys", graph.name_of(port.link.port))
            time.sleep(0.1)
            peer.play(*HELD)
            assert messages_of(port, 3) == HELD
            peer.unplug("input")
            assert messages_of(port, 3) == RELEASED
        assert said.empty()
    finally:
        jack.give_back()
        port.close()
        peer.close()


def test_two_keyboards_are_merged_in_order_of_time_and_lifted_apart(peer):
    other = Peer("second", "third")
    both, said = ports.open_inputs(["keyboard:keys", "second:keys"], MonotonicClock()), queue.SimpleQueue()
    try:
        with ports.watch(both.ports, said.put):
            for pitch in range(40, 60):
                (peer, other)[pitch % 2].play(note_on(pitch % 2, pitch, 64))
                time.sleep(0.005)
            events = [both.inbox.get(timeout=PATIENCE_S) for _ in range(20)]
            for hand in (0, 1):
                pitches = [event.message[1] for event in events if event.message[0] & 0x0F == hand]
                assert pitches == list(range(40 + hand, 60, 2))
            assert events == sorted(events, key=lambda event: event.time_ns)
            peer.unplug("input")
            assert sorted(messages_of(both, 10)) == sorted(note_off(0, pitch) for pitch in range(40, 60, 2))
            other.play(note_off(1, 41))
            assert messages_of(both, 1) == [note_off(1, 41)]
    finally:
        both.close()
        other.close()


@contextmanager
def performing(said):
    """A run as the engine makes it, without a performer: what is heard is sent. Yields the graph and both ports."""
    clock = MonotonicClock()
    heard, sent = ports.open_input("keyboard:keys", clock), ports.open_output("module:synth")
    engine = Engine(PortSource(heard, clock), PASSTHROUGH, PASSTHROUGH.create_stream(0, {}), [PortSink(sent)], clock)
    thread = threading.Thread(target=engine.run)
    graph = jack.share_graph()
    with ports.watch([heard, sent], said.put):
        thread.start()
        yield graph, heard, sent
        engine.stop()
        thread.join()
    jack.give_back()


def test_a_loop_from_our_output_to_our_input_is_cut(peer):
    said = queue.SimpleQueue()
    with performing(said) as (graph, heard, sent):
        ours = graph.name_of(sent.link.port), graph.name_of(heard.link.port)
        assert graph.connect(*ours)
        line = said.get(timeout=PATIENCE_S)
        assert line == f"{ours[0].decode()!r} was connected to {ours[1].decode()!r}, a loop; it is disconnected"
        time.sleep(0.1)
        assert graph.connections(sent.link.port) == [b"module:synth"]
        peer.play(note_on(0, 61, 1), note_off(0, 61))
        assert peer.hears(2) == [note_on(0, 61, 1), note_off(0, 61)]


def test_a_loop_through_another_program_is_found_and_left_out_and_nothing_hangs(peer):
    said = queue.SimpleQueue()
    through_in, through_out = ports.new_client(rtmidi.MidiIn, "jack", "through"), ports.new_client(rtmidi.MidiOut, "jack", "through")
    through_in.set_callback(lambda message, _: through_out.send_message(message[0]))
    through_out.open_virtual_port("out")
    through_in.open_virtual_port("in")
    with performing(said) as (graph, heard, sent):
        names = [name for name in graph.ports(jack.PORT_IS_INPUT) + graph.ports(jack.PORT_IS_OUTPUT) if name.startswith(b"through")]
        assert graph.connect(graph.name_of(sent.link.port), names[0]) and graph.connect(names[1], graph.name_of(heard.link.port))
        time.sleep(0.1)
        peer.play(note_on(0, 60, 64), control_change(0, 64, 127), note_on(0, 62, 65))
        line = said.get(timeout=PATIENCE_S)
        assert line == "what is sent comes back from 'keyboard:keys', a loop through another program; it is left out from now on"
        time.sleep(0.4)  # longer than it is deaf
        told = SentState()
        while not peer.heard.empty():
            told.observe(peer.heard.get())
        assert told.take_sounding() == []
        peer.play(note_on(0, 70, 64), note_off(0, 70))
        assert peer.hears(2) == [note_on(0, 70, 64), note_off(0, 70)]
        time.sleep(0.2)
        assert peer.heard.empty() and said.empty()
    for port in (through_in, through_out):
        ports.release(port)


def test_a_key_that_is_repeated_as_it_was_is_no_loop():
    """A sequencer's tremolo, played through unchanged: it is asked once whether it comes back, which harms nobody."""
    probes, found = [], []
    echoes = Echoes([probes.append], lambda: found.append(True))
    for _ in range(60):
        assert not echoes.is_echo(note_on(0, 60, 64))
        echoes.heard(note_on(0, 60, 64))
        echoes.sent(note_on(0, 60, 64))
    assert probes == [control_change(0, 119, value) for value in (17, 99, 64, 5)] and not found


@pytest.mark.parametrize("step_ns", [0, 10_000_000], ids=["at_once", "for_a_minute"])
def test_in_a_loop_little_is_remembered_of_what_does_not_come_back(monkeypatch, step_ns):
    monkeypatch.setattr("engine.midi.ports.echoes.time", SimpleNamespace(monotonic_ns=partial(next, count(0, step_ns))))
    echoes = Echoes([], lambda: None)
    echoes._looping = True  # as after a probe that has come back
    for number in range(2 * MOST_REMEMBERED + 100):
        echoes.sent(b"\xf0\x7d" + number.to_bytes(3, "big") + b"\xf7")
        echoes.sent(note_on(0, 60, 64))
        assert echoes.is_echo(note_on(0, 60, 64)) and not echoes.is_echo(note_on(0, 61, 64))
    assert sum(1 + len(times) for times in echoes._under_way.values()) <= 2 * MOST_REMEMBERED
    returning = [b"\xf0\x7d" + number.to_bytes(3, "big") + b"\xf6\xf7" for number in range(2 * MOST_REMEMBERED + 100)]
    for message in returning:
        echoes.sent(message)
        assert echoes.is_echo(message) and not echoes.is_echo(message)
    assert len(echoes._under_way) <= MOST_REMEMBERED


def test_only_notes_that_may_still_come_back_are_remembered(monkeypatch):
    """Memory stays as it is in hours of playing. What comes back a quarter of a second later is an echo still, later it is not."""
    now = SimpleNamespace(ns=0)
    monkeypatch.setattr("engine.midi.ports.echoes.time", SimpleNamespace(monotonic_ns=lambda: now.ns))
    probes = []
    echoes = Echoes([probes.append], lambda: None)
    for number in range(2_000):
        now.ns += 10_000_000
        echoes.sent(note_on(number // 128 % 16, number % 128, 64))
        assert len(echoes._sent_ns) <= 26
    for delay_ns, asked in ((260_000_000, 0), (240_000_000, 4)):
        for key in range(20):
            echoes.sent(note_on(0, key, 64))
        now.ns += delay_ns
        for key in range(20):
            echoes.heard(note_on(0, key, 64))
        assert len(probes) == asked
