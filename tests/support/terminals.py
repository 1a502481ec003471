"""A real pseudo-terminal that a program is started in, and an emulation of the screen that a person would see there."""

import fcntl
import os
import pty
import struct
import subprocess
import sys
import termios
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pyte

LIMIT_S = 60


class Terminal:
    """A terminal of ``columns`` by ``rows``, the program's controlling one. ``raw`` is all that was written to it."""

    def __init__(self, command: list[str], columns: int = 80, rows: int = 24, environment: dict[str, str] | None = None, **options: Any):
        self.ours, theirs = pty.openpty()
        self.settings = termios.tcgetattr(theirs)
        self.theirs = theirs  # kept open, so that how it was left can be seen
        self.raw = b""
        self.screen = pyte.Screen(columns, rows)
        self._stream = pyte.ByteStream(self.screen)
        self._lock = threading.Lock()
        self._resize(columns, rows)
        self.program = subprocess.Popen(
            command,
            stdin=theirs,
            stdout=theirs,
            stderr=theirs,
            env={**os.environ, "TERM": "xterm-256color", **(environment or {})},
            start_new_session=True,
            preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0),
            **options,
        )
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def type(self, text: str) -> None:
        os.write(self.ours, text.encode())

    def resize(self, columns: int, rows: int) -> None:
        with self._lock:
            self.screen.resize(rows, columns)
        self._resize(columns, rows)

    @property
    def rows(self) -> list[str]:
        with self._lock:
            return [row.rstrip() for row in self.screen.display]

    def wait_for(self, condition: Callable[[list[str]], Any]) -> list[str]:
        """Return what is on the screen when it meets the condition."""
        end_s = time.monotonic() + LIMIT_S
        while not condition(rows := self.rows):
            assert time.monotonic() < end_s, "\n".join(["not seen; the screen is:", *rows])
            time.sleep(0.02)
        return rows

    def end(self) -> int:
        """Wait for the program's end, and for what it has written last; return its status."""
        status = self.program.wait(LIMIT_S)
        time.sleep(0.1)
        return status

    def _resize(self, columns: int, rows: int) -> None:
        fcntl.ioctl(self.ours, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))

    def _read(self) -> None:
        while True:
            try:
                read = os.read(self.ours, 65536)
            except OSError:
                return
            with self._lock:
                self.raw += read
                self._stream.feed(read)


@contextmanager
def in_terminal(
    *arguments: object, columns: int = 80, rows: int = 24, program: str = "from engine.commands.live import main; main()", **options: Any
) -> Iterator[Terminal]:
    """Start perf-live with these arguments in a terminal of its own."""
    command = [sys.executable, "-c", program, *map(str, arguments)]
    terminal = Terminal(command, columns, rows, **options)
    try:
        yield terminal
    finally:
        terminal.program.terminate()
        terminal.program.wait(LIMIT_S)
        os.close(terminal.ours)
        os.close(terminal.theirs)
