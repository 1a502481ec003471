"""Performances as the events of Performance RNN (Oore et al., arXiv 1808.03715), and summaries of their future as controls.

An event is one class of a vocabulary: the key of a note pressed (128), a key released (128), time moved on (by 1 to all steps of a second),
or the velocity of the notes that follow (32). The paper's vocabulary has steps of 8 ms, 413 events; Magenta's has steps of 10 ms, 388.
"""

from dataclasses import dataclass
from functools import cached_property

import numpy as np

REPRESENTATION_VERSION = 1

PITCHES = 128
VELOCITY_BINS = 32
VELOCITIES_PER_BIN = 4

DENSITY_WINDOW_S = 3.0
DENSITY_EDGES = (1, 2, 4, 8, 16, 32, 64)  # notes a second
DENSITY_BINS = len(DENSITY_EDGES) + 1
HISTOGRAM_WINDOW_S = 5.0
HISTOGRAM_PRIOR = 0.01
PITCH_CLASSES = 12
PREFERRED_VALUES = DENSITY_BINS + PITCH_CLASSES + 2  # and a flag for each: whether it is known
CONTROLS = PREFERRED_VALUES + PITCHES  # what sounds stands beside them
SOUNDS_FADE_S, SOUNDS_LEAST, SOUNDS_FOR_S = 1.0, 0.25, 16.0  # after which a note is hardly less present

# partitura's field names; onsets and durations in steps
STEP_NOTE_DTYPE = np.dtype([("onset_step", "i8"), ("duration_step", "i8"), ("pitch", "i4"), ("velocity", "i4")])
NOTE_DTYPE = np.dtype([("onset_sec", "f8"), ("duration_sec", "f8"), ("pitch", "i4"), ("velocity", "i4")])

NOTE_ON, NOTE_OFF, TIME_SHIFT, VELOCITY = range(4)


