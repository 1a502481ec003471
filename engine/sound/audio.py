"""A sink that plays what it is sent on the sound card. The only place that imports sounddevice."""

import time
from types import ModuleType
from typing import Any

import numpy as np

from engine.base.errors import PerfLiveError
from engine.midi.events import Event
from engine.sound.buffered import BufferedSynthesizer
from engine.sound.choice import open_synthesizer
from engine.sound.limiter import Limiter
from engine.sound.options import NEURAL, SoundOptions
from engine.sound.pump import STREAM_S, Pump
from engine.sound.synthesizer import Synthesizer

NEURAL_BLOCK_FRAMES = 2048  # that are computed at a time
NEURAL_AHEAD_FRAMES = 8192  # 186 ms at 44.1 kHz: blocks that take twice as long as they last are made up for


def load_sounddevice() -> ModuleType:
    """Return the sounddevice module. Raises PerfLiveError that says what to install."""
    try:
        import sounddevice
    except OSError as error:
        raise PerfLiveError("the sound card needs the PortAudio library, which was not found; install libportaudio2 with apt") from error
    return sounddevice


def list_audio_devices() -> list[str]:
    """Return the names of the devices that can play, the default first. Raises PerfLiveError without PortAudio."""
    sounddevice = load_sounddevice()
    devices = [device for device in sounddevice.query_devices() if device["max_output_channels"] > 0]
    default = sounddevice.default.device[1]
    devices.sort(key=lambda device: device["index"] != default)
    return [device["name"] for device in devices]


class AudioSink:
    """Plays on the system's default audio device, at the device's own sample rate if no other is asked for.

    Raises PerfLiveError when there is no device or it cannot be opened. ``underruns`` counts the blocks that came too late;
    ``latency_s`` is how long after ``send`` a note is in the device's hands.
    """

    def __init__(self, options: SoundOptions | None = None):
        sounddevice = load_sounddevice()
        if not list_audio_devices():
            raise PerfLiveError("no audio device was found; connect one or start the audio server, and look with --list")
        options = options or SoundOptions()
        self._late = 0
        try:
            device = sounddevice.query_devices(kind="output")
            self.device_name = str(device["name"])
            self._synthesizer = _open(options, options.sample_rate or int(device["default_samplerate"]))
            self._limiter = Limiter(self._synthesizer.sample_rate, options.gain_db)
            self._buffered = self._synthesizer if isinstance(self._synthesizer, BufferedSynthesizer) else None
            self._stream = sounddevice.OutputStream(
                samplerate=self._synthesizer.sample_rate,
                channels=2,
                dtype="float32",
                latency=STREAM_S if self._buffered else "low",
                callback=None if self._buffered else self._play,
            )
            self._pump = Pump(self._stream, self._render) if self._buffered else None
            if not self._pump:
                self._stream.start()
        except sounddevice.PortAudioError as error:
            what = f"the audio device could not be opened ({error.args[0]})"
            raise PerfLiveError(f"{what}; close what else uses it, or leave --rate out") from error
        waiting_frames = self._synthesizer.latency_frames + (self._pump.latency_frames if self._pump else 0)
        self.latency_s = waiting_frames / self._synthesizer.sample_rate + float(self._stream.latency)

    @property
    def underruns(self) -> int:
        return self._late + (self._buffered.underruns if self._buffered else 0) + (self._pump.underruns if self._pump else 0)

    def start(self, origin_ns: int) -> None:
        pass

    def send(self, event: Event) -> None:
        """Sound the message at once: the caller calls when it is due. Raises PerfLiveError when the sound cannot go on."""
        for part in (self._buffered, self._pump):
            if part and part.error:
                raise part.error
        self._synthesizer.send(event.message)

    def close(self) -> None:
        """Let what was sent sound as far as it is late, then give the device back."""
        if self._synthesizer.latency_frames:
            time.sleep(self._synthesizer.latency_frames / self._synthesizer.sample_rate)
        self._end_pump()
        self._stream.stop()
        self._stream.close()
        self._synthesizer.close()

    def abort(self) -> None:
        self._end_pump()
        self._stream.abort()
        self._stream.close()
        self._synthesizer.close()

    def _play(self, output: np.ndarray, frames: int, at: Any, status: Any) -> None:
        if status.output_underflow:
            self._late += 1
        output[:] = self._render(frames)

    def _render(self, frames: int) -> np.ndarray:
        return self._limiter.process(self._synthesizer.render(frames))

    def _end_pump(self) -> None:
        if self._pump:
            self._pump.end()


def _open(options: SoundOptions, sample_rate: int) -> Synthesizer:
    """Raises PerfLiveError."""
    synthesizer = open_synthesizer(options, sample_rate)
    if options.kind == NEURAL:
        return BufferedSynthesizer(synthesizer, NEURAL_BLOCK_FRAMES, NEURAL_AHEAD_FRAMES)
    return synthesizer
