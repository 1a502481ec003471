"""What changes while an accompaniment is played: where the music is, what is about to sound and what sounds."""

import heapq
import math
from dataclasses import dataclass, field
from typing import NamedTuple

from engine.midi.events import Event, note_on
from engine.performers.score_playing.keys import Keys
from engine.performers.score_playing.positions import Place
from engine.runtime.following.plan import PlannedNote
from engine.runtime.following.rendition import Bending
from engine.runtime.following.timing import Clock


class NothingShown:
    """Stands where a score that is performed by itself has what it plans: an accompaniment's plan changes with the soloist."""

    directions = ()

    def plan(self) -> tuple[()]:
        return ()


class Together(NamedTuple):
    """How soloist and accompaniment are together. ``part`` is the soloist's, None until it is found out; ``place``: heard last."""

    part: str | None
    place: Place | None
    confidence: float  # 0 to 1, of the place
    ahead_ns: int | None  # of the soloist, at the onset heard last, before the accompaniment; negative: behind it
    lost: bool  # what is played is not found in the score


class Waiting(NamedTuple):
    """A note that is about to begin."""

    time_ns: int
    number: int
    note: PlannedNote


@dataclass
class Accompaniment:
    """All that changes, beside what the follower knows."""

    values: dict[str, float]
    clock: Clock | None = None
    next_group: int = 0
    next_message: int = 0
    begins: list[Waiting] = field(default_factory=list)  # a heap
    ends: list[tuple[float, int]] = field(default_factory=list)  # a heap: where in the rendition, and the number
    keys: Keys = field(default_factory=Keys)
    numbered: int = 0
    heard: list[Event] = field(default_factory=list)  # that is to be thought of
    outgoing: list[Event] = field(default_factory=list)
    hold_quarter: float = math.inf  # from where on the accompaniment waits for the soloist
    last_ns: int = 0
    now_ns: int = 0
    running: bool = False
    silent: bool = False  # what is played is not in the score
    loop: tuple[float, float] | None = None
    strokes: int = 0
    pedals: bool = False  # whether the soloist has moved the pedal
    channel: int = 0  # of the soloist
    notes: int = 0
    left_out: int = 0
    heard_quarter: float | None = None  # where the soloist was heard last
    ahead_ns: int | None = None  # of the soloist there, before the accompaniment

    def begin(self, note: PlannedNote, time_ns: int) -> None:
        """Let a note begin when it is time."""
        self.numbered += 1
        heapq.heappush(self.begins, Waiting(time_ns, self.numbered, note))

    def sound(self, louder: float, level: float, solo_velocity: float | None, bending: Bending) -> list[Event]:
        """Begin the note that is due first, ``louder`` than planned, with a soloist who plays ``level`` louder than in the rendition: so
        many velocity steps. ``solo_velocity`` is that of his last strokes, and ``bending`` says how much they count.
        """
        due_ns, number, note = heapq.heappop(self.begins)
        time_ns = max(due_ns, self.now_ns)
        if solo_velocity is not None:
            louder += bending.by_difference * level + bending.by_level * (solo_velocity - note.solo_velocity)
        velocity = min(max(round(note.velocity + louder + self.values["balance"]), 1), 127)
        self.notes += 1
        heapq.heappush(self.ends, (note.end_sec, number))
        return self.keys.begin(number, time_ns / 1e9, time_ns, note_on(note.channel, note.pitch, velocity), note.track)

    def end_first(self, time_ns: int) -> list[Event]:
        """End the note that is to end first."""
        return self.keys.end(heapq.heappop(self.ends)[1], time_ns)

    def release(self, time_ns: int) -> list[Event]:
        """End what sounds, and forget what was about to begin."""
        self.begins.clear()
        self.ends.clear()
        return self.keys.release(time_ns)
