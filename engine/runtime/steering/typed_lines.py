"""Lines that are typed while a run plays: read in a thread of their own, and answered by another, so that nothing waits for a terminal."""

import errno
import io
import queue
import shlex
import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TextIO

from engine.base.command_line import print_error
from engine.base.errors import one_line
from engine.runtime.steering.requests import Asker, Steering

LONGEST_LINE = 10_000  # characters
BACKGROUND_S = 1.0  # after which a program in the background looks for a line again
LAST_WORDS_S = 1.0  # that the end of a run waits at most for a terminal that takes no line


@contextmanager
def steered_by_lines(steering: Steering, lines: TextIO | None) -> Iterator[None]:
    """Let the lines steer a run while the block runs; when they end the music goes on. Answers stand on standard output, what is wrong on
    standard error.
    """
    answers: queue.SimpleQueue[Callable[[], None] | None] = queue.SimpleQueue()
    asker = Asker(
        lambda line: answers.put(lambda: print(line, flush=True)),
        lambda line: answers.put(lambda: print_error("perf-live", line)),
    )
    speaker = threading.Thread(target=_speak, args=(answers,), name="answers", daemon=True)
    speaker.start()
    if lines is not None:
        threading.Thread(target=obey_lines, args=(lines, steering, asker), name="commands", daemon=True).start()
    try:
        yield
    finally:
        answers.put(None)
        speaker.join(LAST_WORDS_S)


def _speak(answers: "queue.SimpleQueue[Callable[[], None] | None]") -> None:
    while (say := answers.get()) is not None:
        try:
            say()
        except (OSError, ValueError):  # nobody is there to hear it
            pass


def obey_lines(lines: TextIO, steering: Steering, asker: Asker) -> None:
    """Ask for what the lines say, until they end."""
    if isinstance(lines, io.TextIOWrapper):
        lines.reconfigure(errors="replace")
    while line := _next_line(lines):
        try:
            words = split(line)
        except ValueError as error:
            asker.refuse(one_line(f"{line.strip()}: {error}"))
        else:
            if words := words or ["toggle"] * ("toggle" in steering.commands):
                steering.post(words, asker)


def _next_line(lines: TextIO) -> str:
    """Return the next line, "" at the end. A terminal gives none to a program in the background, which may come to the front again."""
    while True:
        try:
            return lines.readline(LONGEST_LINE)
        except OSError as error:
            if error.errno != errno.EIO:
                return ""
            time.sleep(BACKGROUND_S)
        except ValueError:  # closed
            return ""


def split(line: str) -> list[str]:
    """Return the words of a line; a name with blanks stands in quotation marks. Raises ValueError where one is missing."""
    words = shlex.shlex(line, posix=True, punctuation_chars=False)
    words.whitespace_split, words.escape, words.commenters = True, "", ""  # a backslash is a part of a name on Windows
    return list(words)


def stay_running_in_background() -> None:
    """Let a program that reads from its terminal in the background go on, which would else be stopped, and its music with it."""
    if hasattr(signal, "SIGTTIN"):
        signal.signal(signal.SIGTTIN, signal.SIG_IGN)
