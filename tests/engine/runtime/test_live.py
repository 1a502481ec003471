"""The engine between real JACK ports, in this process and as a process of its own that is stopped, cut off or killed."""

import random
import signal
import subprocess
import sys
import threading
import time
from contextlib import contextmanager

import pytest
import rtmidi

from engine.base.clock import MonotonicClock
from engine.midi import ports
from engine.midi.events import control_change, note_off, note_on
from engine.midi.file import read_midi_file
from engine.midi.ledger import NoteLedger
from engine.performers.passthrough.performer import PassthroughPerformer
from engine.runtime.loop import Engine
from engine.runtime.recorder import Recorder
from engine.runtime.sinks import PortSink
from engine.runtime.sources import PortSource

pytestmark = pytest.mark.jack
PATIENCE_S = 30


class Peer:
    """Another program: a keyboard that plays and a sound module that keeps what it hears."""

    def __init__(self):
        self.heard = []
        self.keys = ports.new_client(rtmidi.MidiOut, "jack", "keyboard")
        self.synth = ports.new_client(rtmidi.MidiIn, "jack", "module")
        self.synth.ignore_types(sysex=False, timing=False, active_sense=False)
        self.synth.set_callback(lambda message, _: self.heard.append(bytes(message[0])))
        self.keys.open_virtual_port("keys")
        self.synth.open_virtual_port("synth")

    def play(self, messages):
        for message in messages:
            self.keys.send_message(message)

    def wait_for(self, count):
        deadline = time.monotonic() + PATIENCE_S
        while len(self.heard) < count:
            assert time.monotonic() < deadline, f"{len(self.heard)} of {count} messages came"
            time.sleep(0.005)

    def close(self):
        for port in (self.keys, self.synth):
            ports.release(port)


@pytest.fixture
def peer(jack_server):
    peer = Peer()
    yield peer
    peer.close()


@contextmanager
def playing(*more_sinks):
    """An engine between the peer's ports, in a thread."""
    clock, performer = MonotonicClock(), PassthroughPerformer()
    source = PortSource(ports.open_input("keyboard:keys", clock), clock)
    sink = PortSink(ports.open_output("module:synth"))
    engine = Engine(source, performer, performer.create_stream(0, {}), [sink, *more_sinks], clock)
    thread = threading.Thread(target=engine.run)
    thread.start()
    try:
        yield engine
    finally:
        engine.stop()
        thread.join()


EVERY_KIND = [
    note_on(0, 60, 1),
    note_on(15, 127, 127),
    note_on(0, 60, 0),
    note_off(15, 127, 33),
    b"\xa3\x3c\x7f",
    control_change(2, 64, 127),
    control_change(2, 64, 63),
    control_change(2, 64, 0),
    control_change(0, 123, 0),
    b"\xc9\x05",
    b"\xd1\x40",
    b"\xe4\x01\x40",
    b"\xf0\x7e\x7f\x09\x01\xf7",
    b"\xf0" + bytes(i % 128 for i in range(12_000)) + b"\xf7",
    b"\xf1\x12",
    b"\xf2\x01\x02",
    b"\xf3\x07",
    *(bytes((status,)) for status in (0xF6, 0xF8, 0xFA, 0xFB, 0xFC, 0xFE, 0xFF)),
]


def test_every_kind_of_message_comes_out_identical_and_in_order(peer):
    with playing() as engine:
        peer.play(EVERY_KIND)
        peer.wait_for(len(EVERY_KIND))
    assert peer.heard == EVERY_KIND
    assert engine.report().events_in == engine.report().events_out == len(EVERY_KIND)


def test_seeded_random_messages_all_arrive_in_order(peer, tmp_path):
    rng = random.Random(3)
    sent = []
    with playing(Recorder(tmp_path / "take.mid")):
        for _ in range(40):
            burst = [random_message(rng) for _ in range(rng.randrange(1, 40))]
            peer.play(burst)
            sent += burst
            peer.wait_for(len(sent))
    assert peer.heard[: len(sent)] == sent
    ledger = NoteLedger()
    for message in sent:
        ledger.observe(message)
    releases = [event.message for event in ledger.release_all()]
    peer.wait_for(len(sent) + len(releases))
    assert peer.heard[len(sent) :] == releases
    assert_nothing_sounds(peer.heard)
    recorded = [event.message for event in read_midi_file(tmp_path / "take.mid").events]
    assert recorded == [message for message in peer.heard if message[0] <= 0xF0]


