"""Notes and sound as arrays: piano rolls and log-power spectra at one frame rate, and a spectrum's inverse. NumPy only.

Source: Wang, Yang, "PerformanceNet: Score-to-Audio Music Generation with Multi-Band Convolutional Residual Network", AAAI 2019. Sound is
mono at 44.1 kHz; its transform has a Hann window of 2,048 samples every 256. Frame t is centred on sample 256 t, at 256 t / 44100 s: the
frame rate is 44100 / 256 = 172.265625 a second, and nothing here rounds it. Outside the sound there is silence.

``paper_roll`` is the paper's input: which keys sound, without velocity or pedal, and where that changes, so that a repeated note without a
silent frame between has no onset. Ours (``Roll``, ``roll_of``) has a row a key of each of

    onset     the velocity / 127 of a note that begins; one between two frames is shared between them by its distance from each, so that
              the marks' sum is the velocity and their ratio the time
    offset    1 where a sound is damped (the key is up and the pedal too, or it is struck again), shared alike
    sounding  velocity / 127 while it sounds: while the key or the sustain pedal is down
    age       the square root of how long it has sounded, 1 after OLDEST_S: a piano's note fades for longer than a network looks back

and at last one row, the pedal's depth / 127. Marks are apart from the rest, and so a repeated note loses none. Keys are a piano's; notes
beyond them sound in the nearest octave that it has.
"""

from collections.abc import Iterable
from fractions import Fraction
from typing import NamedTuple

import numpy as np

REPRESENTATION_VERSION = 2  # 1 had no phases

SAMPLE_RATE = 44100
FFT_SAMPLES = 2048
HOP_SAMPLES = 256
BINS = FFT_SAMPLES // 2 + 1
FRAME_RATE = Fraction(SAMPLE_RATE, HOP_SAMPLES)

# log1p bends where the power is 1. The paper's sound is unscaled: whatever is 54 dB below a full-scale sine looks alike, and a piano's
# notes fade out there. With this factor that is so at -84 dB.
POWER_SCALE = 1000.0
PAPER_POWER_SCALE = 1.0

LOWEST_KEY, KEYS = 21, 88
PITCHES = 128
OLDEST_S = 16.0
SUSTAIN_CONTROLLER = 64
SUSTAINED = 64  # the pedal's value from which on it holds

ONSET, OFFSET, SOUNDING, AGE = (slice(KEYS * block, KEYS * (block + 1)) for block in range(4))
PEDAL = 4 * KEYS
CHANNELS = 4 * KEYS + 1

WINDOW = np.hanning(FFT_SAMPLES + 1)[:-1].astype(np.float32)  # periodic

SUSTAIN_CHANGE, NOTE_END, NOTE_BEGIN = range(3)  # in the order in which they happen when at the same time


class SoundEvent(NamedTuple):
    """An event of a player: ``time_sec``, its kind (SUSTAIN_CHANGE, NOTE_END, NOTE_BEGIN), and its values.

    ``pitch`` is 0 to 127, and 0 for the pedal; ``value`` is the velocity 1 to 127, the pedal's value 0 to 127, or 0.
    """

    time_sec: float
    kind: int
    pitch: int
    value: int


