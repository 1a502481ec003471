"""One line at the foot of a terminal that says how the run goes, a few times a second. Typed lines and their answers scroll above it.

The last row is taken out of the region that scrolls (DECSTBM), and written between saving the cursor and restoring it (DECSC, DECRC;
ECMA-48 and DEC STD 070). So it meets neither what is typed nor what is printed.
"""

import contextlib
import os
import threading
from collections.abc import Iterator
from typing import TYPE_CHECKING, TextIO

from engine.output.viewing.snapshot import Counts, Snapshot
from engine.runtime.real_time import real_time

if TYPE_CHECKING:  # a run that nobody looks at needs no channel
    from engine.output.viewing.channel import Channel, Viewer

INTERVAL_S = 0.25
LEAST_ROWS = 4  # of a terminal that has one to spare
LAST_WORDS_S = 1.0  # that the end of a run waits at most for a terminal that takes nothing
SAVE, RESTORE, CLEAR_LINE, WHOLE = "\x1b7", "\x1b8", "\x1b[2K", "\x1b[r"
DOWN, UP = "\x1bD", "\x1b[1A"  # by a row, in the same column; down scrolls where it must


def has_line(*streams: TextIO | None) -> bool:
    """Whether all streams lead to a terminal that understands how to keep a line."""
    if os.name != "posix" or os.environ.get("TERM", "") in ("", "dumb"):
        return False
    try:
        return all(stream is not None and stream.isatty() for stream in streams)
    except ValueError:  # closed
        return False


@contextlib.contextmanager
def status_line(channel: "Channel", terminal: TextIO) -> Iterator[None]:
    """Keep the line while the block runs."""
    over = threading.Event()
    thread = threading.Thread(target=_keep, args=(channel.viewer(), terminal.fileno(), over), name="status line", daemon=True)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join(LAST_WORDS_S)


def _keep(viewer: "Viewer", terminal: int, over: threading.Event) -> None:
    row = _Row(terminal)
    seen = _Seen()
    with contextlib.suppress(OSError), real_time():  # nobody may be there to read it; in real time as the channel
        while not over.wait(INTERVAL_S):
            if snapshot := viewer.look():
                row.write(seen.line(snapshot))
    with contextlib.suppress(OSError):
        row.give_back()


class _Seen:
    """What the line says: what came last is said until something else comes."""

    def __init__(self) -> None:
        self._came = self._left = 0  # velocities; 0: none yet

    def line(self, snapshot: Snapshot) -> str:
        self._came = next((note.velocity for note in reversed(snapshot.notes_in) if note.velocity), self._came)
        self._left = next((note.velocity for note in reversed(snapshot.notes_out) if note.velocity), self._left)
        counts, place = snapshot.counts, snapshot.place
        parts = [f"{counts.notes_out:,} note{'s' * (counts.notes_out != 1)}"]
        if self._came and self._left:
            parts.append(f"velocity {self._came} > {self._left}")
        elif self._came or self._left:
            parts.append(f"velocity {self._came or self._left} {'in' if self._came else 'out'}")
        if place:
            parts.append(f"bar {place.bar}, beat {int(place.beat)}{'' if place.plays else ', paused'}")
        parts.append(lateness(counts))
        parts += ["muted"] * snapshot.muted
        parts += [f"{port.name} is gone" for port in snapshot.ports if not port.there]
        return " | ".join(parts)


def lateness(counts: Counts) -> str:
    """Return in words what was late."""
    return f"{counts.late:,} late, {counts.most_late_ns / 1e6:.0f} ms at most" if counts.late else "none late"


class _Row:
    """The last row of a terminal."""

    def __init__(self, terminal: int):
        self._terminal = terminal
        self._size: os.terminal_size | None = None  # for which the row was taken
        self._written = ""

    def write(self, text: str) -> None:
        """Write the row, unless another program has the terminal now. Raises OSError when it is gone."""
        if os.tcgetpgrp(self._terminal) != os.getpgrp():
            return
        size = os.get_terminal_size(self._terminal)
        if size.lines < LEAST_ROWS:
            return
        begin = "" if size == self._size else self._take(size)
        shown = text[: size.columns - 1]
        if begin or shown != self._written:
            self._send(f"{begin}{SAVE}\x1b[{size.lines};1H{CLEAR_LINE}{shown}{RESTORE}")
            self._written = shown

    def give_back(self) -> None:
        """Let the whole terminal scroll again."""
        if self._size:
            self._send(f"{SAVE}{WHOLE}\x1b[{self._size.lines};1H{CLEAR_LINE}{RESTORE}")

    def _take(self, size: os.terminal_size) -> str:
        """Return what keeps the last row; what stands there moves up. Where the terminal has grown the row is elsewhere now."""
        old = f"{SAVE}{WHOLE}\x1b[{self._size.lines};1H{CLEAR_LINE}{RESTORE}" if self._size else ""
        self._size = size
        return f"{old}{DOWN}{SAVE}\x1b[1;{size.lines - 1}r{RESTORE}{UP}"

    def _send(self, text: str) -> None:
        os.write(self._terminal, text.encode("utf-8", "replace"))
