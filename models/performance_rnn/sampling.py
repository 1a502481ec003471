"""From logits to the next event: what may come next, how bold the choice is, and a seed that says which it is."""

from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np

from models.performance_rnn.representation import (
    NOTE_OFF,
    NOTE_ON,
    PITCH_CLASSES,
    PITCHES,
    TIME_SHIFT,
    VELOCITY,
    VELOCITY_BINS,
    EventCodec,
)

SYSTEM = "performance-rnn"

LONGEST_SILENCE_S = 3.0  # the music that it learned from has no longer ones
_NEVER = np.float32(-np.inf)


class Race:
    """How long each class takes to arrive, exponentially distributed, for every event of a seed: the same whatever was decided before,
    or withdrawn.

    Philox (Salmon et al. 2011), whose numbers are a function of a key, here the seed (0 to 2^64 - 1), and a counter of four words, here the
    place within an event's numbers, the event and 0, 0.
    """

    def __init__(self, seed: int):
        self._numbers = np.random.Philox(key=seed)
        self._place: Any = self._numbers.state  # putting it back takes a third of the time that a new generator takes

    def times(self, index: int, count: int) -> np.ndarray:
        """Return (count,) the times of the event ``index``."""
        self._place["state"]["counter"][:] = 0, index, 0, 0
        self._numbers.state = self._place
        return -np.log(((self._numbers.random_raw(count) >> 11) + 0.5) * 2.0**-53)


def probabilities(logits: np.ndarray, allowed: np.ndarray, temperature: float, top_p: float) -> np.ndarray:
    """Return the chances of each event: none where ``allowed`` is False, only the likeliest at temperature 0.

    ``top_p`` keeps the fewest events whose chances together are at least that.
    """
    chances = np.where(allowed, logits, _NEVER).astype(np.float64)
    if temperature == 0:
        return (np.arange(len(chances)) == chances.argmax()).astype(np.float64)
    chances -= chances.max()
    if temperature != 1:
        chances /= temperature
    np.exp(chances, out=chances)
    chances /= chances.sum()
    if top_p < 1:
        possible = chances.nonzero()[0]
        order = possible[(-chances[possible]).argsort(kind="stable")]
        chances[order[chances[order].cumsum().searchsorted(top_p) + 1 :]] = 0
        chances /= chances.sum()
    return chances


def choose(chances: np.ndarray, times: np.ndarray) -> int:
    """Return the event that arrives first: in its time of a ``Race``, the sooner the likelier it is.

    Each is chosen by its chance, and where chances hardly differ (as those of a network in 8 bits do from the same in floats) the choice
    hardly ever does: an event's time does not depend on the chances of others.
    """
    return int((chances / times).argmax())


@dataclass(frozen=True)
class Limits:
    """What a player keeps to, whatever the network would like. Pitches are MIDI's; times in seconds."""

    lowest: int = 21
    highest: int = 108
    classes: tuple[bool, ...] = (True,) * PITCH_CLASSES  # which pitch classes may be pressed
    notes_at_once: int = 16
    longest_note_s: float = 5.0
    longest_silence_s: float = LONGEST_SILENCE_S

    @cached_property
    def pressable(self) -> bytes:
        """Whether each key may be pressed at all."""
        return bytes(self.lowest <= pitch <= self.highest and self.classes[pitch % PITCH_CLASSES] for pitch in range(PITCHES))


@dataclass
class Hands:
    """What sounds, by pitch the step of its onset, the oldest first, and what of it a partner plays; the time in steps; velocity (0
    before the first) and kind of the last event. Follows one event after another.
    """

    codec: EventCodec
    step: int = 0
    velocity: int = 0
    sounding: dict[int, int] = field(default_factory=dict)
    partners: set[int] = field(default_factory=set)
    last_kind: int = TIME_SHIFT
    silent_since: int = 0

    def follow(self, event: int, partners: bool = False) -> None:
        kind, value = self.codec.describe(event)
        self.last_kind = kind
        if kind == TIME_SHIFT:
            self.step += value
            if self.sounding:
                self.silent_since = self.step
        elif kind == VELOCITY:
            self.velocity = value
        elif kind == NOTE_ON:
            self.sounding.pop(value, None)
            self.sounding[value] = self.step
            if partners:
                self.partners.add(value)
        elif value in self.sounding:
            del self.sounding[value]
            self.partners.discard(value)
            self.silent_since = self.step

    def loudness(self) -> np.ndarray:
        """Return (128,) what sounds, as ``EventCodec.sounding`` has it."""
        present = np.zeros(PITCHES, np.float32)
        if self.sounding:
            fading = self.codec.fading
            present[list(self.sounding)] = [fading[min(self.step - onset, len(fading) - 1)] for onset in self.sounding.values()]
        return present

    def due_release(self, limits: Limits) -> int | None:
        """Return the event that ends a note that has lasted for too long, the oldest first."""
        oldest = self._oldest()
        if oldest is not None and self._left(self.sounding[oldest], limits.longest_note_s) <= 0:
            return PITCHES * NOTE_OFF + oldest
        return None

    def _oldest(self) -> int | None:
        """Return the pitch that has sounded for the longest, but for the partner's."""
        return next((pitch for pitch in self.sounding if pitch not in self.partners), None)

    def _left(self, since: int, longest_s: float) -> int:
        """Return the steps until ``longest_s`` after the step ``since``."""
        return round(longest_s * self.codec.steps_per_second) - (self.step - since)

    def allowed(self, limits: Limits) -> np.ndarray:
        """Return (events,) whether each may come next.

        No key is pressed that is down, or released that is up or a partner's, or pressed and released at once; a velocity is followed by
        a note; keys are pressed within the limits' range, classes and number; time goes by no further than notes and silences may last.
        """
        codec = self.codec
        allowed = bytearray(codec.events)  # a tenth of the time that an array's items take
        if len(self.sounding) - len(self.partners) < limits.notes_at_once:
            allowed[:PITCHES] = limits.pressable
        for pitch, onset in self.sounding.items():
            allowed[pitch] = 0
            allowed[PITCHES + pitch] = onset < self.step and self.last_kind != VELOCITY and pitch not in self.partners
        if self.last_kind != VELOCITY:
            may_press = any(allowed[:PITCHES])
            oldest, longest = self._oldest(), codec.steps_per_second
            if oldest is not None:
                longest = min(longest, self._left(self.sounding[oldest], limits.longest_note_s))
            if may_press and not self.sounding:
                longest = max(min(longest, self._left(self.silent_since, limits.longest_silence_s)), 0)
            allowed[codec.first_shift : codec.first_shift + longest] = bytes([1]) * longest
            allowed[codec.first_velocity :] = bytes([may_press]) * VELOCITY_BINS
        return np.frombuffer(allowed, bool)

    def copy(self) -> "Hands":
        return Hands(self.codec, self.step, self.velocity, dict(self.sounding), set(self.partners), self.last_kind, self.silent_since)
