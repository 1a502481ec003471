"""A JACK client whose MIDI events have frame-accurate times, over the JACK library itself.

Its process callback is Python's: it waits for Python's lock on a thread that JACK waits for. That is what is measured here.
"""

import ctypes
from collections.abc import Callable, Iterable
from functools import partial
from typing import Any

from engine.base.errors import PerfLiveError
from engine.midi.ports import clients
from engine.midi.ports.jack import MIDI_TYPE, NO_START_SERVER, PORT_IS_INPUT, PORT_IS_OUTPUT, load_library

Timed = tuple[int, bytes]  # a frame of JACK's clock, and a message

_PROCESS = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_uint32, ctypes.c_void_p)
_XRUN = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_void_p)
_BUFFER = ctypes.c_void_p


class _MidiEvent(ctypes.Structure):
    _fields_ = (("time", ctypes.c_uint32), ("size", ctypes.c_size_t), ("buffer", ctypes.POINTER(ctypes.c_ubyte)))


_FUNCTIONS: dict[str, tuple[Any, list[Any]]] = {
    "jack_set_process_callback": (ctypes.c_int, [_BUFFER, _PROCESS, _BUFFER]),
    "jack_set_xrun_callback": (ctypes.c_int, [_BUFFER, _XRUN, _BUFFER]),
    "jack_port_register": (_BUFFER, [_BUFFER, ctypes.c_char_p, ctypes.c_char_p, ctypes.c_ulong, ctypes.c_ulong]),
    "jack_port_get_buffer": (_BUFFER, [_BUFFER, ctypes.c_uint32]),
    "jack_last_frame_time": (ctypes.c_uint32, [_BUFFER]),
    "jack_midi_get_event_count": (ctypes.c_uint32, [_BUFFER]),
    "jack_midi_event_get": (ctypes.c_int, [ctypes.POINTER(_MidiEvent), _BUFFER, ctypes.c_uint32]),
    "jack_midi_clear_buffer": (None, [_BUFFER]),
    "jack_midi_event_write": (ctypes.c_int, [_BUFFER, ctypes.c_uint32, ctypes.c_char_p, ctypes.c_size_t]),
}


def _open(library: Any, name: str) -> Any:
    client = library.jack_client_open(name.encode(), NO_START_SERVER, None)
    if not client:
        raise PerfLiveError("no JACK server answers; start one")
    return client


class FrameClient:
    """Calls ``on_period(first_frame, frames, heard)`` in each period; it returns what to send in it, in order of time."""

    def __init__(self, name: str, on_period: Callable[[int, int, list[Timed]], Iterable[Timed]]):
        """Raises PerfLiveError when no server answers."""
        self.xruns = 0
        loaded: Any = load_library()
        if loaded is None:
            raise PerfLiveError("no JACK library is installed; install jackd2 with apt")
        self._library = loaded
        for function, (result, arguments) in _FUNCTIONS.items():
            getattr(loaded, function).restype, getattr(loaded, function).argtypes = result, arguments
        self._client = clients.open_client(partial(_open, loaded, name), loaded.jack_client_close)
        self._on_period = on_period
        self._input = loaded.jack_port_register(self._client, b"in", MIDI_TYPE, PORT_IS_INPUT, 0)
        self._output = loaded.jack_port_register(self._client, b"out", MIDI_TYPE, PORT_IS_OUTPUT, 0)
        self._event = _MidiEvent()
        self._callbacks = _PROCESS(self._process), _XRUN(self._count_xrun)  # kept alive
        loaded.jack_set_process_callback(self._client, self._callbacks[0], None)
        loaded.jack_set_xrun_callback(self._client, self._callbacks[1], None)
        loaded.jack_activate(self._client)

    def connect(self, source: str, destination: str) -> None:
        self._library.jack_connect(self._client, source.encode(), destination.encode())

    def close(self) -> None:
        self._library.jack_client_close(self._client)
        clients.forget(self._client)

    def _process(self, frames: int, _: object) -> int:
        loaded, event = self._library, self._event
        first = loaded.jack_last_frame_time(self._client)
        source, target = loaded.jack_port_get_buffer(self._input, frames), loaded.jack_port_get_buffer(self._output, frames)
        heard = []
        for index in range(loaded.jack_midi_get_event_count(source)):
            loaded.jack_midi_event_get(ctypes.byref(event), source, index)
            heard.append((first + event.time, ctypes.string_at(event.buffer, event.size)))
        loaded.jack_midi_clear_buffer(target)
        for frame, message in self._on_period(first, frames, heard):
            loaded.jack_midi_event_write(target, min(max(frame - first, 0), frames - 1), message, len(message))
        return 0

    def _count_xrun(self, _: object) -> int:
        self.xruns += 1
        return 0
