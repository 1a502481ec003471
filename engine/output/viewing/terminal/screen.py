"""A whole terminal to draw on, given back as it was."""

import io
import os
import termios
from collections.abc import Sequence
from types import TracebackType

from rich.console import Console
from rich.text import Text

ENTER, LEAVE = "\x1b[?1049h\x1b[?25l\x1b[2J", "\x1b[?25h\x1b[?1049l"  # the other screen without a cursor, and back
ALL_ROWS = 30  # drawings after which every row is drawn again, as another program may have written over it
LOCAL_FLAGS, INPUT_FLAGS, CONTROL_CHARACTERS = 3, 0, 6  # places in what termios returns


class Screen:
    """The terminal while the block runs. Keys come one by one and unseen; Ctrl-C and Ctrl-\\ are signals, Ctrl-Z is not."""

    def __init__(self, terminal: int):
        self._terminal = terminal
        self._drawn: list[Text] = []
        self._drawings = 0

    def __enter__(self) -> "Screen":
        self._settings = termios.tcgetattr(self._terminal)
        mode = termios.tcgetattr(self._terminal)
        mode[LOCAL_FLAGS] &= ~(termios.ECHO | termios.ICANON)
        mode[INPUT_FLAGS] &= ~termios.IXON
        mode[CONTROL_CHARACTERS][termios.VSUSP] = bytes([os.fpathconf(self._terminal, "PC_VDISABLE") & 0xFF])
        termios.tcsetattr(self._terminal, termios.TCSANOW, mode)
        self._write(ENTER)
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        termios.tcsetattr(self._terminal, termios.TCSANOW, self._settings)
        self._write(LEAVE)

    @property
    def size(self) -> tuple[int, int]:
        """Columns and rows."""
        size = os.get_terminal_size(self._terminal)
        return size.columns, size.lines

    def draw(self, rows: Sequence[Text]) -> None:
        """Show these rows from the top; those that are as they were are left."""
        columns, height = self.size
        console = Console(file=io.StringIO(), force_terminal=True, width=columns, height=height, legacy_windows=False)
        self._drawings += 1
        anew = self._drawings % ALL_ROWS == 1 or len(rows) != len(self._drawn)
        written = ["\x1b[2J" if len(rows) != len(self._drawn) else ""]
        for number, row in enumerate(rows[:height]):
            if anew or row != self._drawn[number]:
                with console.capture() as captured:
                    console.print(row, end="", no_wrap=True, overflow="crop")
                written.append(f"\x1b[{number + 1};1H{captured.get()}\x1b[0m\x1b[K")
        self._drawn = list(rows)
        self._write("".join(written))

    def _write(self, text: str) -> None:
        data = text.encode("utf-8", "replace")
        while data:
            data = data[os.write(self._terminal, data) :]
