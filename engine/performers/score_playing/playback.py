"""Where a performance of a score is, and what is still to come: the changing state of a ``ScoreStream``."""

import heapq
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np

from engine.midi.events import SUSTAIN_PEDAL, Event, channel_of, control_change, is_channel_message
from engine.midi.general_midi import Programs
from engine.performers.score_playing.keys import Keys
from engine.performers.score_playing.ornaments import Step
from engine.score.piece import NonNoteEvent

PERFORMED_DTYPE = np.dtype([("onset_ns", "i8"), ("end_ns", "i8"), ("velocity", "i4")])  # velocity 0: not yet
SET_UPS, ENDS, PEDALS, JOINS, NON_NOTES, ANCHORS, BEGINS = range(7)  # of what is due at one time, in this order


class Item(NamedTuple):
    """Something to come; among items of one time and kind the lower ``number`` comes first."""

    time_sec: float
    kind: int
    number: int
    content: Any


@dataclass
class Playback:
    """All that changes while a piece is played. A segment: the notes from a beginning, a seek or a loop's beginning to before ``stop``."""

    stop: int
    speed: float  # seconds of the performance in one of the clock
    channels: Mapping[int, int]  # that have notes, each with the track of its first
    first: int = 0
    begin_quarter: float = 0.0
    items: list[Item] = field(default_factory=list)  # a heap
    numbered: int = 0
    next_non_note: int = 0  # the index of the next non-note event to be placed
    earliest_end: dict[int, float] = field(default_factory=dict)  # note -> when it may end, until its end is placed
    steps: list[Step] = field(default_factory=list)  # of ornaments
    ends: dict[int, float] = field(default_factory=dict)  # note -> when it ends, where its ornament's last note is not placed yet
    led: dict[int, tuple[float, float]] = field(default_factory=dict)  # channel -> where and when notes are led by what is placed
    curve_sec: float = 0.0  # the time of the last anchor
    keys: Keys = field(default_factory=Keys)
    programs: Programs = field(default_factory=Programs)
    pedal: int = 0
    outgoing: list[Event] = field(default_factory=list)
    passed: list[tuple[float, int]] = field(default_factory=list)
    time_sec: float = 0.0  # of the performance at ``clock_ns``
    clock_ns: int = 0
    now_ns: int = 0
    retry_ns: int = 0  # when to ask again for a window that was not ready
    head_start_ns: int = 0  # from when its first window is there to a segment's beginning; none until one had to be waited for
    running: bool = False
    waiting: bool = True  # for the first window of a segment
    ended: bool = False
    loop: tuple[float, float] | None = None  # quarters
    notes: int = 0
    performed: np.ndarray = field(default_factory=lambda: np.zeros(0, PERFORMED_DTYPE))  # by row of the score as it is played

    def clock_at(self, time_sec: float) -> int:
        return self.clock_ns + math.ceil((time_sec - self.time_sec) / self.speed * 1e9)

    def time_at(self, clock_ns: int) -> float:
        """Return the performance's time at a time of the clock, while it runs."""
        return self.time_sec + (clock_ns - self.clock_ns) * self.speed / 1e9

    def set_speed(self, now_ns: int, speed: float) -> None:
        """Go on at ``speed`` from now on."""
        self.time_sec = self.time_at(now_ns)
        self.clock_ns, self.speed = now_ns, speed

    def send_non_note(self, event: Event) -> list[Event]:
        """Send a message beside the notes. Before a channel changes from a piano to something else, its pedal is lifted."""
        channel = channel_of(event.message) if is_channel_message(event.message) else None
        had_pedal = channel is not None and self.programs.has_pedal(channel)
        self.programs.observe(event.message)
        lifted: list[Event] = []
        if channel is not None and self.pedal and had_pedal and not self.programs.has_pedal(channel):
            lifted = self.keys.send(Event(event.time_ns, control_change(channel, SUSTAIN_PEDAL, 0), event.track))
        return [*lifted, *self.keys.send(event)]

    def pedal_events(self, time_ns: int) -> list[Event]:
        """Send the pedal as it is now to the channels of pianos."""
        return [
            event
            for channel, track in self.channels.items()
            if self.programs.has_pedal(channel)
            for event in self.keys.send(Event(time_ns, control_change(channel, SUSTAIN_PEDAL, self.pedal), track))
        ]

    def put(self, time_sec: float, kind: int, content: Any) -> None:
        heapq.heappush(self.items, Item(time_sec, kind, self.numbered, content))
        self.numbered += 1

    def put_non_note(self, time_sec: float, event: NonNoteEvent) -> None:
        self.put(time_sec, NON_NOTES, event)
        if event.leads:
            self.led[channel_of(event.message)] = event.quarter, time_sec

    def led_from_sec(self, channel: int, quarter: float, time_at: Callable[[float], float]) -> float:
        """Return when the message is sent that a note of a channel must not sound before: the one at ``quarter``, or placed already."""
        placed_quarter, placed_sec = self.led.get(channel, (-math.inf, -math.inf))
        return placed_sec if quarter <= placed_quarter or quarter < self.begin_quarter else time_at(quarter)

    def forget(self) -> None:
        """Drop everything that is still to come."""
        self.items.clear()
        self.steps.clear()
        self.ends.clear()
        self.led.clear()
        self.earliest_end.clear()
