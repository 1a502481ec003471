"""The sound card, over a JACK server without one."""

import subprocess
import sys
from pathlib import Path

import pytest

from engine.errors import PerfLiveError
from engine.events import Event, note_off, note_on
from engine.midi_file import write_midi_file
from engine.sound.audio import load_sounddevice

PLAY_ONE_NOTE = """
import time
from engine.events import Event, control_change, note_on
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


@pytest.mark.jack
@pytest.mark.sound
def test_a_file_is_played_on_the_sound_card(jack_server: str, tmp_path: Path) -> None:
    path = tmp_path / "short.mid"
    write_midi_file(path, [Event(0, note_on(0, 60, 100)), Event(200_000_000, note_off(0, 60))])
    command = [Path(sys.executable).with_name("perf-live"), "--in", str(path), "--out", "audio", "--performer", "passthrough"]
    played = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert (played.returncode, played.stderr) == (0, "")
    assert "ready: " in played.stdout and "finished: 1 notes" in played.stdout


def test_a_missing_library_is_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise OSError("PortAudio library not found")

    class Finder:
        find_spec = staticmethod(refuse)

    monkeypatch.delitem(sys.modules, "sounddevice", raising=False)
    monkeypatch.setattr(sys, "meta_path", [Finder, *sys.meta_path])
    with pytest.raises(PerfLiveError, match="install libportaudio2"):
        load_sounddevice()
