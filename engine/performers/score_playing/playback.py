"""Where a performance of a score is, and what is still to come: the changing state of a ``ScoreStream``."""

import heapq
import math
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np

from engine.midi.events import SUSTAIN_PEDAL, Event, channel_of, control_change, is_channel_message, is_note_on, note_on
from engine.midi.general_midi import Programs
from engine.performers.score_playing.controls import FASTEST, SLOWEST
from engine.performers.score_playing.instruments.expression_controller import AT_REST, Level, Levels, Placed
from engine.performers.score_playing.keys import Keys
from engine.performers.score_playing.ornaments import Step
from engine.score.piece import NonNoteEvent
from engine.score.realisation.ornaments import SHORTEST_NOTE_S as SHORTEST_STEP_S
from models.performance.decoder import Anchor

# Velocity 0: not yet; that of a swelling instrument is what would be as loud without the controller.
PERFORMED_DTYPE = np.dtype([("onset_ns", "i8"), ("end_ns", "i8"), ("velocity", "i4")])
TEMPO_STEP_NS, TEMPO_SMOOTHING_S = 20_000_000, 0.25  # a changed tempo is reached in steps, with this time constant
SAME_TEMPO = 1e-3  # nearer to the control's than this it is that
MOST_CATCHING_UP = 1.6  # times the speed, to meet a beat
REMEMBERED_ANCHORS = 32


