"""The sound card, over a JACK server without one."""

import subprocess
import sys
from pathlib import Path

import pytest
from synthetic_sound import write

from engine.base.errors import PerfLiveError
from engine.midi.events import Event, note_off, note_on
from engine.midi.file import write_midi_file
from engine.sound.audio import load_sounddevice

PLAY_ONE_NOTE = """
import time
from engine.midi.events import Event, control_change, note_on
from engine.sound.audio import AudioSink, list_audio_devices

assert list_audio_devices()
sink = AudioSink()
voices = sink._synthesizer._synth.get_active_voice_count
sink.start(0)
sink.send(Event(0, note_on(0, 60, 100)))
assert voices() > 0
sink.send(Event(0, control_change(0, 120, 0)))  # all sound off
deadline = time.monotonic() + 20
while voices() and time.monotonic() < deadline:  # a voice ends only in samples that somebody pulls
    time.sleep(0.01)
assert voices() == 0
assert sink.underruns >= 0
sink.close()
"""


@pytest.mark.jack
@pytest.mark.sound
def test_the_device_pulls_the_sound(jack_server: str) -> None:
    # In a process of its own: PortAudio looks for servers once, and does not forgive one that ends before it does.
    played = subprocess.run([sys.executable, "-c", PLAY_ONE_NOTE], capture_output=True, text=True, timeout=60)
    assert (played.returncode, played.stderr) == (0, "")


PLAY_NEURALLY = """
import sys, time
from engine.midi.events import Event, note_off, note_on
from engine.sound.performance_net import synthesizer as neural
from engine.sound.audio import AudioSink
from engine.sound.performance_net.stream import open_model
from engine.sound.options import NEURAL, SoundOptions

model = open_model(sys.argv[1])
neural.load_sound_model = lambda path=None: model
heard = []
render = AudioSink._render

def listen(self, frames):
    sound = render(self, frames)
    heard.append(float(abs(sound).max()))
    return sound

AudioSink._render = listen
sink = AudioSink(SoundOptions(NEURAL))
assert 0.1 < sink.latency_s < 0.5
sink.start(0)
assert max(heard, default=0) == 0
sink.send(Event(0, note_on(0, 69, 100)))
deadline = time.monotonic() + 20
while max(heard, default=0) < 0.01 and time.monotonic() < deadline:
    time.sleep(0.01)
assert max(heard) > 0.01
sink.send(Event(0, note_off(0, 69)))
while heard[-1] > 1e-3 and time.monotonic() < deadline:
    time.sleep(0.01)
assert heard[-1] < 1e-3
sink.close()
assert sink.underruns >= 0
"""


@pytest.mark.jack
def test_the_neural_synthesizer_plays_on_the_device(jack_server: str, tmp_path: Path) -> None:
    model = write(tmp_path / "sines.onnx")
    command = [sys.executable, "-c", PLAY_NEURALLY, str(model)]
    played = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert (played.returncode, played.stderr) == (0, "")


PUMP = """
import threading, time
import numpy as np
from engine.base.errors import PerfLiveError
from engine.sound.audio import load_sounddevice
from engine.sound.pump import WRITTEN_FRAMES, Pump

late, fails = threading.Event(), threading.Event()
written = []

def render(frames):
    assert frames == WRITTEN_FRAMES
    if late.is_set():
        late.clear()
        time.sleep(0.5)  # much longer than the stream holds sound for
    if fails.is_set():
        raise PerfLiveError("no more sound")
    written.append(frames)
    return np.zeros((frames, 2), np.float32)

def wait_for(condition):
    deadline = time.monotonic() + 20
    while not condition() and time.monotonic() < deadline:
        time.sleep(0.01)
    assert condition()

stream = load_sounddevice().OutputStream(samplerate=48_000, channels=2, dtype="float32", latency=0.04)
pump = Pump(stream, render)
assert 0.04 * 48_000 <= pump.latency_frames < 48_000
wait_for(lambda: sum(written) > 2 * pump.latency_frames)
before = pump.underruns
late.set()
wait_for(lambda: pump.underruns > before)
assert pump.error is None
fails.set()
wait_for(lambda: pump.error is not None)
assert str(pump.error) == "no more sound"
pump.end()
stream.stop()
stream.close()
"""


@pytest.mark.jack
def test_a_pump_counts_when_the_stream_runs_dry_and_says_why_it_ends(jack_server: str) -> None:
    pumped = subprocess.run([sys.executable, "-c", PUMP], capture_output=True, text=True, timeout=180)
    assert (pumped.returncode, pumped.stderr) == (0, "")


@pytest.mark.jack
@pytest.mark.sound
def test_a_file_is_played_on_the_sound_card(jack_server: str, tmp_path: Path) -> None:
    path = tmp_path / "short.mid"
    write_midi_file(path, [Event(0, note_on(0, 60, 100)), Event(200_000_000, note_off(0, 60))])
    command = [Path(sys.executable).with_name("perf-live"), "--in", str(path), "--out", "audio", "--performer", "passthrough"]
    played = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert (played.returncode, played.stderr) == (0, "")
    assert "ready: " in played.stdout and "\n1 note played, " in played.stdout


def test_a_missing_library_is_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise OSError("PortAudio library not found")

    class Finder:
        find_spec = staticmethod(refuse)

    monkeypatch.delitem(sys.modules, "sounddevice", raising=False)
    monkeypatch.setattr(sys, "meta_path", [Finder, *sys.meta_path])
    with pytest.raises(PerfLiveError, match="install libportaudio2"):
        load_sounddevice()
