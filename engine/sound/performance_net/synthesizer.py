"""A synthesizer that is a neural network: MIDI messages in, samples out, as FluidSynth but for a latency.

Every channel but that of drums is the same instrument, with one pedal, which is down while any channel's is.
"""

import functools
import threading
from collections.abc import Iterable
from pathlib import Path

import numpy as np

from engine.midi.events import DRUM_CHANNEL, SUSTAIN_PEDAL, channel_of, is_channel_message, is_control_change, is_note_off, is_note_on
from engine.onnx.model import Model
from engine.sound.options import PIANO_FILE
from engine.sound.performance_net.stream import BLOCK_SAMPLES, PIANO_PITCHES, NeuralStream, open_model
from models.performance_net.instruments import INSTRUMENTS, PIANO
from models.performance_net.representation import (
    KEYS,
    NOTE_BEGIN,
    NOTE_END,
    SAMPLE_RATE,
    SUSTAIN_CHANGE,
    SoundEvent,
    key_of,
    nearest_octave,
)
from models.pretrained import pretrained

EXPRESSION, ALL_SOUND_OFF, RESET_CONTROLLERS, ALL_NOTES_OFF = 11, 120, 121, 123


class NeuralSynthesizer:
    """An instrument (see engine/sound/synthesizer.py), dry, both channels alike.

    Raises PerfLiveError when the model is missing or another.
    """

    sample_rate = SAMPLE_RATE

    def __init__(self, model: Path | None = None, drums: bool = True):
        self._stream = NeuralStream(load_sound_model(model))
        self._stream.warm_up()
        self._keyboard = Keyboard(self._stream.pitches, drums)
        self._position = 0  # samples
        self._adding = threading.Lock()
        self.latency_frames = self._stream.delay_samples
        self._ready = np.zeros(self.latency_frames, np.float32)

    def send(self, message: bytes) -> None:
        """Take one complete MIDI message, now."""
        with self._adding:
            for event in self._keyboard.play(message, self._position / SAMPLE_RATE):
                self._stream.add(event)

    def render(self, frames: int) -> np.ndarray:
        """Return the next ``frames`` samples, float32 of shape (frames, 2)."""
        with self._adding:
            self._position += frames
        computed = [self._ready]
        while self._stream.played_samples + BLOCK_SAMPLES <= self._position:
            with self._adding:
                roll = self._stream.gather()
            computed.append(self._stream.compute(roll))
        ready = np.concatenate(computed)
        self._ready = ready[frames:]
        return np.repeat(ready[:frames, None], 2, axis=1)

    def close(self) -> None:
        """There is nothing to free."""


class Keyboard:
    """Turns the messages of all channels into the events of one instrument, whose ``pitches`` are an octave at least.

    Expression (controller 11) is heard as a note begins: it makes the note softer, as it would make its velocity. The network has no
    loudness within a note.
    """

    def __init__(self, pitches: range = PIANO_PITCHES, drums: bool = True) -> None:
        self._pitches, self._drums = pitches, drums
        self._down: list[set[tuple[int, int]]] = [set() for _ in range(KEYS)]  # channel and pitch of each note that holds a key
        self._pedals = [0] * 16
        self._expression = [127] * 16

    def play(self, message: bytes, time_sec: float) -> list[SoundEvent]:
        """Return what the message does; a key goes up when no note holds it any more."""
        if not is_channel_message(message) or (self._drums and channel_of(message) == DRUM_CHANNEL):
            return []
        channel = channel_of(message)
        if is_note_on(message):
            self._down[self._key_of(message[1])].add((channel, message[1]))
            velocity = max(round(message[2] * self._expression[channel] / 127), 1)
            return [SoundEvent(time_sec, NOTE_BEGIN, message[1], velocity)]
        if is_note_off(message):
            return self._release([(channel, message[1])], time_sec)
        if is_control_change(message):
            return self._control(channel, message[1], message[2], time_sec)
        return []

    def _control(self, channel: int, number: int, value: int, time_sec: float) -> list[SoundEvent]:
        if number in (ALL_SOUND_OFF, ALL_NOTES_OFF):
            held = [note for notes in self._down for note in notes if note[0] == channel]
            lifted = self._move_pedal(channel, 0, time_sec) if number == ALL_SOUND_OFF else []
            return self._release(held, time_sec) + lifted
        if number in (EXPRESSION, RESET_CONTROLLERS):
            self._expression[channel] = value if number == EXPRESSION else 127
        if number in (SUSTAIN_PEDAL, RESET_CONTROLLERS):
            return self._move_pedal(channel, value if number == SUSTAIN_PEDAL else 0, time_sec)
        return []

    def _release(self, notes: list[tuple[int, int]], time_sec: float) -> list[SoundEvent]:
        events = []
        for channel, pitch in notes:
            holding = self._down[self._key_of(pitch)]
            if (channel, pitch) in holding:
                holding.remove((channel, pitch))
                if not holding:
                    events.append(SoundEvent(time_sec, NOTE_END, pitch, 0))
        return events

    def _key_of(self, pitch: int) -> int:
        return key_of(nearest_octave(pitch, self._pitches[0], self._pitches[-1]))

    def _move_pedal(self, channel: int, value: int, time_sec: float) -> list[SoundEvent]:
        before = max(self._pedals)
        self._pedals[channel] = value
        now = max(self._pedals)
        return [SoundEvent(time_sec, SUSTAIN_CHANGE, 0, now)] if now != before else []


@functools.cache
def load_sound_model(path: Path | None = None) -> Model:
    """Return the model at ``path``, or the one that ships. Raises PerfLiveError."""
    return open_model(path or shipped_model(PIANO))


def open_synthesizer(instrument: str, drums: bool = True) -> NeuralSynthesizer:
    """Return the synthesizer of an instrument that ships, or of the ONNX file or folder of another, dry.

    ``drums``: whether channel 10 is drums, and left out. Raises PerfLiveError when its model is missing or of another system.
    """
    model = shipped_model(instrument) if instrument in INSTRUMENTS else pretrained(PIANO_FILE, Path(instrument))
    return NeuralSynthesizer(model, drums)


def shipped_model(instrument: str) -> Path:
    """Return the path of the model that ships for one of models.performance_net.instruments."""
    return pretrained(PIANO_FILE if instrument == PIANO else f"performance_net_{instrument}.onnx")


def render_events(events: Iterable[SoundEvent], seconds: float, model: Path | None = None) -> np.ndarray:
    """Return the sound (samples,) float32, mono, of ``events`` in order of time: as it is played, but without the latency."""
    stream = NeuralStream(load_sound_model(model))
    for event in events:
        stream.add(event)
    samples, parts, done = round(seconds * SAMPLE_RATE), [np.zeros(0, np.float32)], 0
    while done < samples:
        parts.append(stream.block())
        done += len(parts[-1])
    return np.concatenate(parts)[:samples]
