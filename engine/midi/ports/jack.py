"""What rtmidi does not tell of the JACK server: which ports are connected, that a connection was cut, and that the server has ended."""

import ctypes
import math
import threading
from functools import cache
from typing import Any, NamedTuple, Protocol

from rtmidi import _rtmidi

from engine.base.errors import PerfLiveError
from engine.midi.ports import clients

NO_START_SERVER = 1  # JackNoStartServer of jack/types.h
MIDI_TYPE = b"8 bit raw midi"  # JACK_DEFAULT_MIDI_TYPE
PORT_IS_INPUT, PORT_IS_OUTPUT = 1, 2  # JackPortIsInput and JackPortIsOutput
ALREADY_CONNECTED = 17  # EEXIST
CLIENT_NAME = b"perf-live-watch"
NS_PER_S = 1e9

_POINTER, _NAMES = ctypes.c_void_p, ctypes.POINTER(ctypes.c_char_p)
_SHUTDOWN = ctypes.CFUNCTYPE(None, _POINTER)
_CONNECTED = ctypes.CFUNCTYPE(None, ctypes.c_uint32, ctypes.c_uint32, ctypes.c_int, _POINTER)
_REGISTERED = ctypes.CFUNCTYPE(None, ctypes.c_uint32, ctypes.c_int, _POINTER)
_FUNCTIONS: dict[str, tuple[Any, list[Any]]] = {
    "jack_client_open": (_POINTER, [ctypes.c_char_p, ctypes.c_int, _POINTER]),
    "jack_client_close": (ctypes.c_int, [_POINTER]),
    "jack_activate": (ctypes.c_int, [_POINTER]),
    "jack_on_shutdown": (None, [_POINTER, _SHUTDOWN, _POINTER]),
    "jack_set_port_connect_callback": (ctypes.c_int, [_POINTER, _CONNECTED, _POINTER]),
    "jack_set_port_registration_callback": (ctypes.c_int, [_POINTER, _REGISTERED, _POINTER]),
    "jack_get_ports": (_NAMES, [_POINTER, ctypes.c_char_p, ctypes.c_char_p, ctypes.c_ulong]),
    "jack_port_by_name": (_POINTER, [_POINTER, ctypes.c_char_p]),
    "jack_port_by_id": (_POINTER, [_POINTER, ctypes.c_uint32]),
    "jack_port_name": (ctypes.c_char_p, [_POINTER]),
    "jack_port_get_all_connections": (_NAMES, [_POINTER, _POINTER]),
    "jack_connect": (ctypes.c_int, [_POINTER, ctypes.c_char_p, ctypes.c_char_p]),
    "jack_disconnect": (ctypes.c_int, [_POINTER, ctypes.c_char_p, ctypes.c_char_p]),
    "jack_port_disconnect": (ctypes.c_int, [_POINTER, _POINTER]),
    "jack_free": (None, [_POINTER]),
}


class Watched(Protocol):
    """Who wants to know what becomes of a port of ours."""

    port: int | None  # JACK's handle of it

    def notice_cut(self) -> None:
        """One of its connections has ended. Called from a thread of JACK's."""

    def notice_end(self) -> None:
        """The server has ended, and the port with it. Called from a thread of JACK's."""


@cache
def load_library() -> ctypes.CDLL | None:
    """Return the JACK library that rtmidi itself uses: the lookup goes through what its extension module was linked to."""
    try:
        library = ctypes.CDLL(_rtmidi.__file__)
        for name, (result, arguments) in _FUNCTIONS.items():
            function = getattr(library, name)
            function.restype, function.argtypes = result, arguments
    except (AttributeError, OSError):
        return None
    return library


def silence() -> None:
    """Keep JACK's own lines off standard error: rtmidi's exceptions and the watcher say the same in one.

    The library is given C's ``strlen`` to call with each line. It does no harm, and its threads need not wait for Python.
    """
    library = load_library()
    if library:
        nothing: Any = ctypes.cast(ctypes.CDLL(None).strlen, ctypes.c_void_p)
        library.jack_set_error_function(nothing)
        library.jack_set_info_function(nothing)


class Period(NamedTuple):
    """The server's present period: how long ago it began, and how long periods are."""

    age_ns: float
    length_ns: float


class _Frames(NamedTuple):
    """What JACK counts in frames, each a function of a client: since the period began, of a period, and in a second."""

    since: Any
    of_period: Any
    in_second: Any


@cache
def _load_frames() -> _Frames | None:
    """Return what tells the frames; None from a library that cannot tell."""
    try:
        library = ctypes.PyDLL(_rtmidi.__file__)  # keeps Python's lock: none of them waits, and who asks is in a hurry
        frames = _Frames(library.jack_frames_since_cycle_start, library.jack_get_buffer_size, library.jack_get_sample_rate)
    except (AttributeError, OSError):
        return None
    for function in frames:
        function.restype, function.argtypes = ctypes.c_uint32, [_POINTER]
    return frames