def sound_events(notes: np.ndarray, pedals: np.ndarray | None = None) -> list[SoundEvent]:
    """Return the events of notes and pedals in order of time.

    ``notes`` has the fields onset_sec, duration_sec (the key's), pitch and velocity; ``pedals``, if any, time_sec, number and value, of
    which controller 64 counts. A key that is struck while it is down is released just before.
    """
    events = []
    order = np.lexsort((notes["onset_sec"], notes["pitch"]))
    onsets, pitches, velocities = notes["onset_sec"][order], notes["pitch"][order], notes["velocity"][order]
    ends = onsets + np.maximum(notes["duration_sec"][order], 1 / SAMPLE_RATE)
    same = np.append(pitches[1:] == pitches[:-1], False)
    ends = np.where(same, np.minimum(ends, np.append(onsets[1:], 0)), ends)
    for onset, end, pitch, velocity in zip(onsets.tolist(), ends.tolist(), pitches.tolist(), velocities.tolist(), strict=True):
        if end > onset:
            events += [SoundEvent(onset, NOTE_BEGIN, pitch, velocity), SoundEvent(end, NOTE_END, pitch, 0)]
    if pedals is not None:
        moves = pedals[pedals["number"] == SUSTAIN_CONTROLLER]
        events += [SoundEvent(move["time_sec"].item(), SUSTAIN_CHANGE, 0, move["value"].item()) for move in moves]
    return sorted(events)


class Roll:
    """Builds a roll from events in order of time; frames that are past can be taken.

    Its state is small and can be copied. An event may change the frame at or before it and the one after: a frame is complete when the time
    of the next one has come.
    """

    def __init__(self) -> None:
        self._velocity = np.zeros(KEYS, np.float32)  # of what sounds; 0 does not
        self._onset = np.zeros(KEYS)  # frames, since the first
        self._down = np.zeros(KEYS, bool)
        self._pedal = 0
        self._first = 0  # the frame of the buffer's first column
        self._filled = 0  # up to this frame the rows that last are written
        self._buffer = np.zeros((CHANNELS, 256), np.float32)

    def add(self, event: SoundEvent) -> None:
        """Raises ValueError for an event before frames that were taken."""
        place = event.time_sec * float(FRAME_RATE)
        self._fill(int(np.ceil(place)))
        if event.kind == SUSTAIN_CHANGE:
            self._pedal = event.value
            if event.value < SUSTAINED:
                self._damp(np.flatnonzero((self._velocity > 0) & ~self._down), place)
            return
        key = key_of(event.pitch)
        if event.kind == NOTE_END:
            self._down[key] = False
            if self._pedal < SUSTAINED:
                self._damp(np.array([key]), place)
            return
        self._damp(np.array([key]), place)
        self._velocity[key], self._onset[key], self._down[key] = event.value / 127, place, True
        self._mark(ONSET.start + key, place, event.value / 127)

    def take(self, frames: int) -> np.ndarray:
        """Return the next ``frames`` frames, (CHANNELS, frames) float32; no further event may come before the end of the last."""
        self._fill(self._first + frames)
        taken = self._buffer[:, :frames].copy()
        self._buffer = np.concatenate([self._buffer[:, frames:], np.zeros((CHANNELS, frames), np.float32)], axis=1)
        self._first += frames
        return taken

    def _fill(self, until: int) -> None:
        """Write sounding notes, ages and pedal into the frames before ``until``."""
        self._reserve(until + 1)
        if until <= self._filled:
            return
        columns = slice(self._filled - self._first, until - self._first)
        sounds = np.flatnonzero(self._velocity > 0)
        frames = np.arange(self._filled, until)
        age_s = (frames - self._onset[sounds, None]) / float(FRAME_RATE)
        self._buffer[SOUNDING.start + sounds, columns] = self._velocity[sounds, None]
        self._buffer[AGE.start + sounds, columns] = np.sqrt(np.clip(age_s / OLDEST_S, 0, 1))
        self._buffer[PEDAL, columns] = self._pedal / 127
        self._filled = until

    def _damp(self, keys: np.ndarray, place: float) -> None:
        for key in keys[self._velocity[keys] > 0].tolist():
            self._mark(OFFSET.start + key, place, 1.0)
            self._velocity[key] = 0

    def _mark(self, row: int, place: float, value: float) -> None:
        frame = int(np.floor(place))
        if frame < self._first:
            raise ValueError(f"frame {frame} was already taken; the next is {self._first}")
        self._reserve(frame + 2)
        share = place - frame
        self._buffer[row, frame - self._first] += (1 - share) * value
        self._buffer[row, frame + 1 - self._first] += share * value

    def _reserve(self, until: int) -> None:
        """Make room for the frames before ``until``."""
        missing = until - self._first - self._buffer.shape[1]
        if missing > 0:
            more = np.zeros((CHANNELS, max(missing, self._buffer.shape[1])), np.float32)
            self._buffer = np.concatenate([self._buffer, more], axis=1)


