"""From logits to the next event: which events are allowed, temperature and top-p, and the choice. NumPy only.

After a step of the network the processor's caches hold its weights, so that all other code waits for memory. The code for one event
therefore makes few calls of NumPy, always of the same kinds, and writes single values into plain arrays.
"""

from array import array
from collections.abc import Mapping
from dataclasses import InitVar, dataclass, field
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

LONGEST_SILENCE_S = 3.0  # training music has no longer silences
_OPEN, _BARRED = 0.0, -np.inf
_SILENCE = array("f", [0.0]) * PITCHES


@dataclass(frozen=True)
class Boldness:
    """How notes and velocities are chosen: with ``temperature``, at 0 the likeliest, of the fewest whose probabilities sum to ``top_p``."""

    temperature: float = 1.0
    top_p: float = 1.0


def choose(weights: np.ndarray, favour: Mapping[int, float], boldness: Boldness, noise: np.ndarray) -> int:
    """Return the event drawn by the Gumbel-max trick from ``weights`` (events,): log probabilities, -inf for events that are not allowed.

    First it is drawn what happens, as the network has it: whether a key is pressed, which is let go, how much time goes by, whether the
    velocity changes. Then which key or which velocity: of these a temperature changes the harmony and the touch, and leaves the rhythm.
    ``favour`` is added to the logits of keys, in nats. ``noise`` (events + 128,) is of ``GumbelNoise``.
    """
    event = int((weights + noise[: len(weights)]).argmax())
    for group in _groups(weights):
        if group.start <= event < group.stop:
            among = _among(weights, group, favour, boldness)
            return group.start + int((among + boldness.temperature * noise[len(weights) :][: len(among)]).argmax())
    return event


def probabilities(weights: np.ndarray, favour: Mapping[int, float], boldness: Boldness) -> np.ndarray:
    """Return the probabilities (events,) float64 with which ``choose`` draws."""
    chances = softmax(weights)
    for group in _groups(weights):
        among = _among(weights, group, favour, boldness)
        if np.isfinite(among.max()):
            chances[group] = chances[group].sum() * _tempered(among, boldness.temperature)
    return chances


def _groups(weights: np.ndarray) -> tuple[slice, slice]:
    """Return where the keys that may be pressed and the velocities stand."""
    return slice(0, PITCHES), slice(len(weights) - VELOCITY_BINS, len(weights))


def _among(weights: np.ndarray, group: slice, favour: Mapping[int, float], boldness: Boldness) -> np.ndarray:
    """Return the weights of a group, at temperature 1, -inf for what is not chosen from."""
    among = weights[group].copy()
    if not group.start:
        for pitch, nats in favour.items():
            among[pitch] += nats
    if boldness.top_p < 1:
        order = (-among).argsort(kind="stable")
        shares = _tempered(among[order], boldness.temperature)
        among[order[shares.cumsum().searchsorted(boldness.top_p) + 1 :]] = _BARRED
    return among


def _tempered(weights: np.ndarray, temperature: float) -> np.ndarray:
    """Return probabilities, float64, at a temperature."""
    if temperature:
        return softmax(weights / temperature)
    return (np.arange(len(weights)) == weights.argmax()).astype(np.float64)


def softmax(weights: np.ndarray) -> np.ndarray:
    """Return the probabilities, float64, of unnormalised log probabilities."""
    chances = weights.astype(np.float64)
    chances -= chances.max()
    np.exp(chances, out=chances)
    chances /= chances.sum()
    return chances


@dataclass(frozen=True)
class Limits:
    """Limits that a performance keeps whatever the network predicts. Pitches are MIDI's; times are in seconds."""

    lowest: int = 21
    highest: int = 108
    classes: tuple[bool, ...] = (True,) * PITCH_CLASSES  # which pitch classes may be pressed
    notes_at_once: int = 16
    longest_note_s: float = 5.0
    longest_silence_s: float = LONGEST_SILENCE_S

    @cached_property
    def bars(self) -> "array[float]":
        """By key, 0 if it may ever be pressed, else -inf."""
        may = [self.lowest <= pitch <= self.highest and self.classes[pitch % PITCH_CLASSES] for pitch in range(PITCHES)]
        return array("f", [_OPEN if each else _BARRED for each in may])

    @cached_property
    def keys(self) -> int:
        """The number of keys that may ever be pressed."""
        return self.bars.count(_OPEN)


