"""Lines for whoever watches, on standard error, which nothing in a run may wait for or fail of.

A terminal that is held, a pipe that nobody reads and a stream that is closed keep a print waiting or make it fail. A thread of its own
prints, therefore; what it cannot print is lost.
"""

import contextlib
import os
import queue
import sys
import threading
import time
from collections.abc import Callable, Iterator
from typing import IO

MOST_WAITING = 1000  # lines; more than that nobody reads
POLL_S = 0.005
PATIENCE_S = 1.0

_lines: "queue.Queue[str]" = queue.Queue(MOST_WAITING)
_starting = threading.Lock()
_threads: list[threading.Thread] = []
_listeners: list[Callable[[str], object]] = []
_free = threading.Event()  # whether standard error may be written to
_free.set()


def say(line: str) -> None:
    """Print a line on standard error soon. Returns at once and never fails; safe from any thread, not from a signal handler."""
    with _starting:
        if not _threads:
            _threads.append(threading.Thread(target=_print_all, name="saying", daemon=True))
            _threads[0].start()
    with contextlib.suppress(queue.Full):
        _lines.put_nowait(line)
    for listener in tuple(_listeners):
        listener(line)


@contextlib.contextmanager
def overheard(listener: Callable[[str], object]) -> Iterator[None]:
    """Let ``listener`` be told every line while the block runs, on the thread that says it. It must return at once and never fail."""
    _listeners.append(listener)
    try:
        yield
    finally:
        _listeners.remove(listener)


@contextlib.contextmanager
def held_back() -> Iterator[Callable[[], None]]:
    """Print nothing while the block runs, as standard error is a screen that is drawn on; what was said is printed after it.

    It is given what ends this earlier.
    """
    _free.clear()
    try:
        yield _free.set
    finally:
        _free.set()


def finish_saying() -> None:
    """Wait until what was said is printed, but not for long."""
    end_s = time.monotonic() + PATIENCE_S
    while _lines.unfinished_tasks and time.monotonic() < end_s:
        time.sleep(POLL_S)


def print_line(line: str, stream: IO[str] | None) -> None:
    """Print a line. A stream that does not take it, as its reader has gone, leads nowhere from then on."""
    if stream is None:
        return
    try:
        print(line, file=stream, flush=True)
    except (OSError, ValueError):
        with contextlib.suppress(OSError, ValueError):  # else the interpreter would try to write it again, and fail, at its end
            os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())


def _print_all() -> None:
    while True:
        line = _lines.get()
        _free.wait()
        print_line(line, sys.stderr)
        _lines.task_done()
