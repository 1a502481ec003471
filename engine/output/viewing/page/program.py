"""The program that serves the page, as the run sees it: what it is told, and what its pages ask for.

Lines of JSON go both ways. It is told ``begin`` (the socket, the token, its patience), ``description`` (see ``snapshot.Description``, with
the performers that can be asked for and the ends that are on the page), ``snapshot``, ``answer`` (the page that has asked, the line, what
answers it, and whether it was done) and ``midi`` (what goes out). It says which ``page`` asks for which ``line``, and what ``midi`` comes
in.
"""

import contextlib
import json
import threading
import time
from collections.abc import Iterator, Mapping
from typing import Any

from engine.base.saying import say
from engine.midi.events import Event
from engine.output.page_ends import PageEnds
from engine.output.viewing.channel import Channel
from engine.output.viewing.page.address import Address
from engine.output.viewing.program import ViewerProgram
from engine.output.viewing.snapshot import INTERVAL_S, Description
from engine.runtime.real_time import real_time
from engine.runtime.steering.requests import Asker, Steering
from engine.runtime.steering.typed_lines import LONGEST_LINE, split
from engine.systems import Kind, systems

READING_S = 5.0  # after which a page that does not read is dropped
PATIENCE_S = 2.0  # for the program to end
GONE = "the page has ended and the music goes on; Ctrl-C ends it"


@contextlib.contextmanager
def served(
    channel: Channel, steering: Steering, address: Address, ends: PageEnds | None = None, reading_s: float = READING_S
) -> Iterator[None]:
    """Serve the page while the block runs. ``ends`` are those of the run that are on the page."""
    server = _Server(channel, steering, address, ends or PageEnds(), reading_s)
    teller, *others = (threading.Thread(target=target, name="page", daemon=True) for target in (server.tell, server.hear, server.sound))
    for thread in (teller, *others):
        thread.start()
    try:
        yield
    finally:
        server.end(teller)
        for thread in others:
            thread.join(PATIENCE_S)
        server.said.close()


class _Server(ViewerProgram):
    """The program, and what goes to and from it."""

    def __init__(self, channel: Channel, steering: Steering, address: Address, ends: PageEnds, reading_s: float):
        super().__init__(channel, [__package__], INTERVAL_S, PATIENCE_S, **address.passed())
        self._steering, self._address, self._ends = steering, address, ends
        self._begin = {"socket": address.shared_with(self._program), "token": address.token, "reading_s": reading_s}

    def _tell(self) -> None:
        self._write("begin", self._begin)
        super()._tell()

    def _described(self, description: Description) -> Mapping[str, Any]:
        performers = _performers() if "performer" in self._steering.commands else []
        page = {"plays": self._ends.hear is not None, "hears": self._ends.sink is not None}
        return {**vars(description), "performers": performers, "page": page}

    def _miss(self) -> None:
        self._address.endpoint.close()
        say(GONE)

    def hear(self) -> None:
        """Ask for what pages ask for, as if it were typed, and let the run hear what is played on them."""
        with contextlib.suppress(OSError, ValueError):
            for line in self.said:
                said = json.loads(line)
                if "midi" not in said:
                    self._ask(**said)
                elif self._ends.hear:
                    self._ends.hear(Event(time.monotonic_ns(), bytes.fromhex(said["midi"])))

    def sound(self) -> None:
        """Tell the program at once what goes out."""
        with contextlib.suppress(OSError, ValueError), real_time():
            while self._ends.sink and (events := self._ends.sink.take()):
                self._write("midi", [(event.time_ns, event.message.hex()) for event in events])

    def _ask(self, page: int, line: str) -> None:
        def answer(text: str, done: bool) -> None:
            self.answers.put({"page": page, "to": line, "line": text, "done": done})

        asker = Asker(lambda text: answer(text, True), lambda text: answer(text, False))
        try:
            words = split(line[:LONGEST_LINE])
        except ValueError as error:
            asker.refuse(f"{line.strip()}: {error}")
        else:
            if words := words or ["toggle"] * ("toggle" in self._steering.commands):
                self._steering.post(words, asker)


def _performers() -> list[str]:
    """Return who can be asked to play on: what comes is notes."""
    return [name for name, system in systems().items() if system.plays & {Kind.NOTES, Kind.IMPROVISES}]