class _Bars:
    """A plain array and a NumPy array that share memory, and constants with which parts of it are filled."""

    def __init__(self, events: int):
        self.all_barred, self.all_open = (array("f", [value]) * events for value in (_BARRED, _OPEN))
        self.plain = self.all_barred[:]
        self.array = np.frombuffer(self.plain, np.float32)

    def __deepcopy__(self, _: Any) -> "_Bars":
        """Return the same object: copied arrays would not share memory, and their values are read as soon as they are written."""
        return self


@dataclass
class SoundingKeys:
    """The sounding keys after a sequence of events.

    ``sounding``: by pitch the step of its onset, the oldest first; ``partners``: those that a partner plays. ``step``: the time.
    ``velocity`` (0 before the first) and ``last_kind`` are those of the last events.
    """

    codec: EventCodec
    step: int = 0
    velocity: int = 0
    sounding: dict[int, int] = field(default_factory=dict)
    partners: set[int] = field(default_factory=set)
    last_kind: int = TIME_SHIFT
    silent_since: int = 0
    sharing: InitVar["SoundingKeys | None"] = None  # whose arrays to write

    def __post_init__(self, sharing: "SoundingKeys | None") -> None:
        self._bars: _Bars = sharing._bars if sharing else _Bars(self.codec.events)

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

    def write_loudness(self, present: "memoryview[float]") -> None:
        """Write what sounds, as ``EventCodec.sounding`` has it, into ``present`` (128,) float32."""
        present[:] = _SILENCE
        fading = self.codec.fading
        for pitch, onset in self.sounding.items():
            present[pitch] = fading[min(self.step - onset, len(fading) - 1)]

    def due_release(self, limits: Limits) -> int | None:
        """Return the event that ends the oldest note that has lasted too long, or None."""
        oldest = self._oldest()
        if oldest is not None and self._left(self.sounding[oldest], limits.longest_note_s) <= 0:
            return PITCHES * NOTE_OFF + oldest
        return None

    def _oldest(self) -> int | None:
        """Return the pitch that has sounded longest, without the partner's, or None."""
        for pitch in self.sounding:
            if pitch not in self.partners:
                return pitch
        return None

    def _left(self, since: int, longest_s: float) -> int:
        """Return the steps until ``longest_s`` after the step ``since``."""
        return round(longest_s * self.codec.steps_per_second) - (self.step - since)

    def bars(self, limits: Limits) -> np.ndarray:
        """Return (events,) float32, 0 for each event that may come next, -inf for the others.

        The array is written anew at each call, and copies of this object share it.

        No key is pressed that is down, or released that is up or a partner's, or pressed and released at once; a velocity is followed by
        a note; keys are pressed within the limits' range, classes and number; time goes by no further than notes and silences may last.
        """
        codec, bars, after_velocity = self.codec, self._bars.plain, self.last_kind == VELOCITY
        bars[:] = self._bars.all_barred
        may_press = len(self.sounding) - len(self.partners) < limits.notes_at_once
        if may_press:
            bars[:PITCHES] = limits.bars
            may_press = limits.keys > sum([bars[pitch] == _OPEN for pitch in self.sounding])
        for pitch, onset in self.sounding.items():
            bars[pitch] = _BARRED
            if onset < self.step and not after_velocity and pitch not in self.partners:
                bars[PITCHES + pitch] = _OPEN
        if not after_velocity:
            if (longest := self._longest_shift(limits, may_press)) > 0:
                bars[codec.first_shift : codec.first_shift + longest] = self._bars.all_open[:longest]
            if may_press:
                bars[codec.first_velocity :] = self._bars.all_open[:VELOCITY_BINS]
        return self._bars.array

    def _longest_shift(self, limits: Limits, may_press: bool) -> int:
        """Return the most steps by which time may advance."""
        oldest, longest = self._oldest(), self.codec.steps_per_second
        if oldest is not None:
            longest = min(longest, self._left(self.sounding[oldest], limits.longest_note_s))
        if may_press and not self.sounding:
            longest = min(longest, self._left(self.silent_since, limits.longest_silence_s))
        return longest

    def copy(self) -> "SoundingKeys":
        sounding, partners = dict(self.sounding), set(self.partners)
        return SoundingKeys(self.codec, self.step, self.velocity, sounding, partners, self.last_kind, self.silent_since, self)