def roll_of(events: Iterable[SoundEvent], frames: int) -> np.ndarray:
    """Return the first ``frames`` frames of the roll of ``events`` (in order of time), (CHANNELS, frames) float32 from 0 to 1."""
    roll = Roll()
    end_sec = frames / float(FRAME_RATE)
    for event in events:
        if event.time_sec >= end_sec:
            break
        roll.add(event)
    return roll.take(frames)


def key_of(pitch: int) -> int:
    """Return the row, 0 to 87, of a pitch; pitches that a piano lacks take that of the nearest octave that it has."""
    return nearest_octave(pitch, LOWEST_KEY, LOWEST_KEY + KEYS - 1) - LOWEST_KEY


def nearest_octave(pitch: int, lowest: int, highest: int) -> int:
    """Return the pitch moved by octaves into ``lowest`` to ``highest``, which must span an octave at least."""
    if pitch < lowest:
        return lowest + (pitch - lowest) % 12
    return pitch if pitch <= highest else highest - (highest - pitch) % 12


def paper_roll(notes: np.ndarray, frames: int) -> np.ndarray:
    """Return the paper's input, (256, frames) float32: which pitches are on, 1 or 0, and below 1 where one was not on a frame before, -1
    where it was and is not. ``notes`` has the fields onset_sec, duration_sec and pitch; a note is on from its onset until its end."""
    roll = np.zeros((PITCHES, frames), np.float32)
    first, end = (_frames_before(times, frames) for times in (notes["onset_sec"], notes["onset_sec"] + notes["duration_sec"]))
    for pitch, begin, stop in zip(notes["pitch"].tolist(), first.tolist(), end.tolist(), strict=True):
        roll[pitch, begin:stop] = 1
    return np.concatenate([roll, np.diff(roll, axis=1, prepend=np.float32(0))])


def _frames_before(time_sec: np.ndarray, frames: int) -> np.ndarray:
    """Return the number of frames before each time, at most ``frames``."""
    return np.clip(np.ceil(np.round(time_sec * SAMPLE_RATE) / HOP_SAMPLES), 0, frames).astype(np.int64)


def frame_count(samples: int) -> int:
    """Return the number of frames whose centre lies on a sound of so many samples, its end included."""
    return 1 + samples // HOP_SAMPLES


def transform(audio: np.ndarray) -> np.ndarray:
    """Return the spectrum (BINS, frame_count(samples)) complex64 of ``audio`` (samples,)."""
    padded = np.pad(np.asarray(audio, np.float32), FFT_SAMPLES // 2)
    windows = np.lib.stride_tricks.sliding_window_view(padded, FFT_SAMPLES)[::HOP_SAMPLES]
    return np.fft.rfft(windows * WINDOW, axis=1).astype(np.complex64).T


def log_power(audio: np.ndarray, scale: float = POWER_SCALE) -> np.ndarray:
    """Return log(1 + scale |X|^2), (BINS, frames) float32, at least 0, of ``audio`` (samples,) from -1 to 1."""
    spectrum = transform(audio)
    return np.log1p(scale * (spectrum.real**2 + spectrum.imag**2)).astype(np.float32)


def magnitude(spectrum: np.ndarray, scale: float = POWER_SCALE) -> np.ndarray:
    """Return |X| of ``log_power``'s spectrum: its exact inverse; what is below 0 counts as 0. Same shape, float32."""
    return np.sqrt(np.expm1(np.maximum(spectrum, 0)) / scale).astype(np.float32)
