import queue
import sys
import time

import pytest
import rtmidi

from engine.base.clock import MonotonicClock, VirtualClock
from engine.base.errors import PerfLiveError, UsageError
from engine.base.saying import finish_saying
from engine.midi import ports
from engine.midi.events import Event, note_on
from engine.midi.file import MidiTimeline
from engine.midi.ports import arrival, drivers, links
from engine.runtime.sources import UPCOMING_EVENTS, FileSource, PortSource

NAMES = ["Piano:left 20:0", "Piano:right 20:1", "piano", "Synth:in"]


@pytest.mark.parametrize(("wanted", "name"), [("synth", "Synth:in"), ("RIGHT", "Piano:right 20:1"), ("PIANO", "piano"), ("20:0", NAMES[0])])
def test_a_port_is_named_by_any_unambiguous_part(wanted, name):
    assert NAMES[ports.match_port(wanted, NAMES, "input")] == name


@pytest.mark.parametrize(
    ("wanted", "names", "message"),
    [
        (
            "20:",
            NAMES,
            "input port '20:' is ambiguous; it may be any of: 'Piano:left 20:0', 'Piano:right 20:1'; "
            "give more of the name, or 20:#2 for the second",
        ),
        ("organ", NAMES[2:], "no input port has 'organ' in its name; there are: 'piano', 'Synth:in'"),
        ("organ", [], "no input port has 'organ' in its name; there are: none"),
        ("a", ["a", "A"], "input port 'a' is ambiguous; it may be any of: 'a', 'A'; give more of the name, or a#2 for the second"),
    ],
)
def test_an_unknown_or_ambiguous_port_lists_the_candidates(wanted, names, message):
    with pytest.raises(UsageError) as caught:
        ports.match_port(wanted, names, "input")
    assert str(caught.value) == message


def test_an_unknown_driver_lists_the_drivers():
    with pytest.raises(UsageError, match="--api 'oss': allowed: jack, alsa, coremidi, winmm"):
        ports.list_ports("oss")


@pytest.mark.skipif(sys.platform != "linux", reason="names a driver of another system")
def test_a_driver_of_another_system_lists_those_of_this_one():
    with pytest.raises(UsageError, match="--api 'winmm' is not for this system; allowed here: jack, alsa"):
        ports.list_ports("winmm")


def test_without_a_server_there_is_one_line_and_no_more(monkeypatch, capfd):
    monkeypatch.setenv("JACK_DEFAULT_SERVER", "there-is-none")
    with pytest.raises(PerfLiveError, match=r"no MIDI driver works here \(jack: JACK server not running\?\); start") as caught:
        ports.list_ports("jack")
    assert "\n" not in str(caught.value)
    assert capfd.readouterr().err == ""


def test_a_port_that_another_program_uses_is_one_line_and_let_go(monkeypatch):
    """Windows' driver lets one program at a time have a port; neither JACK nor ALSA can be made to."""

    class Client:
        deleted = False

        def get_ports(self):
            return NAMES

        def open_port(self, number, name):
            raise rtmidi.SystemError("MidiOutWinMM::openPort: error creating Windows MM MIDI output port.")

        def close_port(self):
            pass

        def delete(self):
            Client.deleted = True

    monkeypatch.setattr(links, "open_client", lambda kind, api: ("winmm", Client()))
    with pytest.raises(PerfLiveError, match=r"cannot open port 'synth': MidiOutWinMM.*; close the program that uses it") as caught:
        ports.open_output("synth")
    assert "\n" not in str(caught.value) and Client.deleted


def test_windows_is_told_of_loopmidi(monkeypatch):
    class Client:
        def close_port(self):
            pass

        def delete(self):
            pass

    monkeypatch.setattr(links, "open_client", lambda kind, api: ("winmm", Client()))
    with pytest.raises(PerfLiveError, match="loopMIDI"):
        ports.open_output("mine", virtual=True)


@pytest.fixture
def peer(jack_server):
    """Another program's JACK client with an output called keys and an input called synth."""
    keys, synth = ports.new_client(rtmidi.MidiOut, "jack", "keyboard"), ports.new_client(rtmidi.MidiIn, "jack", "module")
    keys.open_virtual_port("keys")
    synth.open_virtual_port("synth")
    yield keys, synth
    for port in (keys, synth):
        ports.release(port)


def test_a_client_ends_only_when_the_driver_has_let_go_of_its_port(monkeypatch):
    """What JACK's threads may still be reading is taken away: seen as a crash of the whole process once in some hundred ends."""
    called = []

    class Client:
        def close_port(self):
            called.append("close")

        def delete(self):
            called.append("delete")

    monkeypatch.setattr(drivers.time, "sleep", lambda seconds: called.append(seconds))
    ports.release(Client())
    assert called == [drivers.JACK_PAUSE_S, "close", drivers.JACK_PAUSE_S, "delete"]