@dataclass(frozen=True)
class EventCodec:
    """Notes <-> events. ``steps_per_second`` is also how many time shifts there are: the longest is a second.

    Order of the vocabulary: notes on, notes off, time shifts of 1, 2, ... steps, velocities from soft to loud.
    """

    steps_per_second: int = 125

    @property
    def first_shift(self) -> int:
        return 2 * PITCHES

    @cached_property
    def first_velocity(self) -> int:
        return self.first_shift + self.steps_per_second

    @cached_property
    def events(self) -> int:
        return self.first_velocity + VELOCITY_BINS

    @property
    def step_s(self) -> float:
        return 1 / self.steps_per_second

    @cached_property
    def fading(self) -> list[float]:
        """The presence of a note after 0, 1, ... steps: from 1 down to a quarter, as the sound of a piano decays."""
        seconds = np.arange(round(SOUNDS_FOR_S * self.steps_per_second) + 1) * self.step_s
        return (SOUNDS_LEAST + (1 - SOUNDS_LEAST) * np.exp(-seconds / SOUNDS_FADE_S)).tolist()

    def describe(self, event: int) -> tuple[int, int]:
        """Return an event's kind and its pitch, number of steps or velocity. Raises ValueError for an event out of the vocabulary."""
        if not 0 <= event < self.events:
            raise ValueError(f"event {event} is not in a vocabulary of {self.events}")
        if event >= self.first_velocity:
            return VELOCITY, bin_velocity(event - self.first_velocity)
        if event >= self.first_shift:
            return TIME_SHIFT, event - self.first_shift + 1
        return divmod(event, PITCHES)

    def quantise(self, notes: np.ndarray) -> np.ndarray:
        """Return ``notes`` (partitura's fields, seconds) on the grid of steps, sorted by their exact onset, then pitch; none is empty."""
        notes = notes[np.lexsort((notes["pitch"], notes["onset_sec"]))]
        steps = np.empty(len(notes), STEP_NOTE_DTYPE)
        steps["onset_step"] = np.floor(notes["onset_sec"] * self.steps_per_second + 0.5)
        ends = np.floor((notes["onset_sec"] + notes["duration_sec"]) * self.steps_per_second + 0.5).astype(np.int64)
        steps["duration_step"] = np.maximum(ends - steps["onset_step"], 1)
        steps["pitch"], steps["velocity"] = notes["pitch"], notes["velocity"]
        return steps

    def encode(self, steps: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return the events of quantised notes, and the step each begins at, both (events,) int64; time begins at step 0.

        At one step, notes are in their order, the earlier note's release before the later one's onset. A velocity comes only where its bin
        is not that of the note before.
        """
        count = len(steps)
        if not count:
            return np.zeros(0, np.int64), np.zeros(0, np.int64)
        at = np.concatenate((steps["onset_step"], steps["onset_step"] + steps["duration_step"]))
        note = np.tile(np.arange(count), 2)
        order = np.lexsort((np.arange(2 * count) >= count, note, at))
        at, note, off = at[order], note[order], order >= count
        bins = velocity_bin(steps["velocity"])
        changed = np.diff(bins, prepend=-1) != 0
        has_velocity = ~off & changed[note]
        gap = np.diff(at, prepend=0)
        seconds, rest = np.divmod(gap, self.steps_per_second)
        last = np.cumsum(seconds + (rest > 0) + has_velocity + 1) - 1  # where the note's own event stands
        events = np.full(last[-1] + 1, self.first_velocity - 1)
        events[last] = steps["pitch"][note] + PITCHES * off
        events[last[has_velocity] - 1] = self.first_velocity + bins[note[has_velocity]]
        events[(last - 1 - has_velocity)[rest > 0]] = self.first_shift - 1 + rest[rest > 0]
        return events, self.steps_before(events)

    def encode_time(self, steps: int) -> list[int]:
        """Return the events that move time on by ``steps``."""
        seconds, rest = divmod(steps, self.steps_per_second)
        return [self.first_velocity - 1] * seconds + [self.first_shift - 1 + rest] * (rest > 0)

    def shift_steps(self, events: np.ndarray) -> np.ndarray:
        """Return the steps by which each event advances time."""
        is_shift = (events >= self.first_shift) & (events < self.first_velocity)
        return np.where(is_shift, events - self.first_shift + 1, 0)

    def steps_before(self, events: np.ndarray) -> np.ndarray:
        """Return the step at which each event begins."""
        shifts = self.shift_steps(events)
        return np.cumsum(shifts) - shifts

    def decode(self, events: np.ndarray) -> np.ndarray:
        """Return the notes (NOTE_DTYPE, sorted by onset) of events: the centre of a velocity's bin; of equal pitches the first is released
        first; a release without its note is ignored; what is still sounding ends at the end, notes that last no step are dropped.
        """
        step, velocity = 0, bin_velocity(VELOCITY_BINS // 2)
        sounding: dict[int, list[int]] = {}
        notes: list[list[int]] = []
        for event in events:
            kind, value = self.describe(int(event))
            if kind == TIME_SHIFT:
                step += value
            elif kind == VELOCITY:
                velocity = value
            elif kind == NOTE_ON:
                sounding.setdefault(value, []).append(len(notes))
                notes.append([step, -1, value, velocity])
            elif sounding.get(value):
                notes[sounding[value].pop(0)][1] = step
        table = np.zeros(len(notes), NOTE_DTYPE)
        if notes:
            onset, end, table["pitch"], table["velocity"] = np.array(notes).T
            table["onset_sec"] = onset * self.step_s
            table["duration_sec"] = (np.where(end < 0, step, end) - onset) * self.step_s
        return table[table["duration_sec"] > 0]

    def sounding(self, events: np.ndarray) -> np.ndarray:
        """Return (events, 128) float32 what sounds before each event: 0 for a key that is up, else how present its note is (``fading``)."""
        off, on = (events >= PITCHES * NOTE_OFF) & (events < self.first_shift), events < PITCHES
        at = np.append(self.steps_before(events), 0)
        last = np.zeros((len(events) + 1, PITCHES), np.int32)  # by pitch, the place after the last event that pressed or let go its key
        changed = np.flatnonzero(on | off)
        last[changed + 1, events[changed] % PITCHES] = changed + 1
        last = np.maximum.accumulate(last[:-1], axis=0)
        onset = np.concatenate(([-1], np.where(on, at[:-1], -1)))[last]  # -1: up
        lasted = np.minimum(at[:-1, None] - onset, len(self.fading) - 1)
        return np.where(onset >= 0, np.array(self.fading, np.float32)[lasted], 0)

    def density(self, steps: np.ndarray, at: np.ndarray) -> np.ndarray:
        """Return the notes a second that begin within 3 s from each step of ``at`` on; the window is cut where the notes end."""
        window = round(DENSITY_WINDOW_S * self.steps_per_second)
        onsets = np.sort(steps["onset_step"])
        end = int((steps["onset_step"] + steps["duration_step"]).max(initial=1))
        count = np.searchsorted(onsets, at + window) - np.searchsorted(onsets, at)
        return count * self.steps_per_second / np.clip(end - at, 1, window)

    def pitch_class_histogram(self, steps: np.ndarray, at: np.ndarray) -> np.ndarray:
        """Return (len(at), 12) the shares of the pitch classes in what sounds within 5 s from each step of ``at`` on; rows sum to 1."""
        window = round(HISTOGRAM_WINDOW_S * self.steps_per_second)
        ends = steps["onset_step"] + steps["duration_step"]
        length = int(ends.max(initial=0)) + 1
        sounding = np.zeros((length + 1, PITCH_CLASSES), np.int64)
        np.add.at(sounding, (steps["onset_step"] + 1, steps["pitch"] % PITCH_CLASSES), 1)
        np.add.at(sounding, (ends + 1, steps["pitch"] % PITCH_CLASSES), -1)
        sounded = sounding.cumsum(0).cumsum(0)  # note steps before each step
        within = sounded[np.clip(at + window, 0, length - 1)] - sounded[np.clip(at, 0, length - 1)]
        seconds = within * self.step_s + HISTOGRAM_PRIOR
        return (seconds / seconds.sum(-1, keepdims=True)).astype(np.float32)


PAPER = EventCodec(125)
MAGENTA = EventCodec(100)


def velocity_bin(velocity: np.ndarray) -> np.ndarray:
    """Return the bin, 0 to 31, of MIDI velocities 1 to 127."""
    return (np.maximum(velocity, 1) - 1) // VELOCITIES_PER_BIN


def bin_velocity(index: int) -> int:
    """Return the velocity in the middle of a bin: 2, 6, ... 126."""
    return VELOCITIES_PER_BIN * index + 2


def describe_controls(
    density: np.ndarray | None, histogram: np.ndarray | None, count: int, sounding: np.ndarray | None = None
) -> np.ndarray:
    """Return (count, 150) float32 what the network is told beside an event: of what is to come, density's bin as one-hot and if it is
    known, histogram and if it is known; and what sounds.

    ``density`` (count,) is in notes a second, ``histogram`` (count, 12) of shares; None is unknown. ``sounding`` (count, 128) is
    ``EventCodec.sounding``; None is silence.
    """
    controls = np.zeros((count, CONTROLS), np.float32)
    if density is not None:
        controls[np.arange(count), np.searchsorted(DENSITY_EDGES, density, side="right")] = 1
        controls[:, DENSITY_BINS] = 1
    if histogram is not None:
        controls[:, DENSITY_BINS + 1 : PREFERRED_VALUES - 1] = histogram
        controls[:, PREFERRED_VALUES - 1] = 1
    if sounding is not None:
        controls[:, PREFERRED_VALUES:] = sounding
    return controls


def extend_by_sustain(notes: np.ndarray, pedal_sec: np.ndarray, pedal_value: np.ndarray) -> np.ndarray:
    """Return the notes (partitura's fields, sorted by onset) as long as the sustain pedal (down from value 64 on) makes them sound.

    At one instant the pedal goes down, then up, then keys go down, then up. While it is down, releases have no effect and a key that
    is struck again ends its note; a note that this leaves without any length is dropped.
    """
    down = pedal_value >= 64
    order = np.lexsort((~down, pedal_sec))
    times, down = pedal_sec[order], down[order]
    ends = notes["onset_sec"] + notes["duration_sec"]
    last = max(ends.max(initial=0.0), times.max(initial=0.0))
    releases = np.append(times[~down], last)
    next_release = releases[np.searchsorted(releases[:-1], ends, side="left")]
    extended = np.where(_is_down(times, down, ends), next_release, ends)
    again = np.full(len(notes), np.inf)
    by_pitch = np.lexsort((notes["onset_sec"], notes["pitch"]))
    same = np.diff(notes["pitch"][by_pitch]) == 0
    again[by_pitch[:-1][same]] = notes["onset_sec"][by_pitch[1:][same]]
    struck_again = (again < extended) & _is_down(times, down, again)
    sounding = notes.copy()
    sounding["duration_sec"] = np.where(struck_again, again, extended) - notes["onset_sec"]
    return sounding[sounding["duration_sec"] > 0]


def _is_down(times: np.ndarray, down: np.ndarray, at: np.ndarray) -> np.ndarray:
    """Return whether the pedal is down at each of ``at``, after all its moves of that instant."""
    return np.append(down, False)[np.searchsorted(times, at, side="right") - 1] if len(times) else np.zeros(len(at), bool)
