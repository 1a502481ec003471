"""What conducts a score: commands, and the messages of a MIDI port, obeyed on the engine's own thread and in order."""

import queue
import re
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from engine.base.clock import Clock
from engine.base.errors import UsageError
from engine.midi.events import Event
from engine.performers.score_playing.positions import BarName
from engine.performers.score_playing.stream import ScoreStream
from engine.runtime.steering.directing import direct_command
from engine.runtime.steering.pads import Pad
from engine.runtime.steering.requests import Asker, Command
from engine.runtime.steering.tapping import Tapping
from engine.runtime.steering.tempo import tempo_command

if TYPE_CHECKING:  # a run on files needs no MIDI driver
    from engine.midi.ports import MergedInputs

START, CONTINUE, STOP = 0xFA, 0xFB, 0xFC  # system real-time messages


class ConductedSource:
    """A source (see ``sources``) that passes on a port's events, if there is a port, and obeys those that start and stop a sequencer."""

    def __init__(self, stream: ScoreStream, clock: Clock, port: "MergedInputs | None" = None, pad: Pad | None = None):
        """``pad`` of the port gives the beat, and the music waits for it."""
        self._stream = stream
        self._pad, self._pad_is_down = pad, False
        self._tapping: Tapping | None = None
        self._clock = clock
        self._port = port
        self._inbox: queue.SimpleQueue[Any] = port.inbox if port else queue.SimpleQueue()  # events, None to wake
        self._quit = False

    @property
    def exhausted(self) -> bool:
        return self._quit or self._stream.ended

    @property
    def silent(self) -> bool:
        return self._port is None and self._pad is None

    @property
    def track_names(self) -> tuple[str, ...]:
        return ()

    def start(self, start_ns: int) -> None:
        if not self._pad:
            self._stream.start(start_ns)

    def receive(self, until_ns: int | None) -> Event | None:
        event = self._clock.wait(self._inbox, until_ns)
        return None if event is None else self._hear(event)

    def receive_waiting(self) -> list[Event]:
        return []

    def upcoming(self) -> list[Event]:
        return []

    def wake(self) -> None:
        self._inbox.put(None)

    def close(self) -> None:
        if self._port:
            self._port.close()

    def _hear(self, event: Event) -> Event | None:
        """Obey start, stop and continue, and the pad; everything else is played along."""
        if self._pad and self._pad.sends(event.message):
            self._tap(event)
            return None
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

    def _tap(self, event: Event) -> None:
        """Give the beat where the pad goes down."""
        velocity = Pad.velocity(event.message)
        if velocity and not self._pad_is_down and self._tapping:
            self._tapping.tap(event.time_ns, velocity)
        self._pad_is_down = velocity > 0

    def commands(self, set_control: Callable[[str, float], None]) -> list[Command]:
        """Return what moves the score to another place, and what conducts it, unless it follows a soloist. Bars have the numbers of the
        score.
        """
        conducts: list[Command] = []
        if isinstance(self._stream, ScoreStream):
            self._tapping = Tapping(self._stream, self._clock, set_control)
            tempo = tempo_command(self._stream, set_control, self._clock.now_ns)
            conducts = [*self._tapping.commands(), tempo, direct_command(self._stream)]
        return [
            *conducts,
            Command("play", "begin, or go on; an empty line plays and pauses", self._play),
            Command("resume", "as play", self._play),
            Command("pause", "stop where it is", self._pause),
            Command("seek BAR", "go on from a bar", self._seek),
            Command("loop FIRST [LAST]", "play these bars again and again; loop off goes on after them", self._loop),
            Command("toggle", "play or pause, as an empty line", self._toggle),
            Command("quit", "end", self._end),
            Command("stop", "as quit", self._end),
        ]

    def _play(self, words: Sequence[str], asker: Asker) -> str:
        self._stream.start(self._clock.now_ns())
        return "plays"

    def _pause(self, words: Sequence[str], asker: Asker) -> str:
        self._stream.pause(self._clock.now_ns())
        return "paused"

    def _toggle(self, words: Sequence[str], asker: Asker) -> str:
        return (self._pause if self._stream.running else self._play)(words, asker)

    def _seek(self, words: Sequence[str], asker: Asker) -> str:
        self._stream.seek(_bar(words[0]), self._clock.now_ns())
        return f"bar {words[0]}"

    def _loop(self, words: Sequence[str], asker: Asker) -> str:
        if list(words) == ["off"]:
            self._stream.leave_loop()
            return "no loop"
        if len(words) != 2:
            raise UsageError("expected loop FIRST LAST, or loop off")
        self._stream.loop(_bar(words[0]), _bar(words[1]), self._clock.now_ns())
        return f"loops bars {words[0]} to {words[1]}"

    def _end(self, words: Sequence[str], asker: Asker) -> str:
        self._stream.pause(self._clock.now_ns())
        self._quit = True
        self.wake()  # where it was paused nothing else would
        return "ends"


def _bar(text: str) -> BarName:
    found = re.fullmatch(r"(-?\d+)(?:\.(\d+))?", text)
    if not found:
        raise UsageError(f"got {text!r} for a bar; give its number, as in 12, or 12.2 for the second time")
    return (int(found[1]), int(found[2])) if found[2] else int(found[1])
