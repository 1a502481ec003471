"""Conducting by tapped beats: what a tap means for a score that is being played.

Each tap is the next beat, or, where taps were left out, the nearest. The performance meets the next one where it is expected, and keeps the
tempo that was tapped last. While it pauses, two taps count in, and the music begins with the third beat.
"""

import math
from collections.abc import Callable, Sequence
from functools import cached_property

import numpy as np

from engine.base.clock import Clock
from engine.base.errors import UsageError
from engine.performers.controls import find_control
from engine.performers.score_playing.stream import ScoreStream
from engine.runtime.steering.conducted_beat import FIRST_WANDER, WANDER, ConductedBeat
from engine.runtime.steering.requests import Asker, Command

DOUBLE_SHARE = 0.4  # of a beat: a tap that follows sooner is none
SHORTEST_BEAT_S, LONGEST_BEAT_S = 0.15, 3.0
MOST_LEFT_OUT = 8  # beats; a tap after more of them is a new beginning
MIDDLE_VELOCITY, LOUDEST_STEPS = 64, 40  # leaves the dynamics as they are performed; by how much the hardest tap is louder
SAME_QUARTERS = 1e-6


class Tapping:
    """The taps of one conductor. Everything is for the loop's own thread."""

    def __init__(self, stream: ScoreStream, clock: Clock, set_control: Callable[[str, float], None]):
        self._stream, self._clock, self._set_control = stream, clock, set_control
        self._conductor: ConductedBeat | None = None
        self._segment = 0  # of the performance that the conductor is in
        self._number = 0  # of the beat that was tapped last
        self._tapped_sec: float | None = 0.0  # when the performance has it; None where it was tapped before the music
        self._last_ns: int | None = None
        self._beat_s = 0.0  # how long a beat is, 0 if unknown

    @cached_property
    def _beats(self) -> np.ndarray:
        return np.array(self._stream.positions.beats)

    def commands(self) -> list[Command]:
        return [Command("tap [VELOCITY]", "a beat, as a conductor gives it; its velocity says how loud to play", self._obey)]

    def _obey(self, words: Sequence[str], asker: Asker) -> str:
        if words and not (words[0].isdecimal() and 1 <= int(words[0]) <= 127):
            raise UsageError(f"got {words[0]!r} for the velocity; allowed: 1 to 127, or none")
        return self.tap(self._clock.now_ns(), int(words[0]) if words else None)

    def tap(self, time_ns: int, velocity: int | None = None) -> str:
        """Take a tap at a time that has just passed; return what it means. Without a velocity it leaves the dynamics."""
        since_s = math.inf if self._last_ns is None else (time_ns - self._last_ns) / 1e9
        if since_s < max(DOUBLE_SHARE * self._beat_s, SHORTEST_BEAT_S):
            return "a second tap on one beat is left out"
        self._last_ns = time_ns
        if velocity is not None:
            self._set("dynamics", (velocity - MIDDLE_VELOCITY) / (127 - MIDDLE_VELOCITY) * LOUDEST_STEPS)
        if not self._stream.running:
            return self._count_in(time_ns, since_s)
        if self._stream.playback.waiting:
            return self._begin(time_ns)
        return self._follow(time_ns)

    def _count_in(self, time_ns: int, since_s: float) -> str:
        """Begin or go on a beat after the second of two taps."""
        stream, playback = self._stream, self._stream.playback
        if since_s > LONGEST_BEAT_S:
            self._beat_s = 0.0
            return "counts in; the next tap says how fast"
        self._beat_s = since_s
        here = stream.place(time_ns).quarter
        number = min(int(np.searchsorted(self._beats, here - SAME_QUARTERS)), len(self._beats) - 2)
        quarters = float(self._beats[number + 1] - self._beats[number])
        begin_ns = time_ns + round(since_s * 1e9 * (1 - (self._beats[number] - here) / quarters))
        self._conduct(ConductedBeat.counted(time_ns, since_s), number - 1, None)
        if playback.waiting:
            stream.count_in(begin_ns, quarters, since_s)
        else:
            begin_sec, end_sec = (playback.time_of(float(self._beats[each])) for each in (number, number + 1))
            self._set("tempo", (end_sec - begin_sec) / since_s)
            stream.count_in(begin_ns, quarters, since_s)
            stream.meet(float(self._beats[number + 1]), time_ns + round(2e9 * since_s), begin_ns)
        return f"{60 / since_s:.0f} beats a minute, from the next beat on"

    def _begin(self, time_ns: int) -> str:
        """Begin with this tap rather than when it was expected."""
        number = min(int(np.searchsorted(self._beats, self._stream.place(time_ns).quarter - SAME_QUARTERS)), len(self._beats) - 2)
        if self._beat_s:
            conductor = self._conductor
            if conductor and self._tapped_sec is None and self._segment == self._stream.playback.segment:
                conductor.hear(time_ns, 1, 1.0)
            else:
                conductor = ConductedBeat(time_ns, 1.0, 1 / self._beat_s, WANDER)
            self._conduct(conductor, number, None)
            self._beat_s = 1 / conductor.speed
            self._stream.count_in(time_ns, float(self._beats[number + 1] - self._beats[number]), self._beat_s)
        return "begins"

    def _conduct(self, conductor: ConductedBeat, number: int, tapped_sec: float | None) -> None:
        """Be conducted from the beat ``number`` on, which was tapped last."""
        self._conductor, self._number, self._tapped_sec = conductor, number, tapped_sec
        self._segment = self._stream.playback.segment

    def _follow(self, time_ns: int) -> str:
        """Meet the next beat where this one says that it will be."""
        stream, conductor = self._stream, self._conductor
        place = stream.place(time_ns)
        here = float(np.interp(place.quarter, self._beats, np.arange(len(self._beats))))
        last = len(self._beats) - 2
        goes_on = self._segment == stream.playback.segment and here - self._number < MOST_LEFT_OUT
        if conductor is None or not goes_on:
            number = min(round(here), last)
            speed, wander = stream.interpretation.value("tempo"), WANDER if self._beat_s else FIRST_WANDER
            conductor = ConductedBeat(time_ns, self._time_of(number + 1) - self._time_of(number), speed, wander)
        else:
            number = min(self._which(conductor, time_ns, round(here)), last)
            if number > self._number:
                conductor.hear(time_ns, number - self._number, self._time_of(number) - self._time_of_last())
        self._conduct(conductor, number, self._time_of(number))
        beat_sec = self._time_of(number + 1) - self._time_of(number)
        self._set("tempo", conductor.speed)
        stream.meet(float(self._beats[number + 1]), conductor.next_ns(beat_sec), self._clock.now_ns())
        self._beat_s = beat_sec / conductor.speed
        return f"bar {place.bar}: {60 / self._beat_s:.0f} beats a minute"

    def _which(self, conductor: ConductedBeat, time_ns: int, nearest: int) -> int:
        """Return which beat a tap is: the next one, or the nearest where the taps between were left out. No beat is tapped twice."""
        after = self._number + 1
        if self._tapped_sec is None:
            conductor.play_in(self._time_of(after) - self._time_of(self._number))
        if nearest <= after:
            return after
        last_sec = self._time_of_last()
        is_next = conductor.is_next(time_ns, self._time_of(after) - last_sec, nearest - self._number, self._time_of(nearest) - last_sec)
        return after if is_next else nearest

    def _time_of_last(self) -> float:
        """Return when the performance has the beat that was tapped last."""
        return self._time_of(self._number) if self._tapped_sec is None else self._tapped_sec

    def _time_of(self, number: int) -> float:
        """Return when the performance has a beat; the one before the first is as long as that."""
        if number < 0:
            return self._time_of(0) - (self._time_of(1) - self._time_of(0))
        return self._stream.playback.time_of(float(self._beats[number]))

    def _set(self, name: str, value: float) -> None:
        """Set a control, as far as its range goes."""
        control = find_control(self._stream.controls, name)
        self._set_control(name, min(max(value, control.minimum), control.maximum))
