"""Draw a run on a terminal: ``python -m engine.output.viewing.terminal TERMINAL``; lines of JSON come in, lines as they are typed go out.

It ends when its input does, whatever has ended the run, and gives the terminal back.
"""

import json
import os
import re
import select
import signal
import sys
import time
from collections.abc import Iterator

from engine.output.viewing.terminal.drawing import draw
from engine.output.viewing.terminal.screen import Screen
from engine.output.viewing.terminal.view import View

DRAWN_S = 1 / 15
SEQUENCES = {"[A": "up", "[B": "down", "[C": "right", "[D": "left", "OA": "up", "OB": "down", "OC": "right", "OD": "left"}
NAMES = {"\r": "enter", "\n": "enter", "\x7f": "backspace", "\b": "backspace", "\x1b": "escape"}
KEY = re.compile(r"\x1b(\[[0-9;]*[A-Za-z~]|O[A-Z])|(.)", re.DOTALL)
RUN, ENDED = 0, b""  # the file that the run writes to, and what is read from it when it has ended


def keys(typed: str) -> Iterator[str]:
    """Yield the keys that were pressed, by their characters or names; what is unknown is left out."""
    for sequence, character in KEY.findall(typed):
        if key := SEQUENCES.get(sequence) if sequence else NAMES.get(character, character):
            yield key


def show(terminal: int) -> None:
    """Draw until the run has ended."""
    view, waiting, drawn_s = View(), b"", 0.0
    with Screen(terminal) as screen:
        while True:
            ready, _, _ = select.select([terminal, RUN], [], [], DRAWN_S)
            if terminal in ready:
                for key in keys(os.read(terminal, 4096).decode("utf-8", "replace")):
                    for line in view.press(key):
                        print(line, flush=True)
            if RUN in ready:
                read = os.read(RUN, 65536)
                if read == ENDED:
                    return
                *told, waiting = (waiting + read).split(b"\n")
                for message in told:
                    view.take(json.loads(message))
            if time.monotonic() - drawn_s >= DRAWN_S:
                screen.draw(draw(view, *screen.size))
                drawn_s = time.monotonic()


def main() -> None:
    for name in ("SIGINT", "SIGQUIT", "SIGHUP", "SIGTSTP", "SIGTTOU"):  # meant for the run, whose end is heard of
        signal.signal(getattr(signal, name), signal.SIG_IGN)
    signal.signal(signal.SIGTERM, lambda number, frame: sys.exit(1))
    show(os.open(sys.argv[1], os.O_RDWR | os.O_NOCTTY))


if __name__ == "__main__":
    main()
