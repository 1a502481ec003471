"""MIDI bytes to sound with FluidSynth and a sound font. The only place that imports pyfluidsynth."""

import contextlib
import ctypes
import functools
import io
from pathlib import Path
from types import ModuleType

import numpy as np

from engine.base.errors import PerfLiveError
from engine.base.quiet import quiet_stderr
from engine.midi.events import (
    CHANNEL_AFTERTOUCH,
    CONTROL_CHANGE,
    DRUM_CHANNEL,
    NOTE_OFF,
    NOTE_ON,
    PITCH_BEND,
    POLYPHONIC_AFTERTOUCH,
    PROGRAM_CHANGE,
    is_channel_message,
)
from engine.sound.options import REVERB

SOUND_FONT_FOLDERS = (
    "/usr/share/sounds/sf2",
    "/usr/share/sounds/sf3",
    "/usr/share/soundfonts",
    "/usr/local/share/soundfonts",
    "/opt/homebrew/share/soundfonts",
    "~/.local/share/soundfonts",
    "~/Library/Audio/Sounds/Banks",
    "C:/soundfonts",
)
SOUND_FONT_NAMES = ("default-GM.sf2", "FluidR3_GM.sf2", "TimGM6mb.sf2", "default.sf2", "default-GM.sf3", "MuseScore_General.sf3")

GAIN = 0.8  # one fortissimo piano note peaks near 0.2 of full scale, ten near 0.5
CHANNELS = 16
MELODIC = 0  # a kind of channel
ALL_SOUND_OFF = 120  # a controller
BLOCK_FRAMES = 64  # FluidSynth takes messages only between blocks of this size: 1.5 ms


@functools.cache
def load_fluidsynth() -> ModuleType:
    """Return the pyfluidsynth module. Raises PerfLiveError that says what to install."""
    try:
        with contextlib.redirect_stdout(io.StringIO()):  # it prints where it found the library when CI is set
            import fluidsynth
    except (ImportError, OSError, AttributeError) as error:
        raise PerfLiveError(
            "sound needs the FluidSynth library, which was not found; install libfluidsynth3 with apt (Linux), "
            "fluid-synth with brew (macOS) or fluidsynth with choco (Windows)"
        ) from error
    silence = _function(fluidsynth, "fluid_set_log_function", ctypes.c_void_p, ctypes.c_int, ctypes.c_void_p, ctypes.c_void_p)
    for level in range(5):  # panic to debug; what goes wrong is reported here, in one line
        silence(level, None, None)
    return fluidsynth


def find_sound_font(given: Path | None = None) -> Path:
    """Return ``given``, or the first sound font in the system's usual places. Raises PerfLiveError when there is none."""
    if given is not None:
        if given.is_file():
            return given
        raise PerfLiveError(f"sound font {str(given)!r}: there is no such file; give an .sf2 or .sf3 file with --soundfont")
    for folder in SOUND_FONT_FOLDERS:
        for name in SOUND_FONT_NAMES:
            path = Path(folder).expanduser() / name
            if path.is_file():
                return path
    raise PerfLiveError("no sound font was found; install timgm6mb-soundfont or fluid-soundfont-gm, or give an .sf2 file with --soundfont")


class FluidSynthesizer:
    """A General MIDI synthesizer (see engine/sound/synthesizer.py).

    ``reverb`` is its level, 0 (none) to 1; ``drums``: whether channel 10 is drums.

    Raises PerfLiveError when FluidSynth or the sound font is missing.
    """

    latency_frames = 0

    def __init__(self, sound_font: Path | None = None, sample_rate: int = 44100, reverb: float = REVERB, drums: bool = True):
        path = find_sound_font(sound_font)
        fluidsynth = load_fluidsynth()
        settings = {"synth.chorus.active": 0, "synth.reverb.active": int(reverb > 0), "synth.reverb.level": float(reverb)}
        settings["synth.polyphony"] = 512
        self._synth = fluidsynth.Synth(gain=GAIN, samplerate=float(sample_rate), channels=CHANNELS, **settings)
        self.sample_rate = sample_rate
        integer, pointer = ctypes.c_int, ctypes.c_void_p
        channel_buffer = (pointer, integer, integer)  # address, offset, stride
        self._write_float = _function(fluidsynth, "fluid_synth_write_float", integer, pointer, integer, *channel_buffer, *channel_buffer)
        self._channel_pressure = _function(fluidsynth, "fluid_synth_channel_pressure", integer, pointer, integer, integer)
        self._key_pressure = _function(fluidsynth, "fluid_synth_key_pressure", integer, pointer, integer, integer, integer)
        with quiet_stderr():
            loaded = self._synth.sfload(str(path), 1) >= 0
        if not loaded:
            self._synth.delete()
            raise PerfLiveError(f"sound font {str(path)!r}: not a sound font that FluidSynth can read; give an .sf2 or .sf3 file")
        if not drums:
            set_kind = _function(fluidsynth, "fluid_synth_set_channel_type", integer, pointer, integer, integer)
            set_kind(self._synth.synth, DRUM_CHANNEL, MELODIC)
            self._synth.bank_select(DRUM_CHANNEL, 0)  # it keeps the drums' bank
            self._synth.program_change(DRUM_CHANNEL, 0)

    def send(self, message: bytes) -> None:
        """Take one complete MIDI message; system messages (exclusive, clock) mean nothing here and are left out."""
        if not is_channel_message(message):
            return
        kind, channel = message[0] & 0xF0, message[0] & 0x0F
        if kind == NOTE_ON and message[2]:
            self._synth.noteon(channel, message[1], message[2])
        elif kind in (NOTE_ON, NOTE_OFF):
            self._synth.noteoff(channel, message[1])
        elif kind == CONTROL_CHANGE:
            self._synth.cc(channel, message[1], message[2])
        elif kind == PROGRAM_CHANGE:
            self._synth.program_change(channel, message[1])
        elif kind == PITCH_BEND:
            self._synth.pitch_bend(channel, (message[1] | message[2] << 7) - 8192)
        elif kind == CHANNEL_AFTERTOUCH:
            self._channel_pressure(self._synth.synth, channel, message[1])
        elif kind == POLYPHONIC_AFTERTOUCH:
            self._key_pressure(self._synth.synth, channel, message[1], message[2])

    def render(self, frames: int) -> np.ndarray:
        """Return the next ``frames`` samples, however loud, float32 of shape (frames, 2)."""
        samples = np.zeros((frames, 2), np.float32)
        address = samples.ctypes.data
        self._write_float(self._synth.synth, frames, address, 0, 2, address, 1, 2)
        return samples

    def reset(self) -> None:
        """Silence everything and forget what was set, as if nothing had been sent."""
        for channel in range(CHANNELS):
            self._synth.cc(channel, ALL_SOUND_OFF, 0)
        self.render(4 * BLOCK_FRAMES)  # voices end in the samples that somebody pulls
        self._synth.system_reset()

    def close(self) -> None:
        """Free the synthesizer; it must not be used afterwards."""
        self._synth.delete()


def _function(fluidsynth: ModuleType, name: str, result: type, *arguments: type):
    """Return a function of the library that pyfluidsynth does not declare."""
    return fluidsynth.cfunc(name, result, *((f"argument{number}", kind, 1) for number, kind in enumerate(arguments)))
