"""A program beside a run that shows it: what it is told in lines of JSON, on a thread of its own, until either ends."""

import contextlib
import json
import queue
import subprocess
import sys
import threading
from collections.abc import Mapping
from typing import Any, TextIO, cast

from engine.output.viewing.channel import Channel
from engine.output.viewing.snapshot import Description
from engine.runtime.real_time import real_time


class ViewerProgram:
    """Tells a module that runs as a program the ``description``, each ``snapshot`` and each ``answer``; what it says is ``said``.

    Subclasses say what it is told of a description, and what is done when it has gone while the run goes on.
    """

    def __init__(self, channel: Channel, command: list[str], interval_s: float, patience_s: float, **started: Any):
        """``command`` is the module and its arguments, ``patience_s`` what it is given to end; ``started`` goes to Popen."""
        self.answers: queue.SimpleQueue[Any] = queue.SimpleQueue()
        self._channel, self._interval_s, self._patience_s = channel, interval_s, patience_s
        pipes: dict[str, Any] = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.DEVNULL}
        called = [sys.executable, "-m", *command]
        self._program = subprocess.Popen(called, text=True, encoding="utf-8", **pipes, **started)  # noqa: S603
        self._told, self.said = cast(TextIO, self._program.stdin), cast(TextIO, self._program.stdout)
        self._over = threading.Event()
        self._writing = threading.Lock()  # a line is told whole

    def tell(self) -> None:
        """Tell the program what there is to be seen, until the end. It may be slow, or gone."""
        try:
            with real_time():  # as the channel
                self._tell()
        except (OSError, ValueError):
            if not self._over.is_set():
                self._miss()

    def end(self, teller: threading.Thread) -> int:
        """Let the program end, or end it where it does not; return its status. ``teller`` is the thread of ``tell``."""
        self._over.set()
        teller.join(self._patience_s)
        if teller.is_alive():  # it takes nothing
            self._program.kill()
        with contextlib.suppress(OSError, ValueError):
            self._told.close()
        try:
            return self._program.wait(self._patience_s)
        except subprocess.TimeoutExpired:
            self._program.kill()
            return self._program.wait()

    def _tell(self) -> None:
        viewer, described = self._channel.viewer(), 0
        while not self._over.wait(self._interval_s):
            if (description := self._channel.description).number != described:
                described = description.number
                self._write("description", self._described(description))
            while not self.answers.empty():
                self._write("answer", self.answers.get())
            if snapshot := viewer.look():
                self._write("snapshot", snapshot)

    def _described(self, description: Description) -> Description | Mapping[str, Any]:
        return description

    def _miss(self) -> None:
        """The program has gone."""
        raise NotImplementedError

    def _write(self, kind: str, content: Any) -> None:
        line = json.dumps({kind: content}, default=vars, separators=(",", ":")) + "\n"
        with self._writing:
            self._told.write(line)
            self._told.flush()
