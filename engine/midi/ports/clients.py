"""Opens the JACK clients of this process, around what jack2's library does not do well: it overlooks ends, and frees what is in use."""

import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

from engine.base.errors import RefusedError

OPENINGS = 5  # at most, until the library knows all other clients
NOTICE_S, POLL_S = 0.5, 0.01  # for the library to notice that another client has ended
ATTEMPTS, BUSY_S = 3, 0.05  # times that a server is asked for the first client, and the pause between them

Client = TypeVar("Client")

_lock = threading.Lock()  # one is opened at a time
_open: set[Any] = set()
_ended = False  # the library believes that the server has ended


def open_client(make: Callable[[], Client], close: Callable[[Client], None]) -> Client:
    """Return the client that ``make`` opens; where the library has overlooked the end of another one, ``close`` it and open anew.

    jack2 does not notice a client that ends in the moment in which the first one of this process is opened (ClientNotifyImp in its
    JackLibClient.cpp). It keeps the semaphore of the one that has gone, and takes it for that of the next client in that place. If
    that is one of ours it hears nothing, and the whole server waits for it. All is forgotten when the last client of the process ends.

    Raises what ``make`` raises, and RefusedError where others are open that must be closed first (see ``must_close``).
    """
    with _lock:
        for _ in range(OPENINGS - 1):
            client = _ask(make)
            if _notices_all_ends():
                break
            close(client)
        else:
            client = _ask(make)
        _open.add(client)
        return client


def forget(client: object) -> None:
    """Take note that a client has been closed."""
    _open.discard(client)


def note_end() -> None:
    """Take note that the server has ended, or has let go of one client. Called from threads of JACK's as well."""
    global _ended
    _ended = True


def must_close() -> bool:
    """Return whether the clients that are open have to be closed before any other is opened.

    jack2 takes one client that was refused or let go for the end of the server, and frees all clients of the process that are still open
    when the next one is opened (Init in its JackLibGlobals.h, issue 627). Whoever still uses one then dies of a segmentation fault.
    """
    return _ended and bool(_open)


def _ask(make: Callable[[], Client]) -> Client:
    """Open a client. A server that has much to do may refuse: it is asked again, unless other clients are open."""
    global _ended
    for attempt in range(ATTEMPTS):
        if must_close():
            raise RefusedError("the JACK server has let go of a client; start perf-live again")
        try:
            client = make()
        except Exception as error:
            note_end()
            if _open:
                raise RefusedError("the JACK server refuses a client; try again when the machine has less to do") from error
            if attempt == ATTEMPTS - 1:
                raise
            time.sleep(BUSY_S)
        else:
            _ended = False
            return client
    raise AssertionError("the last attempt returns or raises")


def _notices_all_ends() -> bool:
    deadline_s = time.monotonic() + NOTICE_S
    while _holds_lost_semaphore():
        if time.monotonic() > deadline_s:
            return False
        time.sleep(POLL_S)
    return True


def _holds_lost_semaphore() -> bool:
    """Whether this process has a semaphore of JACK's in its memory whose client has ended. Linux says so; elsewhere JACK has others."""
    try:
        mapped = Path("/proc/self/maps").read_text(errors="replace").splitlines()
    except OSError:
        return False
    return any("/jack_sem." in line and line.endswith("(deleted)") for line in mapped)
