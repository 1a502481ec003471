"""The dynamics of instruments that hold their tone, as a MIDI controller that moves while notes sound, besides their velocities.

The level of a channel is a velocity that changes in time. At each onset it is what the score's marks amount to there, moved by how much
louder or softer the performance has become; within a note it follows marks and hairpins.

Expression (controller 11) turns a tone's volume up and down as its velocity does, by 40 log10 of the value in decibels (General MIDI 2,
4.3), so the two share the dynamics: the controller has SHARE of the level's decibels, and the velocity gives up what the controller gives.
Together they are as loud as the velocity alone would be, but for one constant for all parts. Modulation (1) and breath (2) mean what the
instrument makes of them, so they are the level itself and velocities stay.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import NamedTuple

import numpy as np

from engine.midi.events import channel_of, is_channel_message, is_control_change
from engine.midi.general_midi import Instrument
from engine.performers.score_playing.instruments.ensemble import chosen
from engine.score.dynamics import with_playback_velocities
from engine.score.piece import Piece
from models.performance.decoder import DecodedNote

EXPRESSION, MODULATION, BREATH = 11, 1, 2  # MIDI 1.0 controller numbers
AT_REST: Mapping[int, int] = {EXPRESSION: 127, MODULATION: 0, BREATH: 0}  # as Reset All Controllers leaves them (MMA RP-015)
SHARE = 2 / 3
SMOOTHING_S = 1.0  # the time constant with which the level follows velocities; a single loud note is its velocity's alone
STEP_S = 0.025  # between two values, at least
HEADROOM = 1.2  # the loudest level over the mean, at least
SUDDEN_S = 0.25  # in which a tone falls from a sforzato to what follows; only one that lasts twice as long does
REST_S = 1.0  # after the end, when tones have died away


class Level(NamedTuple):
    """A value of the controller on a channel; ``number`` is of the onset that it follows."""

    channel: int
    value: int
    number: int


Placed = list[tuple[float, Level]]  # each with its time in seconds of the performance


@dataclass
class _Course:
    """The level of a channel since its last onset; ``points`` (quarter, level of the score) are to come."""

    number: int = 0
    onset_sec: float = -math.inf
    deviation: float = 0.0  # log of the performance's level over the score's
    reached_sec: float = 0.0
    value: int = 0
    points: list[tuple[float, float]] = field(default_factory=list)
    end_quarter: float = -math.inf


class Levels:
    """What changes while a piece is played: where the controller of each channel is going, and what was sent."""

    def __init__(self, unit: int | None = None) -> None:
        """``unit`` is the value with which a velocity is as loud as alone, None where values say nothing of that."""
        self._unit = unit
        self.courses: dict[int, _Course] = {}
        self.sent: dict[int, int] = {}
        self._numbers: dict[int, int] = {}

    def take(self, level: Level) -> bool:
        """Take note of a value that is due; return whether it is to be sent: not when a later onset has gone over it, nor twice."""
        if level.number < self._numbers.get(level.channel, 0) or self.sent.get(level.channel) == level.value:
            return False
        self._numbers[level.channel] = level.number
        self.sent[level.channel] = level.value
        return True

    def loudness(self, channel: int, velocity: int) -> int:
        """Return the velocity that alone would be as loud as ``velocity`` with the controller where it is."""
        if self._unit is None or channel not in self.courses:
            return velocity
        return min(max(round(velocity * self.sent.get(channel, self._unit) / self._unit), 1), 127)

    def forget(self) -> None:
        """Forget what was and what is to come."""
        self.courses.clear()
        self.sent.clear()
        self._numbers.clear()


class ExpressionController:
    """Places the values of one controller, and says which velocities go with them."""

    def __init__(self, piece: Piece, instruments: Sequence[Instrument], controller: int | None):
        """``controller`` is one of AT_REST, or None: velocities alone. A channel on which the file has moved it itself is left alone."""
        self.number = controller
        notes, markings = with_playback_velocities(piece.score).notes, piece.score.markings
        own = {channel_of(event.message) for event in piece.non_note_events if _moves(event.message, controller)}
        self._channels: list[int] = piece.instrument_channels.tolist()
        self._swells = chosen(instruments, "swells") & ~np.isin(piece.instrument_channels, list(own)) & (controller is not None)
        self._onsets: list[float] = notes["onset_quarter"].tolist()
        self._lengths: list[float] = notes["duration_quarter"].tolist()
        self._constant: dict[int, int] = {}  # the velocity of notes whose instrument has none
        without = ~chosen(instruments, "has_velocity")
        for channel in np.unique(piece.instrument_channels[without]).tolist():
            own_notes = without & (piece.instrument_channels == channel)
            self._constant |= dict.fromkeys(np.flatnonzero(own_notes).tolist(), max(round(float(notes["velocity"][own_notes].mean())), 1))
        swelling = notes["velocity"][self._swells].astype(float)
        self._mean = max(float(swelling.mean()), 1.0) if len(swelling) else 1.0
        levels = markings["velocity_within"].astype(float) if piece.score.has_markings else np.full((len(notes), 1), self._mean)
        self._within: list[list[float]] = np.maximum(levels, 1.0).tolist()
        self._sudden: list[float] = np.where(markings["sudden_accent"], markings["velocity"] / np.maximum(levels[:, 0], 1), 1.0).tolist()
        self._top = max([HEADROOM * self._mean, *levels[self._swells].max(axis=1), *swelling])

    def levels(self) -> Levels:
        """Return the state at the beginning of a performance."""
        return Levels(self._value(self._mean) if self.number == EXPRESSION else None)

    @property
    def moves(self) -> bool:
        """Whether any note swells."""
        return bool(self._swells.any())

    def begin(self, levels: Levels, first: int, decided: Sequence[DecodedNote], period_s: float) -> tuple[list[DecodedNote], Placed]:
        """Return notes that begin at one position, counted from ``first`` on, with their velocities, and the values that go with them.

        ``period_s`` is how long a quarter lasts there.
        """
        placed, gains = Placed(), dict[int, float]()
        channels: dict[int, list[DecodedNote]] = {}
        for each in decided:
            channels.setdefault(self._channels[first + each.note], []).append(each._replace(note=first + each.note))
        for channel, notes in channels.items():
            swelling = [each for each in notes if self._swells[each.note]]
            if swelling:
                placed += self._begin_channel(levels, channel, swelling, period_s)
                gains[channel] = self._value(self._mean) / levels.courses[channel].value if self.number == EXPRESSION else 1.0
            elif self.number is not None and channel in levels.courses:  # it has become another instrument
                course = levels.courses.pop(channel)
                time_sec = min(each.time_sec for each in notes)
                placed.append((time_sec, Level(channel, AT_REST[self.number], course.number + 1)))
        return [self._with_velocity(each, first + each.note, gains) for each in decided], placed

    def _with_velocity(self, decoded: DecodedNote, note: int, gains: Mapping[int, float]) -> DecodedNote:
        gain = gains.get(self._channels[note], 1.0)
        velocity = self._constant.get(note) or min(max(round(decoded.velocity * gain), 1), 127)
        return decoded._replace(velocity=velocity)

    def follow(self, levels: Levels, known_quarter: float, time_at: Callable[[float], float]) -> Placed:
        """Return the values on the way to the points up to ``known_quarter``, where the tempo is known."""
        placed = Placed()
        for channel, course in levels.courses.items():
            while course.points and course.points[0][0] <= known_quarter:
                quarter, level = course.points.pop(0)
                placed += self._ramp(channel, course, time_at(quarter), self._value(level * math.exp(course.deviation)))
        return placed

    def _begin_channel(self, levels: Levels, channel: int, notes: Sequence[DecodedNote], period_s: float) -> Placed:
        """Set the level of a channel at an onset, before its notes."""
        time_sec = min(each.time_sec for each in notes)
        written = float(np.mean([self._within[each.note][0] for each in notes]))
        deviation = math.log(float(np.mean([each.velocity for each in notes])) / written)
        course = levels.courses.setdefault(channel, _Course(deviation=deviation))
        share = -math.expm1(-max(time_sec - course.onset_sec, 0.0) / SMOOTHING_S)
        course.deviation += share * (deviation - course.deviation)
        course.number, course.onset_sec, course.reached_sec = course.number + 1, time_sec, time_sec
        self._choose_points(course, notes)
        level = written * math.exp(course.deviation)
        sudden = max(self._sudden[each.note] for each in notes)
        lasts = max(self._lengths[each.note] for each in notes) * period_s >= 2 * SUDDEN_S
        course.value = self._value(level * sudden if lasts else level)
        placed = [(time_sec, Level(channel, course.value, course.number))]
        return placed + self._ramp(channel, course, time_sec + SUDDEN_S, self._value(level)) if sudden > 1 and lasts else placed

    def _choose_points(self, course: _Course, notes: Sequence[DecodedNote]) -> None:
        """Follow the note that lasts longest: it may be an earlier one."""
        longest = max((each.note for each in notes), key=lambda note: self._onsets[note] + self._lengths[note])
        end, within = self._onsets[longest] + self._lengths[longest], self._within[longest]
        if end < course.end_quarter and course.points:
            return
        course.end_quarter = end
        course.points = []
        if len(set(within)) > 1:
            parts = len(within) - 1
            quarters = [self._onsets[longest] + self._lengths[longest] * part / parts for part in range(1, parts + 1)]
            course.points = list(zip(quarters, within[1:], strict=True))

    def _ramp(self, channel: int, course: _Course, end_sec: float, value: int) -> Placed:
        """Return the values from where the course is to ``value`` at ``end_sec``: in steps of one, but none sooner than after STEP_S."""
        begin_sec, before = course.reached_sec, course.value
        if end_sec <= begin_sec:
            return []
        course.reached_sec, course.value = end_sec, value
        steps = min(abs(value - before), max(int((end_sec - begin_sec) / STEP_S), 1))
        values = [before + round((value - before) * step / steps) for step in range(steps + 1)] if steps else []
        return [
            (begin_sec + (end_sec - begin_sec) * step / steps, Level(channel, now, course.number))
            for step, (earlier, now) in enumerate(pairwise(values), 1)
            if now != earlier
        ]

    def _value(self, level: float) -> int:
        """Return the controller's value for a level, 1 to 127."""
        value = 127 * (level / self._top) ** SHARE if self.number == EXPRESSION else level
        return min(max(round(value), 1), 127)


def _moves(message: bytes, controller: int | None) -> bool:
    return is_channel_message(message) and is_control_change(message) and message[1] == controller
