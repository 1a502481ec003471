"""The program that serves the page, as the run sees it: what it is told, and what its pages ask for.

Lines of JSON go both ways. It is told ``begin`` (the socket, the token, its patience), ``description`` (see ``snapshot.Description``, with
the performers that can be asked for), ``snapshot`` and ``answer`` (the page that has asked, the line, what answers it, and whether it was
done). It says which ``page`` asks for which ``line``.
"""

import base64
import contextlib
import json
import os
import queue
import subprocess
import sys
import threading
from collections.abc import Iterator
from typing import Any, TextIO, cast

from engine.base.saying import say
from engine.output.viewing.channel import Channel
from engine.output.viewing.page.address import Address
from engine.output.viewing.snapshot import INTERVAL_S
from engine.runtime.real_time import real_time
from engine.runtime.steering.requests import Asker, Steering
from engine.runtime.steering.typed_lines import LONGEST_LINE, split
from engine.systems import Kind, systems

READING_S = 5.0  # after which a page that does not read is dropped
PATIENCE_S = 2.0  # for the program to end
GONE = "the page has ended and the music goes on; Ctrl-C ends it"


@contextlib.contextmanager
def served(channel: Channel, steering: Steering, address: Address, reading_s: float = READING_S) -> Iterator[None]:
    """Serve the page while the block runs."""
    server = _Server(channel, steering, address, reading_s)
    threads = [threading.Thread(target=target, name="page", daemon=True) for target in (server.tell, server.hear)]
    for thread in threads:
        thread.start()
    try:
        yield
    finally:
        server.end(threads)


class _Server:
    """The program, and what goes to and from it."""

    def __init__(self, channel: Channel, steering: Steering, address: Address, reading_s: float):
        self._channel, self._steering, self._address = channel, steering, address
        endpoint = address.endpoint
        pipes: dict[str, Any] = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.DEVNULL}
        passed: dict[str, Any] = {"pass_fds": [endpoint.fileno()], "start_new_session": True} if os.name == "posix" else {}
        self._program = subprocess.Popen([sys.executable, "-m", __package__], text=True, encoding="utf-8", **pipes, **passed)  # noqa: S603
        self._told, self._asked = cast(TextIO, self._program.stdin), cast(TextIO, self._program.stdout)
        shared = endpoint.fileno() if passed else base64.b64encode(getattr(endpoint, "share")(self._program.pid)).decode()  # noqa: B009
        self._begin = {"socket": shared, "token": address.token, "reading_s": reading_s}
        self._answers: queue.SimpleQueue[dict[str, Any]] = queue.SimpleQueue()
        self._over = threading.Event()

    def tell(self) -> None:
        """Tell the program what there is to be seen, until the end. It may be slow, or gone."""
        try:
            with real_time():  # as the channel
                self._tell()
        except (OSError, ValueError):
            if not self._over.is_set():
                self._address.endpoint.close()
                say(GONE)

    def _tell(self) -> None:
        self._write("begin", self._begin)
        viewer, described = self._channel.viewer(), 0
        while not self._over.wait(INTERVAL_S):
            if (description := self._channel.description).number != described:
                described = description.number
                performers = _performers() if "performer" in self._steering.commands else []
                self._write("description", {**vars(description), "performers": performers})
            while not self._answers.empty():
                self._write("answer", self._answers.get())
            if snapshot := viewer.look():
                self._write("snapshot", snapshot)

    def _write(self, kind: str, content: Any) -> None:
        self._told.write(json.dumps({kind: content}, default=vars, separators=(",", ":")) + "\n")
        self._told.flush()

    def hear(self) -> None:
        """Ask for what pages ask for, as if it were typed."""
        with contextlib.suppress(OSError, ValueError):
            for asked in self._asked:
                self._ask(**json.loads(asked))

    def _ask(self, page: int, line: str) -> None:
        def answer(text: str, done: bool) -> None:
            self._answers.put({"page": page, "to": line, "line": text, "done": done})

        asker = Asker(lambda text: answer(text, True), lambda text: answer(text, False))
        try:
            words = split(line[:LONGEST_LINE])
        except ValueError as error:
            asker.refuse(f"{line.strip()}: {error}")
        else:
            if words := words or ["toggle"] * ("toggle" in self._steering.commands):
                self._steering.post(words, asker)

    def end(self, threads: list[threading.Thread]) -> None:
        """Let the program end, or end it where it does not."""
        self._over.set()
        threads[0].join(PATIENCE_S)
        if threads[0].is_alive():  # it takes nothing
            self._program.kill()
        with contextlib.suppress(OSError, ValueError):
            self._told.close()
        try:
            self._program.wait(PATIENCE_S)
        except subprocess.TimeoutExpired:
            self._program.kill()
            self._program.wait()
        threads[1].join(PATIENCE_S)
        self._asked.close()


def _performers() -> list[str]:
    """Return who can be asked to play on: what comes is notes."""
    return [name for name, system in systems().items() if system.plays & {Kind.NOTES, Kind.IMPROVISES}]