class Graph:
    """The server's ports and connections, as a client without ports sees them. ``changed`` is set when they have changed.

    JACK calls back from a thread of its own in which it waits for nobody, so that Python's lock holds up no audio.
    """

    def __init__(self) -> None:
        """Raises PerfLiveError when no server answers."""
        library = load_library()
        client = library.jack_client_open(CLIENT_NAME, NO_START_SERVER, None) if library else None
        if not library or not client:
            raise PerfLiveError("no JACK server answers; start one")
        self.changed = threading.Event()
        self.ended = False
        self._library, self._client = library, client
        self._watched: set[Watched] = set()
        self._callbacks = _SHUTDOWN(self._on_end), _CONNECTED(self._on_connection), _REGISTERED(self._on_registration)  # kept alive
        library.jack_on_shutdown(client, self._callbacks[0], None)
        library.jack_set_port_connect_callback(client, self._callbacks[1], None)
        library.jack_set_port_registration_callback(client, self._callbacks[2], None)
        library.jack_activate(client)
        self._frames = _load_frames()
        self._frame_ns = NS_PER_S / (self._frames.in_second(client) or math.inf) if self._frames else 0.0

    def period_age_ns(self) -> float | None:
        """Return how long ago the server's present period began; None where the library does not tell. Takes half a microsecond."""
        return self._frames.since(self._client) * self._frame_ns if self._frames else None

    def period(self) -> Period | None:
        """Return the server's present period; None where the library does not tell."""
        frames = self._frames
        if not frames:
            return None
        return Period(frames.since(self._client) * self._frame_ns, frames.of_period(self._client) * self._frame_ns)

    def watch(self, watched: Watched) -> None:
        self._watched.add(watched)

    def unwatch(self, watched: Watched) -> None:
        self._watched.discard(watched)

    def ports(self, flag: int) -> list[bytes]:
        """Return the full names of the MIDI ports that others read from (``PORT_IS_OUTPUT``) or write to (``PORT_IS_INPUT``)."""
        return self._names(self._library.jack_get_ports(self._client, None, MIDI_TYPE, flag))

    def find(self, name: bytes) -> int | None:
        """Return the handle of a port, which stays the same when it is renamed."""
        return self._library.jack_port_by_name(self._client, name)

    def name_of(self, port: int) -> bytes:
        return self._library.jack_port_name(port)

    def process_of(self, name: bytes) -> int:
        """Return the number of the process that a port belongs to; 0 where the library does not know."""
        ask = getattr(self._library, "jack_get_client_pid", None)
        return ask(name.partition(b":")[0]) if ask else 0

    def connections(self, port: int) -> list[bytes]:
        """Return the full names of the ports that ``port`` is connected to."""
        return self._names(self._library.jack_port_get_all_connections(self._client, port))

    def connect(self, source: bytes, destination: bytes) -> bool:
        """Connect two ports; return whether they are connected now."""
        return self._library.jack_connect(self._client, source, destination) in (0, ALREADY_CONNECTED)

    def disconnect(self, source: bytes, destination: bytes) -> None:
        self._library.jack_disconnect(self._client, source, destination)

    def disconnect_all(self, port: int) -> None:
        """Cut all connections of a port."""
        self._library.jack_port_disconnect(self._client, port)

    def close(self) -> None:
        self._library.jack_client_close(self._client)
        clients.forget(self)

    def _names(self, array: Any) -> list[bytes]:
        if not array:
            return []
        names: list[bytes] = []
        while (name := array[len(names)]) is not None:
            names.append(name)
        self._library.jack_free(array)
        return names

    def _on_end(self, _: object) -> None:
        self.ended = True
        clients.note_end()
        for watched in tuple(self._watched):
            watched.notice_end()
        self.changed.set()

    def _on_connection(self, first: int, second: int, connected: int, _: object) -> None:
        if not connected:
            ends = [self._library.jack_port_by_id(self._client, number) for number in (first, second)]
            for watched in tuple(self._watched):
                if watched.port in ends:
                    watched.notice_cut()
        self.changed.set()

    def _on_registration(self, _number: int, _registered: int, _: object) -> None:
        self.changed.set()


_sharing = threading.Lock()
_shared: list[Graph] = []  # none or one, for all ports of the process
_users = 0


def share_graph() -> Graph:
    """Return the process's one graph; whoever calls this calls ``give_back`` in the end. Raises PerfLiveError when no server answers."""
    global _users
    with _sharing:
        if not _shared:
            _shared.append(clients.open_client(Graph, Graph.close))
        _users += 1
        return _shared[0]


def period_age_ns() -> float | None:
    """Return how long ago the present period of the process's server began; None where that cannot be told."""
    return _shared[0].period_age_ns() if _shared else None


def period() -> Period | None:
    """Return the present period of the process's server; None where that cannot be told."""
    return _shared[0].period() if _shared else None


def give_back() -> None:
    """Do without the graph; the last one to do so closes it."""
    global _users
    with _sharing:
        _users -= 1
        if not _users:
            _shared.pop().close()