class Due:
    """What is due: of things at one time in this order."""

    SET_UPS, ENDS, PEDALS, JOINS, NON_NOTES, ANCHORS, LEVELS, BEGINS = range(8)


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
    programs: Programs
    expression_controller: int | None
    levels: Levels
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
    joined: dict[int, list[int]] = field(default_factory=dict)  # note -> the slurred notes that end when it begins
    keys: Keys = field(default_factory=Keys)
    pedal: int = 0
    outgoing: list[Event] = field(default_factory=list)
    passed: list[tuple[float, int]] = field(default_factory=list)
    anchor: Anchor | None = None  # the last that was passed
    trail: deque[Anchor] = field(default_factory=lambda: deque(maxlen=REMEMBERED_ANCHORS))  # the last ones of this segment
    meeting_ns: int | None = None  # until when the speed is that which meets a beat
    counted_in: tuple[float, float] | None = None  # a length in quarters and how many seconds of the clock it is to last at the beginning
    time_sec: float = 0.0  # of the performance at ``clock_ns``
    clock_ns: int = 0
    now_ns: int = 0
    retry_ns: int = 0  # when to ask again for a window that was not ready
    head_start_ns: int = 0  # from when its first window is there to a segment's beginning; none until one had to be waited for
    running: bool = False
    waiting: bool = True  # for the first window of a segment
    ended: bool = False
    segment: int = 0  # counts beginnings, seeks and each time round a loop
    loop: tuple[float, float] | None = None  # quarters
    notes: int = 0
    performed: np.ndarray = field(default_factory=lambda: np.zeros(0, PERFORMED_DTYPE))  # by row of the score as it is played

    def clock_at(self, time_sec: float) -> int:
        return self.clock_ns + math.ceil((time_sec - self.time_sec) / self.speed * 1e9)

    def time_at(self, clock_ns: int) -> float:
        """Return the performance's time at a time of the clock, while it runs."""
        return self.time_sec + (clock_ns - self.clock_ns) * self.speed / 1e9

    def pass_anchor(self, anchor: Anchor, time_ns: int) -> None:
        self.passed.append((anchor.quarter, time_ns))
        self.anchor = anchor
        self.trail.append(anchor)

    def mean_period(self, begin: float, end: float) -> float | None:
        """Return how many seconds of the performance a quarter lasts between two positions, as far as the tempo is known there; None where
        it is not. Safe from any thread.
        """
        coming = (item.content for item in tuple(self.items) if item.kind == Due.ANCHORS)
        curve = sorted((each.quarter, each.time_sec, each.period) for each in (*tuple(self.trail), *coming))
        within = [point for point in curve if begin <= point[0] < end]
        if not within or within[-1][0] == within[0][0]:
            known = [period for quarter, _, period in curve if quarter < end and period < math.inf]
            return known[-1] if known else None
        return (within[-1][1] - within[0][1]) / (within[-1][0] - within[0][0])

    def time_of(self, quarter: float) -> float:
        """Return when a position near the present one is passed, in the performance's time; it does not wait to begin."""
        coming = sorted(item for item in self.items if item.kind == Due.ANCHORS)
        anchors = [each for each in (*self.trail, *(item.content for item in coming)) if each.period < math.inf]
        anchor = next((each for each in reversed(anchors) if each.quarter <= quarter), anchors[0])
        return anchor.time_sec + anchor.period * (quarter - anchor.quarter)

    def meet(self, time_sec: float, at_ns: int, speed: float, now_ns: int) -> None:
        """Be at a time of the performance at ``at_ns``, as far as that can be done, and go on at the tempo control's speed from there."""
        at_ns = max(at_ns, now_ns + TEMPO_STEP_NS)
        wanted = (time_sec - self.time_at(now_ns)) / (at_ns - now_ns) * 1e9
        self.set_speed(now_ns, min(max(wanted, speed / MOST_CATCHING_UP), speed * MOST_CATCHING_UP))
        self.meeting_ns = at_ns

    def counted_speed(self, period: float) -> float | None:
        """Return the speed that was counted in, once, for a beginning at a ``period`` of seconds a quarter."""
        counted, self.counted_in = self.counted_in, None
        return None if counted is None else min(max(period * counted[0] / counted[1], SLOWEST), FASTEST)

    def tempo_due_ns(self, wanted: float) -> list[int]:
        """Return when the speed is next to be changed, if it is."""
        if self.meeting_ns is not None:
            return [self.meeting_ns]
        return [] if self.speed == wanted else [max(self.clock_ns, self.now_ns) + TEMPO_STEP_NS]

    def position(self, now_ns: int) -> tuple[float, float]:
        """Return where it is, in quarters, and the tempo there, in quarters a minute; 0 while it waits to begin, and at its end."""
        anchor = self.anchor
        if self.waiting or anchor is None:
            return self.begin_quarter, 0.0
        time_sec = self.time_at(now_ns if self.running else self.now_ns)
        return anchor.quarter + max(time_sec - anchor.time_sec, 0.0) / anchor.period, 60 / anchor.period * self.speed

    def set_speed(self, now_ns: int, speed: float) -> None:
        """Go on at ``speed`` from now on."""
        self.time_sec = self.time_at(now_ns)
        self.clock_ns, self.speed = now_ns, speed

    def follow_tempo(self, now_ns: int, wanted: float) -> None:
        """Approach the speed that is ``wanted``, at steps of TEMPO_STEP_NS; after a meeting it is reached at once."""
        if self.meeting_ns is not None:
            if now_ns >= self.meeting_ns:
                self.set_speed(self.meeting_ns, wanted)
                self.meeting_ns = None
            return
        if self.speed != wanted and now_ns >= self.clock_ns + TEMPO_STEP_NS:
            share = -math.expm1(-TEMPO_STEP_NS / 1e9 / TEMPO_SMOOTHING_S)
            speed = self.speed * (wanted / self.speed) ** share
            self.set_speed(now_ns, wanted if abs(speed / wanted - 1) < SAME_TEMPO else speed)

    def send_non_note(self, event: Event) -> list[Event]:
        """Send a message beside the notes. Before a channel changes from a piano to something else, its pedal is lifted."""
        channel = channel_of(event.message) if is_channel_message(event.message) else None
        self.notes += channel is not None and is_note_on(event.message)
        had_pedal = channel in self.channels and channel is not None and self.programs.has_pedal(channel)
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

    def send_level(self, time_ns: int, level: Level | None) -> list[Event]:
        """Send a value of the expression controller, unless it is the one that was sent, or past; None puts all at rest."""
        if level is None:
            resting = self.rest_levels(time_ns)
            self.levels.forget()
            return resting
        return self._level_events(time_ns, {level.channel: level.value}) if self.levels.take(level) else []

    def start(self, time_ns: int) -> None:
        """Begin or go on, with pedals and expression controllers where they were when they were released."""
        self.now_ns = self.clock_ns = self.retry_ns = time_ns
        self.running, self.meeting_ns = True, None
        self.outgoing += (self.pedal_events(time_ns) if self.pedal else []) + self._level_events(time_ns, self.levels.sent)

    def release(self, time_ns: int) -> list[Event]:
        """End everything that sounds, lift the pedals and put the expression controllers at rest."""
        return self.keys.release(time_ns) + self.rest_levels(time_ns)

    def rest_levels(self, time_ns: int) -> list[Event]:
        """Put the expression controllers at rest."""
        if self.expression_controller is None:
            return []
        rest = AT_REST[self.expression_controller]
        return self._level_events(time_ns, {channel: rest for channel, value in self.levels.sent.items() if value != rest})

    def _level_events(self, time_ns: int, values: Mapping[int, int]) -> list[Event]:
        number = self.expression_controller or 0
        messages = ((control_change(channel, number, value), self.channels[channel]) for channel, value in values.items())
        return [event for message, track in messages for event in self.keys.send(Event(time_ns, message, track))]

    def begin_note(self, row: int, velocity: int, time_sec: float, time_ns: int, key: tuple[int, int, int]) -> list[Event]:
        """Begin a row of the score as it is played; ``key`` is its channel, pitch and track."""
        channel, pitch, track = key
        self.notes += 1
        self.performed[row] = time_ns, time_ns, self.levels.loudness(channel, velocity)
        return self.keys.begin(row, time_sec, time_ns, note_on(channel, pitch, velocity), track)

    def end_note(self, row: int, time_ns: int) -> list[Event]:
        """End a row of the score as it is played."""
        self.performed["end_ns"][row] = time_ns
        return self.keys.end(row, time_ns)

    def place_steps(self, known_quarter: float, time_at: Callable[[float], float]) -> list[tuple[int, float]]:
        """Place the later notes of ornaments up to where the tempo is known; return notes that can now be ended, and when they do."""
        waiting = []
        for step in self.steps:
            if step.quarter < known_quarter:
                time_sec = time_at(step.quarter) + step.shift_sec
                for row in step.before:
                    self.put(time_sec, Due.ENDS, row)
                self.put(time_sec, Due.BEGINS, (step.row, step.velocity))
                self.earliest_end[step.note] = time_sec + SHORTEST_STEP_S
            else:
                waiting.append(step)
        self.steps = waiting
        unfinished = {step.note for step in waiting}
        return [(note, self.ends.pop(note)) for note in list(self.ends) if note not in unfinished]

    def put_end(self, note: int, time_sec: float, rows: Sequence[int]) -> None:
        """Place the end of a note of the printed score, whose last rows as it is played are ``rows``."""
        end_sec = max(time_sec, self.earliest_end.pop(note))
        for row in rows:
            self.put(end_sec, Due.ENDS, row)

    def put_levels(self, levels: Placed) -> None:
        for time_sec, level in levels:
            self.put(time_sec, Due.LEVELS, level)

    def put(self, time_sec: float, kind: int, content: Any) -> None:
        heapq.heappush(self.items, Item(time_sec, kind, self.numbered, content))
        self.numbered += 1

    def put_non_note(self, time_sec: float, event: NonNoteEvent) -> None:
        self.put(time_sec, Due.NON_NOTES, event)
        if event.leads:
            self.led[channel_of(event.message)] = event.quarter, time_sec

    def led_from_sec(self, channel: int, quarter: float, time_at: Callable[[float], float]) -> float:
        """Return when the message is sent that a note of a channel must not sound before: the one at ``quarter``, or placed already."""
        placed_quarter, placed_sec = self.led.get(channel, (-math.inf, -math.inf))
        return placed_sec if quarter <= placed_quarter or quarter < self.begin_quarter else time_at(quarter)

    def forget(self) -> None:
        """Drop everything that is still to come."""
        self.segment += 1
        self.items.clear()
        self.trail.clear()
        self.meeting_ns = None
        self.steps.clear()
        self.ends.clear()
        self.led.clear()
        self.earliest_end.clear()
        self.joined.clear()
        self.levels.forget()
