"""The notes that the partner plays itself: waiting to be due, moved to a grid of MIDI clock if asked for, and sounding."""

import math
from bisect import insort
from dataclasses import dataclass, field
from typing import NamedTuple

from engine.midi.clock.messages import MidiClock


class Note(NamedTuple):
    """A key to be pressed or, with velocity 0, let go."""

    due_ns: int
    order: int
    pitch: int
    velocity: int


@dataclass
class PartnerNotes:
    """Onsets are moved to multiples of ``grid_quarters`` where MIDI clock and a song position are sent; 0 leaves them."""

    clock: MidiClock = field(default_factory=MidiClock)
    grid_quarters: float = 0.0
    sounding: dict[int, int] = field(default_factory=dict)  # pitches and their channels
    _waiting: list[Note] = field(default_factory=list)  # in order of their time
    _moved_ns: dict[int, int] = field(default_factory=dict)  # of each pitch, how much later its last onset is than it was chosen
    _count: int = 0

    def reach_ns(self, now_ns: int) -> int:
        """Return how much earlier than it was chosen a note may be due."""
        return round(self.grid_quarters * self.clock.read(now_ns).beat_ns / 2)

    def put(self, time_ns: int, pitch: int, velocity: int, now_ns: int) -> None:
        """Take a note that was chosen for ``time_ns``. A release keeps its distance from the onset."""
        if velocity:
            due_ns = self._on_grid(time_ns, now_ns)
            self._moved_ns[pitch] = due_ns - time_ns
            self._end_before(pitch, due_ns)
        else:
            due_ns = time_ns + self._moved_ns.get(pitch, 0)
        self._count += 1
        insort(self._waiting, Note(due_ns, self._count, pitch, velocity))

    def _end_before(self, pitch: int, time_ns: int) -> None:
        """Release a pitch before it is struck again."""
        ended = [note for note in self._waiting if note.pitch == pitch and not note.velocity and note.due_ns > time_ns]
        for note in ended:
            self._waiting.remove(note)
            insort(self._waiting, note._replace(due_ns=time_ns))

    def _on_grid(self, time_ns: int, now_ns: int) -> int:
        """Return the time of the nearest grid point that is not past."""
        heard = self.clock.read(now_ns)
        if not self.grid_quarters or not heard.beat_ns or math.isnan(heard.song_quarter):
            return time_ns
        quarter = heard.song_quarter + (time_ns - now_ns) / heard.beat_ns
        place = max(round(quarter / self.grid_quarters), math.ceil(heard.song_quarter / self.grid_quarters))
        return now_ns + round((place * self.grid_quarters - heard.song_quarter) * heard.beat_ns)

    def next_due_ns(self) -> int | None:
        return self._waiting[0].due_ns if self._waiting else None

    def take_due(self, now_ns: int) -> list[Note]:
        """Return the notes that are due, the earliest first."""
        count = next((index for index, note in enumerate(self._waiting) if note.due_ns > now_ns), len(self._waiting))
        due, self._waiting = self._waiting[:count], self._waiting[count:]
        return due

    def drop(self, pitch: int | None = None) -> set[int]:
        """Forget the waiting notes of one pitch or of all; return the pitches that sound or were to."""
        dropped = {note.pitch for note in self._waiting} | self.sounding.keys()
        self._waiting = [note for note in self._waiting if pitch not in (None, note.pitch)]
        return dropped if pitch is None else dropped & {pitch}
