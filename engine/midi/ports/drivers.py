"""The drivers of the system, over python-rtmidi: which there are, their clients, and the ports that they list."""

import gc
import time
from dataclasses import dataclass
from functools import partial
from typing import Any

import rtmidi

from engine.base.errors import PerfLiveError, UsageError, patiently
from engine.base.quiet import quiet_stderr
from engine.midi.ports import clients, jack

CLIENT_NAME = "perf-live"
API_NAMES = {
    "jack": rtmidi.API_UNIX_JACK,
    "alsa": rtmidi.API_LINUX_ALSA,
    "coremidi": rtmidi.API_MACOSX_CORE,
    "winmm": rtmidi.API_WINDOWS_MM,
}
JACK_PAUSE_S = 0.15  # longer than JACK's threads need to end what they are at, on a core that stands still for a while


@dataclass(frozen=True)
class PortNames:
    api: str
    inputs: list[str]
    outputs: list[str]


def list_ports(api: str | None = None) -> PortNames:
    """Return the names of the ports of ``api``, or of the first one that works. Raises UsageError or PerfLiveError."""
    return patiently(partial(_list_ports, api))


def _list_ports(api: str | None) -> PortNames:
    name, midi_in = open_client(rtmidi.MidiIn, api)
    try:
        _, midi_out = open_client(rtmidi.MidiOut, api)
        try:
            return PortNames(name, midi_in.get_ports(), midi_out.get_ports())
        finally:
            _end(midi_out)
    finally:
        _end(midi_in)


def open_client(kind: Any, api: str | None) -> tuple[str, Any]:
    """Return a driver's name and a client of it: of ``api``, or of the first driver that works. Raises UsageError or PerfLiveError.

    kind: ``rtmidi.MidiIn`` or ``rtmidi.MidiOut``.
    """
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
                return name, new_client(kind, name, CLIENT_NAME)
        except rtmidi.RtMidiError as error:
            failures.append(f"{name}: {str(error).split(': ')[-1]}")
    raise PerfLiveError(f"no MIDI driver works here ({'; '.join(failures)}); start a JACK server or load the ALSA sequencer")


def new_client(kind: Any, api: str, client_name: str) -> Any:
    """Return a client of the driver ``api`` that other programs see as ``client_name``. Raises rtmidi.RtMidiError or RefusedError.

    kind: ``rtmidi.MidiIn`` or ``rtmidi.MidiOut``.
    """
    make = partial(kind, API_NAMES[api], client_name)
    return clients.open_client(make, kind.delete) if api == "jack" else make()


def stop_hearing(midi: Any) -> list[Any]:
    """Stop an input from calling back; return what a call in flight still needs, to be kept until the port is closed.

    python-rtmidi forgets its callback at once, while a thread of the driver may be on its way into it with no more than an address, and
    wait for Python's lock: what it then finds there is another object, or none.
    """
    needed = gc.get_referents(midi)
    midi.cancel_callback()
    return needed


def release(midi: Any) -> None:
    """Close the port of an rtmidi client and end the client.

    When connections have changed, as they do when another client ends, a thread of JACK's reads the client's list of ports, which closing a
    port changes (jack2's issue 216). rtmidi frees an output's buffer before it ends the client, while another thread may be reading it.
    Both end in a segmentation fault; the pauses let these threads finish.
    """
    # First: a callback in flight and a port being closed wait for each other.
    needed = stop_hearing(midi) if isinstance(midi, rtmidi.MidiIn) else []
    time.sleep(JACK_PAUSE_S)
    midi.close_port()
    time.sleep(JACK_PAUSE_S)
    _end(midi)
    needed.clear()


def _end(midi: Any) -> None:
    midi.delete()
    clients.forget(midi)
