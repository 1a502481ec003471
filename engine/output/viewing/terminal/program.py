"""The program that draws a run on a terminal, as the run sees it: what it is told, and what it asks for."""

import contextlib
import json
import os
import queue
import subprocess
import sys
import termios
import threading
from collections.abc import Callable, Iterator
from typing import Any, TextIO, cast

from engine.base.saying import held_back, print_line, say
from engine.output.viewing.channel import Channel
from engine.output.viewing.terminal.screen import LEAVE
from engine.runtime.real_time import real_time
from engine.runtime.steering.requests import Asker, Steering
from engine.runtime.steering.typed_lines import obey_lines

INTERVAL_S = 1 / 15
PATIENCE_S = 1.0  # for the program to end
GONE = "the screen has ended and the music goes on; Ctrl-C ends it"


@contextlib.contextmanager
def shown(channel: Channel, steering: Steering, terminal: TextIO) -> Iterator[None]:
    """Show a run on the terminal while the block runs, and let its keys steer it. The terminal is left as it was, whatever happens."""
    with held_back() if sys.stderr.isatty() else contextlib.nullcontext(lambda: None) as print_again:
        screen = _Screen(channel, terminal, print_again)
        asker = Asker(screen.answers.put, lambda reason: screen.answers.put(f"not done: {reason}"))
        threading.Thread(target=obey_lines, args=(screen.typed, steering, asker), name="keys", daemon=True).start()
        teller = threading.Thread(target=screen.tell, name="show", daemon=True)
        teller.start()
        try:
            yield
        finally:
            screen.end(teller)


class _Screen:
    """The program, and the terminal that it draws on."""

    def __init__(self, channel: Channel, terminal: TextIO, print_again: Callable[[], None]):
        """``print_again`` lets lines be printed when the screen has gone."""
        self._channel, self._terminal, self._print_again = channel, terminal, print_again
        self._settings = termios.tcgetattr(terminal)
        command = [sys.executable, "-m", __package__, os.ttyname(terminal.fileno())]
        pipes: dict[str, Any] = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.DEVNULL}
        self._program = subprocess.Popen(command, text=True, encoding="utf-8", **pipes)  # noqa: S603
        self._told, self.typed = cast(TextIO, self._program.stdin), cast(TextIO, self._program.stdout)
        self.answers: queue.SimpleQueue[str] = queue.SimpleQueue()
        self._over = threading.Event()

    def tell(self) -> None:
        """Tell the program what there is to be seen, until the end. It may be slow, or gone."""
        try:
            with real_time():  # as the channel
                self._tell()
        except (OSError, ValueError):
            if not self._over.is_set():
                self._give_back(self._program.wait())
                say(GONE)

    def _tell(self) -> None:
        viewer, described = self._channel.viewer(), 0
        while not self._over.wait(INTERVAL_S):
            if (description := self._channel.description).number != described:
                described = description.number
                self._write(f'{{"description":{description.as_json()}}}')
            while not self.answers.empty():
                self._write(json.dumps({"answer": self.answers.get()}))
            if snapshot := viewer.look():
                self._write(f'{{"snapshot":{snapshot.as_json()}}}')

    def end(self, teller: threading.Thread) -> None:
        """Let the program end, or end it where it does not answer."""
        self._over.set()
        teller.join(PATIENCE_S)
        if teller.is_alive():  # the terminal takes nothing
            self._program.kill()
        with contextlib.suppress(OSError, ValueError):
            self._told.close()
        try:
            status = self._program.wait(PATIENCE_S)
        except subprocess.TimeoutExpired:
            self._program.kill()
            status = self._program.wait()
        self._give_back(status)

    def _write(self, message: str) -> None:
        self._told.write(f"{message}\n")
        self._told.flush()

    def _give_back(self, status: int) -> None:
        """Give the terminal back; a program that was ended by force could not."""
        termios.tcsetattr(self._terminal, termios.TCSANOW, self._settings)
        if status:
            print_line(LEAVE, self._terminal)
        self._print_again()