def random_message(rng):
    kind = rng.choice([0x80, 0x90, 0x90, 0xA0, 0xB0, 0xC0, 0xD0, 0xE0, 0xF0, 0xF8])
    if kind == 0xF0:
        return b"\xf0" + bytes(rng.randrange(128) for _ in range(rng.randrange(200))) + b"\xf7"
    if kind == 0xF8:
        return bytes((rng.choice([0xF8, 0xFA, 0xFC, 0xFE]),))
    if kind == 0xB0:  # but no All Notes Off, before which the engine ends the notes that it holds
        return bytes((kind | rng.randrange(16), rng.randrange(120), rng.randrange(128)))
    data = bytes(rng.randrange(128) for _ in range(1 if kind in (0xC0, 0xD0) else 2))
    return bytes((kind | rng.randrange(16),)) + data


def assert_nothing_sounds(heard):
    sounding, pedals = {}, {}
    for message in heard:
        kind, key = message[0] & 0xF0, (message[0] & 15, message[1] if len(message) > 1 else 0)
        if kind in (0x80, 0x90):
            on = kind == 0x90 and message[2] > 0
            sounding[key] = sounding.get(key, 0) + 1 if on else max(0, sounding.get(key, 0) - 1)
        elif kind == 0xB0 and message[1] in (64, 66, 67):
            pedals[key] = message[2]
    assert not any(sounding.values())
    assert not any(pedals.values())


PROGRAM = """
import signal, sys
from engine.midi import ports
from engine.base.clock import MonotonicClock
from engine.base.errors import PerfLiveError
from engine.runtime.loop import Engine
from engine.performers.passthrough.performer import PassthroughPerformer
from engine.runtime.recorder import Recorder
from engine.runtime.sinks import PortSink
from engine.runtime.sources import PortSource

clock, performer = MonotonicClock(), PassthroughPerformer()
keys, synth = ports.open_input("keyboard:keys", clock), ports.open_output("module:synth")
sinks = [PortSink(synth), Recorder(sys.argv[1])]
engine = Engine(PortSource(keys, clock), performer, performer.create_stream(0, {}), sinks, clock)
for number in (signal.SIGINT, signal.SIGTERM):
    signal.signal(number, lambda *_: engine.stop())
try:
    with ports.watch([keys, synth], lambda line: print(line, flush=True), engine.fail if "exit" in sys.argv else None):
        print("ready", flush=True)
        engine.run()
except PerfLiveError as error:
    sys.exit(str(error))
"""


