"""perf-live as a process of its own between real JACK ports: a keyboard that plays into it and a module that hears it."""

import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from engine.base.clock import MonotonicClock
from engine.midi.ports import open_input, open_output

PERF_LIVE = "from engine.commands.live import main; main()"
LIMIT_S = 60


class Stage:
    """A running perf-live, a keyboard that plays into it and a module that hears it."""

    def __init__(self, program: "subprocess.Popen[str]", name: str, plays: bool):
        self.program = program
        self.keyboard = open_output(name, "jack") if plays else None
        self.module = open_input(name, MonotonicClock(), "jack")
        self.heard: list[bytes] = []

    def tell(self, line: str) -> str:
        """Type a line; return what it is answered on standard output."""
        assert self.program.stdin and self.program.stdout
        self.program.stdin.write(line + "\n")
        self.program.stdin.flush()
        return self.program.stdout.readline().strip()

    def play(self, *messages: bytes) -> None:
        assert self.keyboard
        for message in messages:
            self.keyboard.send(message)

    def hear(self, until: Callable[[bytes], bool]) -> list[bytes]:
        """Return what is heard until a message comes."""
        heard: list[bytes] = []
        while not (heard and until(heard[-1])):
            event = self.module.inbox.get(timeout=LIMIT_S)
            if event is not None:
                heard.append(event.message)
        self.heard += heard
        return heard

    def rest(self) -> list[bytes]:
        """Return what is there to hear."""
        heard = []
        while not self.module.inbox.empty():
            if event := self.module.inbox.get():
                heard.append(event.message)
        self.heard += heard
        return heard

    def end(self) -> tuple[int, str]:
        """Type quit; return the status and standard error."""
        _, errors = self.program.communicate("quit\n", timeout=LIMIT_S)
        return self.program.returncode, errors


@contextmanager
def stage(name: str, *arguments: object, plays: bool = True) -> Iterator[Stage]:
    named = [] if "--preset" in arguments else ["--virtual", name, "--api", "jack"]
    called = [sys.executable, "-c", PERF_LIVE, *named, *map(str, arguments)]
    program = subprocess.Popen(called, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    try:
        assert program.stdout and program.stdout.readline().startswith("ready: ")
        opened = Stage(program, name, plays)
        try:
            yield opened
        finally:
            opened.module.close()
            if opened.keyboard:
                opened.keyboard.close()
    finally:
        program.terminate()
        program.wait(LIMIT_S)
        for pipe in (program.stdin, program.stdout, program.stderr):
            if pipe:
                pipe.close()
