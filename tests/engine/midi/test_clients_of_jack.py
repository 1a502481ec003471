"""JACK's clients of this process: what its library overlooks, refuses and frees."""

import mmap
import os
import queue
import subprocess
import sys

import pytest
import rtmidi

from engine.base import errors
from engine.base.clock import MonotonicClock
from engine.base.errors import RefusedError
from engine.bench.measuring.programs import SERVER, start_jack_server, stop_jack_server
from engine.midi import ports
from engine.midi.events import note_on
from engine.midi.ports import clients
from engine.output.endpoints import Endpoints, open_endpoints

PATIENCE_S = 30
REFUSAL = "MidiOutJack::initialize: JACK server not running?"

# It holds a client while its server ends and another one is started.
HOLDER = """
import rtmidi
from engine.base.errors import RefusedError
from engine.midi import ports
from engine.midi.ports import jack

graph = jack.share_graph()
print("open", flush=True)
input()
try:
    ports.new_client(rtmidi.MidiOut, "jack", "another")
except RefusedError as error:
    print(error)
print(graph.connect(b"nobody:out", b"nobody:in"))
jack.give_back()
ports.release(ports.new_client(rtmidi.MidiOut, "jack", "another"))
"""


@pytest.fixture
def no_clients(monkeypatch):
    """None is open, as far as is known here."""
    monkeypatch.setattr(clients, "_open", set())
    monkeypatch.setattr(clients, "_ended", False)


class Refusing:
    """A kind of client whose first so many are refused."""

    def __init__(self, refused):
        self.left, self.asked = refused, 0

    def __call__(self):
        self.asked += 1
        if self.left:
            self.left -= 1
            raise rtmidi.SystemError(REFUSAL)
        return f"client {self.asked}"


def refused_once(asked):
    """Return a kind of output whose first client JACK refuses; ``asked`` gets the words of each."""

    class RefusedOnce(rtmidi.MidiOut):
        def __new__(cls, *words):
            asked.append(words)
            if len(asked) == 1:
                raise rtmidi.SystemError(REFUSAL)
            return super().__new__(cls, *words)

    return RefusedOnce


@pytest.mark.skipif(sys.platform != "linux", reason="JACK's semaphores are files in memory on Linux only")
@pytest.mark.parametrize("overlooked", [0, 2])
def test_a_client_is_opened_anew_where_jack_overlooked_that_another_one_ended(tmp_path, monkeypatch, no_clients, overlooked):
    """Such a client hears nothing, and the server waits for it: seen at every tenth start of a server on one core."""
    monkeypatch.setattr(clients, "NOTICE_S", 0.05)
    opened = []

    def make():
        semaphore = tmp_path / f"jack_sem.0_server_{len(opened)}"
        semaphore.write_bytes(bytes(16))
        with semaphore.open("r+b") as file:
            opened.append(mmap.mmap(file.fileno(), 0))
        if len(opened) <= overlooked:
            semaphore.unlink()  # what the server does when a client ends; the mapping stays
        return opened[-1]

    assert clients.open_client(make, mmap.mmap.close) is opened[overlooked]
    assert [each.closed for each in opened] == [True] * overlooked + [False]


def test_a_server_that_refuses_the_first_client_is_asked_again(no_clients):
    make = Refusing(2)
    assert clients.open_client(make, lambda client: None) == "client 3"
    with pytest.raises(rtmidi.SystemError):
        clients.forget("client 3")
        clients.open_client(Refusing(3), lambda client: None)


def test_beside_another_client_a_refused_one_is_not_asked_for_again_until_all_are_closed(no_clients):
    first = clients.open_client(Refusing(0), lambda client: None)
    assert not clients.must_close()
    make = Refusing(1)
    with pytest.raises(RefusedError, match="the JACK server refuses a client; try again when the machine has less to do"):
        clients.open_client(make, lambda client: None)
    with pytest.raises(RefusedError, match="let go"):
        clients.open_client(make, lambda client: None)
    assert make.asked == 1 and clients.must_close()
    clients.forget(first)
    assert not clients.must_close()
    assert clients.open_client(make, lambda client: None) == "client 2"