@contextmanager
def program(take, *options):
    called = [sys.executable, "-c", PROGRAM, str(take), *options]
    child = subprocess.Popen(called, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    try:
        assert child.stdout.readline() == "ready\n"
        yield child
    finally:
        child.kill()
        child.communicate()


HELD = [note_on(0, 60, 64), note_on(0, 60, 70), note_on(4, 72, 5), control_change(0, 64, 127), control_change(4, 66, 1), b"\xd0\x11"]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_leaves_no_note_sounding_and_a_whole_recording(peer, tmp_path, number):
    with program(tmp_path / "take.mid") as child:
        peer.play(HELD)
        peer.wait_for(len(HELD))
        child.send_signal(number)
        assert child.communicate(timeout=PATIENCE_S) == ("", "")
    assert child.returncode == 0
    peer.wait_for(len(HELD) + 5)
    assert_nothing_sounds(peer.heard)
    assert [event.message for event in read_midi_file(tmp_path / "take.mid").events] == peer.heard


def test_a_keyboard_that_vanishes_may_end_the_run_with_one_line_and_no_note_sounding(peer, tmp_path):
    with program(tmp_path / "take.mid", "exit") as child:
        peer.play(HELD)
        peer.wait_for(len(HELD))
        peer.keys.close_port()
        _, errors = child.communicate(timeout=PATIENCE_S)
    assert (child.returncode, errors.count("\n")) == (1, 1)
    assert "port 'keyboard:keys' has gone" in errors
    peer.wait_for(len(HELD) + 5)
    assert_nothing_sounds(peer.heard)
    assert read_midi_file(tmp_path / "take.mid").events


def test_a_sound_module_that_vanishes_may_end_the_run_with_one_line_and_a_whole_recording(peer, tmp_path):
    with program(tmp_path / "take.mid", "exit") as child:
        peer.play(HELD)
        peer.wait_for(len(HELD))
        peer.synth.close_port()
        _, errors = child.communicate(timeout=PATIENCE_S)
    assert (child.returncode, errors.count("\n")) == (1, 1)
    assert "port 'module:synth' has gone" in errors
    assert_nothing_sounds(event.message for event in read_midi_file(tmp_path / "take.mid").events)


SERVER_ENDS = """
import os, sys
from engine.bench.measuring.programs import start_jack_server, stop_jack_server
from tests.engine.runtime.test_live import HELD, PATIENCE_S, Peer, program

server = start_jack_server(f"perf-live-{os.getpid()}")
peer = Peer()
with program(sys.argv[1], "exit") as child:
    peer.play(HELD)
    peer.wait_for(len(HELD))
    stop_jack_server(server)
    print(child.communicate(timeout=PATIENCE_S), child.returncode)
os._exit(0)  # the peer's own clients have lost their server too
"""


def test_a_server_that_ends_may_end_the_run_with_one_line_and_a_whole_recording(jack_server, tmp_path):
    done = subprocess.run([sys.executable, "-c", SERVER_ENDS, str(tmp_path / "take.mid")], capture_output=True, text=True, timeout=90)
    assert done.stdout == "('', 'the JACK server has ended; start it again\\n') 1\n"
    assert_nothing_sounds(event.message for event in read_midi_file(tmp_path / "take.mid").events)


KEYBOARD = """
import sys, rtmidi
from engine.midi import ports
keys = ports.new_client(rtmidi.MidiOut, "jack", "keyboard")
keys.open_virtual_port("keys")
print("ready", flush=True)
for line in sys.stdin:
    keys.send_message(bytes.fromhex(line))
"""
MODULE = """
import rtmidi, sys, time
from engine.midi import ports
synth = ports.new_client(rtmidi.MidiIn, "jack", "module")
synth.set_callback(lambda message, _: print(bytes(message[0]).hex(), flush=True))
synth.open_virtual_port("synth")
print("ready", flush=True)
time.sleep(90)
"""


@contextmanager
def other_program(code):
    """A program with a port, to be killed in the middle of what it does."""
    child = subprocess.Popen([sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    try:
        assert child.stdout.readline() == "ready\n"
        yield child
    finally:
        child.kill()
        child.communicate()


def play(keyboard, messages):
    for message in messages:
        keyboard.stdin.write(message.hex() + "\n")
    keyboard.stdin.flush()


def heard(module, count):
    return [bytes.fromhex(module.stdout.readline()) for _ in range(count)]


RELEASED = [note_off(0, 60), note_off(0, 60), note_off(4, 72), control_change(0, 64, 0), control_change(4, 66, 0)]


SERVER_COMES_BACK = """
import os, sys
from engine.bench.measuring.programs import start_jack_server, stop_jack_server
from tests.engine.runtime.test_live import *

server = start_jack_server(name := f"perf-live-{os.getpid()}")
with other_program(MODULE) as module, other_program(KEYBOARD) as keyboard, program(sys.argv[1]) as live:
    play(keyboard, HELD)
    assert heard(module, len(HELD)) == HELD
    stop_jack_server(server)
    print(live.stdout.readline(), end="")
    keyboard.kill()  # else it shares semaphores with its successor at the new server
    module.kill()
    time.sleep(2)  # until the old server's clients are closed: JACK's library mixes them up with the new one's
    server = start_jack_server(name)
    print(live.stdout.readline(), end="")
    with other_program(MODULE) as module, other_program(KEYBOARD) as keyboard:
        print(*sorted([live.stdout.readline(), live.stdout.readline()]), sep="", end="", flush=True)
        restored = [control_change(0, 64, 0), control_change(4, 66, 0), b"\\xd0\\x11"]
        assert heard(module, 8) == [*RELEASED, *restored]
        play(keyboard, HELD)
        assert heard(module, len(HELD)) == HELD
        live.send_signal(signal.SIGINT)
        print(live.communicate(timeout=PATIENCE_S), live.returncode, flush=True)
stop_jack_server(server)
"""


def test_a_server_that_ends_in_a_chord_is_waited_for(jack_server, tmp_path):
    script = [sys.executable, "-c", SERVER_COMES_BACK, str(tmp_path / "take.mid")]
    done = subprocess.run(script, capture_output=True, text=True, timeout=120)
    assert done.stdout.splitlines() == [
        "the JACK server has ended; waiting for it",
        "the JACK server is back",
        "port 'keyboard:keys' is back",
        "port 'module:synth' is back",
        "('', '') 0",
    ], done.stderr
    assert_nothing_sounds(event.message for event in read_midi_file(tmp_path / "take.mid").events)
