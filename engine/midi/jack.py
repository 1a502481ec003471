"""Notices the end of the JACK server, which rtmidi does not report, and silences the library's own messages."""

import ctypes
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from typing import Any

from rtmidi import _rtmidi

_NO_START_SERVER = 1  # JackNoStartServer of jack/types.h
_SHUTDOWN_CALLBACK = ctypes.CFUNCTYPE(None, ctypes.c_void_p)


@cache
def _library() -> ctypes.CDLL | None:
    """Return the JACK library that rtmidi itself uses: the lookup goes through what its extension module was linked to."""
    try:
        library = ctypes.CDLL(_rtmidi.__file__)
        library.jack_client_open.restype = ctypes.c_void_p
    except (AttributeError, OSError):
        return None
    library.jack_client_open.argtypes = [ctypes.c_char_p, ctypes.c_int, ctypes.c_void_p]
    library.jack_client_close.argtypes = [ctypes.c_void_p]
    library.jack_on_shutdown.argtypes = [ctypes.c_void_p, _SHUTDOWN_CALLBACK, ctypes.c_void_p]
    return library


def silence() -> None:
    """Keep JACK's own lines off standard error: rtmidi's exceptions and ``watch_server`` say the same in one.

    The library is given C's ``strlen`` to call with each line. It does no harm, and its threads need not wait for Python.
    """
    library = _library()
    if library:
        nothing: Any = ctypes.cast(ctypes.CDLL(None).strlen, ctypes.c_void_p)
        library.jack_set_error_function(nothing)
        library.jack_set_info_function(nothing)


@contextmanager
def watch_server(on_end: Callable[[], None]) -> Iterator[None]:
    """While the block runs, call ``on_end`` (from a thread of the library) when the server ends. A client without ports listens."""
    library = _library()
    client = library.jack_client_open(b"perf-live-watch", _NO_START_SERVER, None) if library else None
    if not library or not client:
        on_end()
        yield
        return
    callback = _SHUTDOWN_CALLBACK(lambda _: on_end())  # the name keeps it alive
    library.jack_on_shutdown(client, callback, None)
    try:
        yield
    finally:
        library.jack_client_close(client)
