"""A sink that plays what it is sent on the sound card, through FluidSynth. The only place that imports sounddevice."""

from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np

from engine.errors import PerfLiveError
from engine.events import Event
from engine.sound.fluidsynth import Synthesizer


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
    """Plays on the system's default audio device, at the device's own sample rate.

    Raises PerfLiveError when there is no device or it cannot be opened. ``underruns`` counts the blocks that came too late.
    """

    def __init__(self, sound_font: Path | None = None):
        sounddevice = load_sounddevice()
        if not list_audio_devices():
            raise PerfLiveError("no audio device was found; connect one or start the audio server, and look with --list")
        self.underruns = 0
        try:
            device = sounddevice.query_devices(kind="output")
            self.device_name = str(device["name"])
            self._synthesizer = Synthesizer(sound_font, int(device["default_samplerate"]))
            self._stream = sounddevice.OutputStream(
                samplerate=self._synthesizer.sample_rate, channels=2, dtype="float32", latency="low", callback=self._play
            )
            self._stream.start()
        except sounddevice.PortAudioError as error:
            reason = str(error.args[0])
            raise PerfLiveError(f"the audio device could not be opened ({reason}); close what else uses it") from error

    def start(self, origin_ns: int) -> None:
        pass

    def send(self, event: Event) -> None:
        """Sound the message at once: the caller calls when it is due."""
        self._synthesizer.send(event.message)

    def close(self) -> None:
        """Let what is in the device's buffer sound, then give the device back."""
        self._stream.stop()
        self._stream.close()
        self._synthesizer.close()

    abort = close

    def _play(self, output: np.ndarray, frames: int, time: Any, status: Any) -> None:
        if status.output_underflow:
            self.underruns += 1
        output[:] = self._synthesizer.render(frames)