@pytest.mark.jack
def test_ports_are_listed(peer):
    names = ports.list_ports()
    assert names.api == "jack"
    assert "keyboard:keys" in names.inputs
    assert "module:synth" in names.outputs


@pytest.mark.jack
def test_virtual_ports_are_seen_by_others_and_carry_messages(jack_server):
    clock = MonotonicClock()
    ours_in, ours_out = ports.open_input("ours", clock, virtual=True), ports.open_output("ours", virtual=True)
    try:
        names = ports.list_ports("jack")
        assert [name for name in names.inputs if name.endswith(":ours")]
        theirs = ports.open_output(next(name for name in names.outputs if name.endswith(":ours")))
        before_ns = clock.now_ns()
        theirs.send(note_on(0, 60, 64))
        event = clock.wait(ours_in.inbox, clock.now_ns() + 20_000_000_000)
        assert event.message == note_on(0, 60, 64)
        # A period whose computing was late brings what was sent since it began, and it is stamped so.
        assert before_ns - arrival.MOST_LATE_NS <= event.time_ns <= clock.now_ns()
        theirs.close()
        assert ours_in.link.is_tied() and ours_out.link.is_tied()
    finally:
        ours_in.close()
        ours_out.close()


@pytest.mark.jack
def test_a_message_too_long_for_jack_is_left_out_in_one_line_and_the_next_one_goes(peer, capfd):
    _, synth = peer
    synth.ignore_types(sysex=False)
    port = ports.open_output("synth")
    port.send(b"\xf0" + bytes(17_000) + b"\xf7")
    port.send(b"\xf0" + bytes(15_990) + b"\xf7")
    deadline = time.monotonic() + 30
    while not (message := synth.get_message()):
        assert time.monotonic() < deadline
        time.sleep(0.005)
    assert len(message[0]) == 15_992
    finish_saying()
    assert capfd.readouterr().err == "left out a message of 17002 bytes: JACK takes 16000 at most\n"
    port.close()


def test_a_file_is_received_as_the_clock_reaches_it():
    clock = VirtualClock(1000)
    source = FileSource(MidiTimeline([Event(5, b"\xf8"), Event(5, b"\xfa"), Event(9, b"\xfc")]), clock)
    source.start(1000)
    assert source.receive(1004) is None
    assert clock.now_ns() == 1004
    assert source.receive(None) == Event(1005, b"\xf8")
    assert source.receive(1005) == Event(1005, b"\xfa")
    assert source.receive(1008) is None
    assert not source.exhausted
    assert source.receive(1009) == Event(1009, b"\xfc")
    assert source.exhausted
    assert source.receive(1010) is None
    assert clock.now_ns() == 1010


def test_a_file_shows_what_is_coming_once_and_in_blocks():
    block = UPCOMING_EVENTS
    events = [Event(time_ns, b"\xf8") for time_ns in range(block + 1)]
    source = FileSource(MidiTimeline(events), VirtualClock(1000))
    source.start(1000)
    assert source.upcoming() == [Event(1000 + time_ns, b"\xf8") for time_ns in range(block)]
    for _ in range(block):
        assert source.upcoming() == []
        source.receive(None)
    assert source.upcoming() == [Event(1000 + block, b"\xf8")]
    assert source.receive(None) == Event(1000 + block, b"\xf8")
    assert source.upcoming() == [] and source.exhausted


def test_what_waits_at_a_port_is_received_together_and_a_call_to_wake_is_not_lost():
    class Port:
        inbox = queue.SimpleQueue()

    source = PortSource(Port(), MonotonicClock())
    for item in (Event(1, b"\xf8"), Event(2, b"\xfa"), None, Event(3, b"\xfc")):
        Port.inbox.put(item)
    assert source.receive(None) == Event(1, b"\xf8")
    assert source.receive_waiting() == [Event(2, b"\xfa")]
    assert source.receive(None) == Event(3, b"\xfc")
    assert source.receive_waiting() == []
    assert source.receive(None) is None  # the call to wake


def test_of_a_flood_so_many_are_received_together_as_a_performer_computes_at_once():
    class Port:
        inbox = queue.SimpleQueue()

    source = PortSource(Port(), MonotonicClock())
    for time_ns in range(100):
        Port.inbox.put(Event(time_ns, b"\xf8"))
    together = [source.receive_waiting() for _ in range(5)]
    assert [len(events) for events in together] == [32, 32, 32, 4, 0]
    assert [event.time_ns for events in together for event in events] == list(range(100))


def test_a_port_source_waits_until_told_or_woken():
    class Port:
        inbox = queue.SimpleQueue()

    clock = MonotonicClock()
    source = PortSource(Port(), clock)
    assert source.receive(clock.now_ns() - 1) is None
    assert source.receive(clock.now_ns() + 1000) is None
    source.wake()
    assert source.receive(None) is None
    Port.inbox.put(Event(3, b"\xf8"))
    assert source.receive(0) == Event(3, b"\xf8")
    assert not source.exhausted
