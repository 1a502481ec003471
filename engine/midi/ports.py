"""MIDI ports over python-rtmidi: listing, opening by part of a name, virtual ports, and noticing that one has gone."""

import queue
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import Any

import rtmidi

from engine.base.clock import Clock
from engine.base.errors import PerfLiveError, UsageError
from engine.base.quiet import quiet_stderr
from engine.midi import jack
from engine.midi.events import Event, is_whole

CLIENT_NAME = "perf-live"
API_NAMES = {
    "jack": rtmidi.API_UNIX_JACK,
    "alsa": rtmidi.API_LINUX_ALSA,
    "coremidi": rtmidi.API_MACOSX_CORE,
    "winmm": rtmidi.API_WINDOWS_MM,
}
JACK_LONGEST_MESSAGE = 16_000  # bytes: for one that does not fit its ring buffer of 16,384 rtmidi waits for ever
JACK_DRAIN_S = 0.1  # a port that closes takes from its receivers what they have not read yet: several periods of any usual length
JACK_PAUSE_S = 0.15  # longer than JACK's threads need to end what they are at, on a core that stands still for a while
JACK_SETTLE_S = 0.05  # after connecting: what is sent within the server's next cycles may not arrive
POLL_S = 0.5  # how often a port that may have gone is looked for


@dataclass(frozen=True)
class PortNames:
    api: str
    inputs: list[str]
    outputs: list[str]


def list_ports(api: str | None = None) -> PortNames:
    """Return the names of the ports of ``api``, or of the first one that works. Raises UsageError or PerfLiveError."""
    name, midi_in = _open_client(rtmidi.MidiIn, api)
    _, midi_out = _open_client(rtmidi.MidiOut, api)
    try:
        return PortNames(name, midi_in.get_ports(), midi_out.get_ports())
    finally:
        midi_in.delete()
        midi_out.delete()


def open_input(name: str, clock: Clock, api: str | None = None, virtual: bool = False) -> "InputPort":
    """Open the input port that ``name`` is part of, or a virtual one called ``name``. Raises UsageError or PerfLiveError."""
    return InputPort(*_open(rtmidi.MidiIn, name, api, virtual, "in"), clock)


def open_output(name: str, api: str | None = None, virtual: bool = False) -> "OutputPort":
    """Open the output port that ``name`` is part of, or a virtual one called ``name``. Raises UsageError or PerfLiveError."""
    return OutputPort(*_open(rtmidi.MidiOut, name, api, virtual, "out"))


class _Port:
    def __init__(self, midi: Any, api: str, name: str, virtual: bool):
        self.name = name
        self.lost = False
        self._midi = midi
        self.api = api
        self._virtual = virtual
        self._closed = False
        self._lock = threading.Lock()  # rtmidi ends the process when a port that is being closed is asked for anything

    def is_there(self) -> bool:
        """Look whether the other end is still listed; a virtual port has none, and one that is closed here needs none."""
        with self._lock:
            try:
                return self._closed or self._virtual or self.name in self._midi.get_ports()
            except rtmidi.RtMidiError:
                return False

    def close(self) -> None:
        with self._lock:
            self._closed = True
            release(self._midi)


class InputPort(_Port):
    """``inbox`` receives an Event for each message, stamped when the driver called back (and None to wake whoever waits).

    Pieces of messages, which drivers hand on as they come, are left out.
    """

    def __init__(self, midi: Any, api: str, name: str, virtual: bool, clock: Clock):
        super().__init__(midi, api, name, virtual)
        self.inbox: queue.SimpleQueue[Event | None] = queue.SimpleQueue()
        put, now_ns = self.inbox.put, clock.now_ns

        def receive(message: tuple[list[int], float], _: None) -> None:
            time_ns, whole = now_ns(), bytes(message[0])
            if is_whole(whole):
                put(Event(time_ns, whole))

        midi.ignore_types(sysex=False, timing=False, active_sense=False)
        midi.set_callback(receive)

    def close(self) -> None:
        self._midi.cancel_callback()  # first: a callback in flight and a port being closed wait for each other
        super().close()


class OutputPort(_Port):
    def send(self, message: bytes) -> None:
        """Send one message. Raises PerfLiveError when the port has gone."""
        if self.lost:
            raise PerfLiveError(f"output port {self.name!r} has gone")
        if len(message) > JACK_LONGEST_MESSAGE and self.api == "jack":
            print(f"left out a message of {len(message)} bytes: JACK takes {JACK_LONGEST_MESSAGE} at most", file=sys.stderr, flush=True)
            return
        try:
            self._midi.send_message(message)
        except rtmidi.RtMidiError as error:
            raise PerfLiveError(f"cannot send to port {self.name!r}: {error}") from error

    def close(self) -> None:
        if self.api == "jack" and not self.lost:
            time.sleep(JACK_DRAIN_S)
        super().close()


