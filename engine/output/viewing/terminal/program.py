"""The program that draws a run on a terminal, as the run sees it: what it is told, and what it asks for."""

import contextlib
import os
import sys
import termios
import threading
from collections.abc import Callable, Iterator
from typing import TextIO

from engine.base.saying import held_back, print_line, say
from engine.output.viewing.channel import Channel
from engine.output.viewing.program import ViewerProgram
from engine.output.viewing.terminal.screen import LEAVE
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
        threading.Thread(target=obey_lines, args=(screen.said, steering, asker), name="keys", daemon=True).start()
        teller = threading.Thread(target=screen.tell, name="show", daemon=True)
        teller.start()
        try:
            yield
        finally:
            screen.end(teller)


class _Screen(ViewerProgram):
    """The program, and the terminal that it draws on."""

    def __init__(self, channel: Channel, terminal: TextIO, print_again: Callable[[], None]):
        """``print_again`` lets lines be printed when the screen has gone."""
        self._terminal, self._print_again = terminal, print_again
        self._settings = termios.tcgetattr(terminal)
        super().__init__(channel, [__package__, os.ttyname(terminal.fileno())], INTERVAL_S, PATIENCE_S)

    def end(self, teller: threading.Thread) -> int:
        status = super().end(teller)
        self._give_back(status)
        return status

    def _miss(self) -> None:
        self._give_back(self._program.wait())
        say(GONE)

    def _give_back(self, status: int) -> None:
        """Give the terminal back; a program that was ended by force could not."""
        termios.tcsetattr(self._terminal, termios.TCSANOW, self._settings)
        if status:
            print_line(LEAVE, self._terminal)
        self._print_again()
