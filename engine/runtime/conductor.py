"""Commands to a score player: typed lines and the messages of a MIDI port, obeyed on the engine's own thread and in order."""

import queue
import shlex
import threading
from collections.abc import Callable, Iterable
from typing import IO, TYPE_CHECKING, Any

from engine.base.clock import Clock
from engine.base.errors import PerfLiveError, UsageError
from engine.midi.events import Event
from engine.performers.controls import find_control
from engine.performers.score_playing.stream import ScoreStream

if TYPE_CHECKING:  # a run on files needs no MIDI driver
    from engine.midi.ports import InputPort

START, CONTINUE, STOP = 0xFA, 0xFB, 0xFC  # system real-time messages
HELP = "play, pause, seek BAR, loop FIRST LAST, loop off, CONTROL VALUE (tempo 0.8), quit; an empty line plays and pauses"


class ConductedSource:
    """A source (see ``sources``) that passes on a port's events, if there is a port, and gives the stream its commands."""

    def __init__(self, stream: ScoreStream, clock: Clock, port: "InputPort | None" = None, say: Callable[[str], None] = print):
        """``say`` is given the answer to a line that asks for help or is not understood."""
        self._stream = stream
        self._clock = clock
        self._port = port
        self._say = say
        self._inbox: queue.SimpleQueue[Any] = port.inbox if port else queue.SimpleQueue()  # events, lines, None to wake
        self._quit = False

    @property
    def exhausted(self) -> bool:
        return self._quit or self._stream.ended

    @property
    def track_names(self) -> tuple[str, ...]:
        return ()

    def start(self, start_ns: int) -> None:
        self._stream.start(start_ns)

    def receive(self, until_ns: int | None) -> Event | None:
        item = self._clock.wait(self._inbox, until_ns)
        if isinstance(item, str):
            self._obey(item)
        elif item is not None:
            return self._hear(item)
        return None

    def receive_waiting(self) -> list[Event]:
        return []

    def upcoming(self) -> list[Event]:
        return []

    def wake(self) -> None:
        self._inbox.put(None)

    def close(self) -> None:
        if self._port:
            self._port.close()

    def read_lines(self, lines: IO[str]) -> None:
        """Obey ``lines``, which a thread reads; when they end the music goes on."""
        threading.Thread(target=self._read, args=(lines,), name="commands", daemon=True).start()

    def put_line(self, line: str) -> None:
        """Obey a line as soon as possible. Safe from any thread."""
        self._inbox.put(line)

    def _read(self, lines: Iterable[str]) -> None:
        for line in lines:
            self.put_line(line)

    def _hear(self, event: Event) -> Event | None:
        """Obey start, stop and continue; everything else is played along."""
        status, now_ns = event.message[0], self._clock.now_ns()
        if status == STOP:
            self._stream.pause(now_ns)
        elif status == START:
            self._stream.restart(now_ns)
        elif status == CONTINUE:
            self._stream.start(now_ns)
        else:
            return event
        return None

    def _obey(self, line: str) -> None:
        try:
            self._command(shlex.split(line), self._clock.now_ns())
        except (PerfLiveError, ValueError) as error:
            self._say(f"{line.strip()}: {error}")

    def _command(self, words: list[str], now_ns: int) -> None:
        match words:
            case []:
                (self._stream.pause if self._stream.running else self._stream.start)(now_ns)
            case ["play" | "resume"]:
                self._stream.start(now_ns)
            case ["pause"]:
                self._stream.pause(now_ns)
            case ["seek", bar]:
                self._stream.seek(_bar(bar), now_ns)
            case ["loop", "off"]:
                self._stream.leave_loop()
            case ["loop", first, last]:
                self._stream.loop(_bar(first), _bar(last), now_ns)
            case ["quit" | "stop"]:
                self._stream.pause(now_ns)
                self._quit = True
            case ["help"]:
                self._say(HELP)
            case [name, value]:
                control = find_control(self._stream.controls, name)
                self._stream.set_control(control.name, control.parse(value))
            case _:
                raise UsageError(f"not a command; allowed: {HELP}")


def _bar(text: str) -> int:
    if not text.lstrip("-").isdecimal():
        raise UsageError(f"got {text!r} for a bar; give its number")
    return int(text)
