"""How a run is told things while it plays: requests from any thread, carried out by the loop between two events, each of them answered.

Typed lines, OSC and whatever else steers a run post words, such as ``["set", "dynamics", "6"]``. The loop owns the stream, so it alone
carries them out. What takes long, such as loading a performer, is done in a thread of its own and then posted.
"""

import difflib
import math
import queue
import threading
from collections.abc import Callable, Sequence
from functools import partial
from typing import NamedTuple, TypeVar

from engine.base.errors import PerfLiveError, UsageError, one_line
from engine.performers.controls import Control

MOST_WAITING = 1000  # requests; a sender that floods a run is told so
MOST_AT_ONCE = 16  # requests that are carried out before the music is looked at again

Result = TypeVar("Result")


class Asker(NamedTuple):
    """Who has asked: is told one line, that something was done or why it was not. Must return at once, on any thread."""

    acknowledge: Callable[[str], None]
    refuse: Callable[[str], None]


NOBODY = Asker(lambda line: None, lambda line: None)


class Command(NamedTuple):
    """Something that a run can be told. ``usage`` is its name and arguments, those in brackets may be left out; after dots come any number.

    ``carry_out`` returns the line that acknowledges it, or None when it tells the asker later. Raises UsageError or PerfLiveError.
    """

    usage: str
    help: str
    carry_out: Callable[[Sequence[str], Asker], str | None]

    @property
    def name(self) -> str:
        return self.usage.split()[0]

    def check(self, arguments: Sequence[str]) -> None:
        """Raise UsageError for too few or too many arguments."""
        expected = self.usage.split()[1:]
        most = math.inf if expected and expected[-1].endswith("...]") else len(expected)
        if not sum(not word.startswith("[") for word in expected) <= len(arguments) <= most:
            raise UsageError(f"expected {self.usage}")


class Steering:
    """The requests to one run. ``post`` and ``do_soon`` are safe from any thread; everything else is for the loop."""

    def __init__(self, wake: Callable[[], None]):
        """``wake`` lets the loop look for requests."""
        self._wake = wake
        self._waiting: queue.SimpleQueue[Callable[[], None]] = queue.SimpleQueue()
        self._controls: Callable[[], Sequence[Control]] = lambda: ()
        self.commands: dict[str, Command] = {}
        self.add([Command("help", "this list", lambda _, __: self._help())])

    def add(self, commands: Sequence[Command], controls: Callable[[], Sequence[Control]] | None = None) -> None:
        """Let the run hear more commands. ``controls`` are those of the present performer, which may be set by their names alone."""
        self.commands.update((command.name, command) for command in commands)
        self._controls = controls or self._controls

    def post(self, words: Sequence[str], asker: Asker) -> None:
        """Ask for something. The answer comes when it is carried out, from another thread."""
        if self._waiting.qsize() >= MOST_WAITING:
            asker.refuse(one_line(f"{' '.join(words)}: {MOST_WAITING} requests are waiting; send fewer of them"))
        else:
            self.do_soon(partial(self._carry_out, list(words), asker))

    def do_in_background(self, work: Callable[[], Result], then: Callable[[Result], str], asker: Asker) -> None:
        """Do slow ``work`` in a thread of its own, ``then`` on the loop what it has led to; that returns the line that acknowledges it."""

        def run() -> None:
            try:
                result = work()
            except Exception as error:
                asker.refuse(_reason(error))
            else:
                self.do_soon(lambda: self._answer(lambda: then(result), asker))

        threading.Thread(target=run, name="request", daemon=True).start()

    def obey(self) -> None:
        """Carry out what has been asked for. Called by the loop between two events."""
        for _ in range(MOST_AT_ONCE):
            try:
                self._waiting.get_nowait()()
            except queue.Empty:
                return
        self._wake()

    def do_soon(self, action: Callable[[], None]) -> None:
        """Do something between two events. From any thread."""
        self._waiting.put(action)
        self._wake()

    def _carry_out(self, words: list[str], asker: Asker) -> None:
        told = Asker(asker.acknowledge, lambda reason: asker.refuse(one_line(f"{' '.join(words)}: {reason}")))
        self._answer(lambda: self._find(words, told), told)

    def _find(self, words: list[str], asker: Asker) -> str | None:
        """Carry out the command that the words are; a control and its value are short for ``set``."""
        name, *arguments = words
        if name in self.commands:
            self.commands[name].check(arguments)
            return self.commands[name].carry_out(arguments, asker)
        controls = [control.name for control in self._controls()]
        if name in controls and len(arguments) == 1 and "set" in self.commands:
            return self.commands["set"].carry_out(words, asker)
        near = difflib.get_close_matches(name, [*self.commands, *controls], n=1)
        hint = f"did you mean {near[0]!r}?" if near else "type help for what there is"
        raise UsageError(f"not a command; {hint}" if name not in controls else f"expected {name} VALUE")

    @staticmethod
    def _answer(action: Callable[[], str | None], asker: Asker) -> None:
        """Carry something out and tell the asker. Whatever is wrong with it costs the music nothing."""
        try:
            done = action()
        except Exception as error:
            asker.refuse(_reason(error))
        else:
            if done is not None:
                asker.acknowledge(done)

    def _help(self) -> str:
        width = max(len(command.usage) for command in self.commands.values())
        return "\n".join(f"{command.usage:{width}}  {command.help}" for command in self.commands.values())


def _reason(error: Exception) -> str:
    """Return one line."""
    told = one_line(error)
    return told if isinstance(error, PerfLiveError) else f"{type(error).__name__}: {told}"
