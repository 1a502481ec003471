"""A take that is played back within a run: its messages go out untouched, beside what is performed."""

import threading
from collections.abc import Callable, Sequence
from functools import partial
from itertools import groupby
from pathlib import Path

from engine.base.errors import UsageError
from engine.base.files import MIDI_SUFFIXES
from engine.midi.events import REPLAY_TRACK, Event
from engine.midi.file import read_midi_file
from engine.runtime.loop import Engine
from engine.runtime.steering.requests import NOBODY, Asker, Command, Steering

LEAD_NS = 100_000_000  # from the request to the first note
SLICE_NS = 500_000_000  # is handed over at a time, so that a long take holds nothing up
OFF = "off"


class Replaying:
    """Plays one take at a time. ``name`` is that of the file, None while none is played. All is for the loop's own thread."""

    def __init__(self, engine: Engine, steering: Steering, last: Callable[[], Path | None]):
        """``last`` returns the take that was kept last."""
        self._engine, self._steering, self._last = engine, steering, last
        self.name: str | None = None
        self._over = threading.Event()
        steering.add([Command("replay [FILE|off]", "play the last take back, or a MIDI file, untouched", self._obey)])

    def end(self) -> None:
        """End what is played back."""
        if self.name is not None:
            self._over.set()
            self.name = None
            self._engine.withdraw(REPLAY_TRACK)

    def _obey(self, words: Sequence[str], asker: Asker) -> str | None:
        if list(words) == [OFF]:
            was = self.name
            self.end()
            return f"{was} ends" if was else "nothing is played back"
        path = Path(words[0]) if words else self._last()
        if path is None:
            raise UsageError("no take was kept in this run; record one, or give a MIDI file")
        if path.suffix.lower() not in MIDI_SUFFIXES:
            raise UsageError(f"{str(path)!r}: a take is a MIDI file; give a name that ends in {' or '.join(MIDI_SUFFIXES)}")
        self._steering.do_in_background(lambda: read_midi_file(path).events, lambda events: self._begin(str(path), events), asker)
        return None

    def _begin(self, name: str, events: Sequence[Event]) -> str:
        self.end()
        if not events:
            raise UsageError(f"{name!r} holds nothing that sounds; give another file")
        if "pause" in self._steering.commands:  # a score waits meanwhile
            self._steering.commands["pause"].carry_out([], NOBODY)
        self.name, self._over = name, threading.Event()
        begin_ns = self._engine.now_ns() + LEAD_NS - events[0].time_ns
        moved = [Event(begin_ns + time_ns, message, REPLAY_TRACK) for time_ns, message, _ in events]
        threading.Thread(target=self._hand_over, args=(moved, self._over), name="replay", daemon=True).start()
        return f"plays {name} back"

    def _hand_over(self, events: Sequence[Event], over: threading.Event) -> None:
        """Hand the events to the engine, each slice before it is due; then the end. In a thread of its own."""
        first_ns = events[0].time_ns
        for number, part in groupby(events, lambda event: (event.time_ns - first_ns) // SLICE_NS):
            if self._waits(first_ns + (number - 1) * SLICE_NS, over):
                return
            self._post(partial(self._engine.send_past, tuple(part)), over)
        self._waits(events[-1].time_ns + LEAD_NS, over)
        self._post(self.end, over)

    def _waits(self, until_ns: int, over: threading.Event) -> bool:
        """Wait until a time; return whether it is over before."""
        return over.wait(max(until_ns - self._engine.now_ns(), 0) / 1e9)

    def _post(self, action: Callable[[], None], over: threading.Event) -> None:
        self._steering.do_soon(lambda: None if over.is_set() else action())