@pytest.mark.jack
def test_a_client_that_is_open_is_not_freed_with_the_next_one_after_its_server_has_ended(jack_server, monkeypatch):
    monkeypatch.setenv(SERVER, jack_server)  # put back in the end
    name = f"perf-live-left-{os.getpid()}"
    server = start_jack_server(name)
    holder = subprocess.Popen([sys.executable, "-c", HOLDER], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert holder.stdout.readline() == "open\n"
    stop_jack_server(server)
    server = start_jack_server(name)
    said, _ = holder.communicate("\n", timeout=PATIENCE_S)
    stop_jack_server(server)
    assert (holder.returncode, said.splitlines()) == (0, ["the JACK server has let go of a client; start perf-live again", "False"])


@pytest.mark.jack
def test_ports_are_listed_where_the_second_client_is_refused_once(jack_server, monkeypatch):
    asked = []
    monkeypatch.setattr(rtmidi, "MidiOut", refused_once(asked))
    assert ports.list_ports("jack").api == "jack"
    assert len(asked) == 2 and not clients.must_close()


@pytest.mark.jack
def test_a_start_whose_port_the_server_does_not_list_begins_anew(jack_server, monkeypatch):
    monkeypatch.setattr(errors, "PAUSE_S", 0.0)
    opened = []

    class UnlistedOnce(rtmidi.MidiOut):
        def open_virtual_port(self, name):
            opened.append(name)
            return super().open_virtual_port(name) if len(opened) > 1 else self

    monkeypatch.setattr(rtmidi, "MidiOut", UnlistedOnce)
    opened_anew = open_endpoints(Endpoints((), (), None, "late", "jack", None), MonotonicClock())
    assert opened == ["late", "late"]
    assert [name for name in ports.list_ports("jack").inputs if name.endswith(":late")]
    opened_anew.abort()
    assert not clients._open


@pytest.mark.jack
def test_after_a_server_has_come_back_all_ports_begin_anew_where_one_is_refused(jack_server):
    heard, said = ports.open_input("ours", MonotonicClock(), "jack", virtual=True), queue.SimpleQueue()
    sent = ports.open_output("theirs", "jack", virtual=True)
    asked = []
    with ports.watch([heard, sent], said.put):
        sent.link._kind = refused_once(asked)
        for port in (heard, sent):  # as if the server had let go of us
            port.link.notice_end()
        clients.note_end()
        lines = [said.get(timeout=PATIENCE_S) for _ in range(4)]
        back = ["the JACK server is back", "port 'ours' is back", "port 'theirs' is back"]
        assert lines == ["the JACK server has ended; waiting for it", *back]
        listening = ports.open_input("theirs", MonotonicClock(), "jack")
        sent.send(note_on(0, 60, 64))
        assert listening.inbox.get(timeout=PATIENCE_S).message == note_on(0, 60, 64)
        listening.close()
    assert len(asked) == 2
    heard.close()
    sent.close()
    assert not clients.must_close()


# A message is in flight, held up by Python's lock, when the input that it comes to is closed. What was freed is then used by others.
IN_FLIGHT = """
import sys
import time
import rtmidi
from engine.base.clock import MonotonicClock
from engine.midi import ports

for _ in range(3):
    if sys.argv[1] == "port":
        heard = ports.open_input("flight", MonotonicClock(), "jack", virtual=True)
        close = heard.close
    else:
        midi = ports.new_client(rtmidi.MidiIn, "jack", "flight")
        midi.set_callback(lambda message, _: None)
        midi.open_virtual_port("flight")
        close = lambda: ports.release(midi)
    sent = ports.open_output("flight", "jack")
    usual_s = sys.getswitchinterval()
    sys.setswitchinterval(10.0)
    sent.send(bytes([0x90, 60, 64]))
    until_s = time.monotonic() + 0.05
    while time.monotonic() < until_s:
        pass
    close()
    sys.setswitchinterval(usual_s)
    sent.close()
    others = [(number, number) for number in range(1000)]
print("closed")
"""


@pytest.mark.jack
@pytest.mark.parametrize("kind", ["port", "client"])
def test_an_input_may_be_closed_while_a_message_is_in_flight(jack_server, kind):
    done = subprocess.run([sys.executable, "-c", IN_FLIGHT, kind], capture_output=True, text=True, timeout=90)
    assert (done.returncode, done.stdout) == (0, "closed\n"), done.stderr