@contextmanager
def watch(ports: Sequence[InputPort | OutputPort], on_lost: Callable[[PerfLiveError], None]) -> Iterator[None]:
    """While the block runs, tell ``on_lost`` of the first of ``ports`` that has gone: once, from another thread, within a second."""
    done = threading.Event()

    def lose(gone: Sequence[InputPort | OutputPort], message: str) -> None:
        for port in gone:
            port.lost = True
        if gone and not done.is_set():
            done.set()
            on_lost(PerfLiveError(message))

    def look() -> None:
        while not done.wait(POLL_S):
            for port in ports:
                if not port.is_there():
                    lose([port], f"port {port.name!r} has gone: its device was unplugged or its program ended")

    jack_ports = [port for port in ports if port.api == "jack"]
    with ExitStack() as stack:
        if jack_ports:
            stack.enter_context(jack.watch_server(lambda: lose(jack_ports, "the JACK server has ended; start it again")))
        watcher = threading.Thread(target=look, name="port watch", daemon=True)
        watcher.start()
        try:
            yield
        finally:
            done.set()
            watcher.join()


def _open(kind: Any, wanted: str, api: str | None, virtual: bool, own_name: str) -> tuple[Any, str, str, bool]:
    """Open a port; return what the port classes need."""
    api, midi = _open_client(kind, api)
    try:
        if virtual:
            if api == "winmm":
                raise PerfLiveError(f"--virtual {wanted!r}: Windows has no virtual ports; create a port with loopMIDI and name that")
            name = wanted
            with quiet_stderr():
                midi.open_virtual_port(wanted)
        else:
            names = midi.get_ports()
            name = match_port(wanted, names, "input" if kind is rtmidi.MidiIn else "output")
            with quiet_stderr():
                midi.open_port(names.index(name), name=own_name)
            if api == "jack":
                time.sleep(JACK_SETTLE_S)
        return midi, api, name, virtual
    except rtmidi.RtMidiError as error:
        release(midi)
        raise PerfLiveError(f"cannot open port {wanted!r}: {error}; close the program that uses it, if there is one") from error
    except PerfLiveError:
        release(midi)
        raise


def release(midi: Any) -> None:
    """Close the port of an rtmidi client and end the client.

    When connections have changed, as they do when another client ends, a thread of JACK's reads the client's list of ports, which closing a
    port changes (jack2's issue 216). rtmidi frees an output's buffer before it ends the client, while another thread may be reading it.
    Both end in a segmentation fault; the pauses let these threads finish.
    """
    time.sleep(JACK_PAUSE_S)
    midi.close_port()
    time.sleep(JACK_PAUSE_S)
    midi.delete()


def match_port(wanted: str, names: Sequence[str], direction: str) -> str:
    """Return the name that equals, or else contains, ``wanted``, in any case. Raises UsageError with the candidates."""
    matches = [name for name in names if name.casefold() == wanted.casefold()]
    matches = matches or [name for name in names if wanted.casefold() in name.casefold()]
    if len(matches) == 1:
        return matches[0]
    candidates = ", ".join(repr(name) for name in matches or names) or "none"
    if matches:
        raise UsageError(f"{direction} port {wanted!r} is ambiguous; it may be any of: {candidates}; give more of the name")
    raise UsageError(f"no {direction} port has {wanted!r} in its name; there are: {candidates}")


def _open_client(kind: Any, api: str | None) -> tuple[str, Any]:
    """Return a driver's name and a client of it: of ``api``, or of the first driver that works. Raises UsageError or PerfLiveError."""
    if api is not None and api not in API_NAMES:
        raise UsageError(f"--api {api!r}: allowed: {', '.join(API_NAMES)}")
    compiled = rtmidi.get_compiled_api()
    usable = [name for name, number in API_NAMES.items() if number in compiled]
    if api is not None and api not in usable:
        raise UsageError(f"--api {api!r} is not for this system; allowed here: {', '.join(usable)}")
    jack.silence()
    failures = []
    for name in [api] if api else usable:
        try:
            with quiet_stderr():
                return name, kind(API_NAMES[name], CLIENT_NAME)
        except rtmidi.RtMidiError as error:
            failures.append(f"{name}: {str(error).split(': ')[-1]}")
    raise PerfLiveError(f"no MIDI driver works here ({'; '.join(failures)}); start a JACK server or load the ALSA sequencer")
