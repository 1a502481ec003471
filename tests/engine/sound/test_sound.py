"""Sound through the real FluidSynth: level, length, every kind of message; and what is said when something is missing."""

import sys
import time
import wave
from pathlib import Path

import numpy as np
import pytest

from engine.base.errors import PerfLiveError
from engine.midi.events import Event, control_change, note_off, note_on
from engine.sound import fluidsynth, wav_file
from engine.sound.fluidsynth import FluidSynthesizer, find_sound_font, load_fluidsynth
from engine.sound.options import SoundOptions
from engine.sound.wav import WavSink

SECOND_NS = 1_000_000_000
SAMPLE_RATE = 44100


def read_wav(path: Path) -> np.ndarray:
    """Return the samples, shape (frames, 2), in -1 to 1."""
    with wave.open(str(path)) as file:
        assert (file.getnchannels(), file.getsampwidth(), file.getframerate()) == (2, 2, SAMPLE_RATE)
        return np.frombuffer(file.readframes(file.getnframes()), "<i2").reshape(-1, 2) / 32768


def level(samples: np.ndarray) -> float:
    return float(np.sqrt((samples.astype(float) ** 2).mean()))


def sound_of(*messages: bytes, frames: int = SAMPLE_RATE // 2, drums: bool = True) -> np.ndarray:
    synthesizer = FluidSynthesizer(drums=drums)
    for message in messages:
        synthesizer.send(message)
    samples = synthesizer.render(frames)
    synthesizer.close()
    return samples


@pytest.mark.sound
def test_silence_is_silent_and_a_higher_velocity_is_louder() -> None:
    levels = [level(sound_of(note_on(0, 60, velocity))) for velocity in (20, 64, 110)]
    assert level(sound_of()) < 1e-5 < levels[0] < levels[1] < levels[2]


@pytest.mark.sound
def test_channel_10_is_a_piano_where_there_are_no_drums() -> None:
    piano = sound_of(note_on(0, 60, 90))
    assert np.array_equal(sound_of(note_on(9, 60, 90), drums=False), piano)
    assert not np.array_equal(sound_of(note_on(9, 60, 90)), piano)


@pytest.mark.sound
def test_full_hands_at_full_force_stay_inside_the_range(tmp_path: Path) -> None:
    sink = WavSink(tmp_path / "loud.wav", SoundOptions(bits=32))
    sink.start(0)
    for message in (control_change(0, 64, 127), *(note_on(0, pitch, 127) for _ in range(4) for pitch in range(30, 100))):
        sink.send(Event(0, message))
    sink.close()
    samples = np.frombuffer((tmp_path / "loud.wav").read_bytes()[56:], "<f4")  # 12 + 24 + 12 + 8 bytes of header
    assert 0.9 < np.abs(samples).max() <= 0.98


@pytest.mark.sound
def test_reverb_rings_on_and_none_does_not() -> None:
    tails = []
    for reverb in (0, 0.3, 1):
        synthesizer = FluidSynthesizer(reverb=reverb)
        synthesizer.send(note_on(0, 84, 127))
        synthesizer.render(SAMPLE_RATE // 10)
        synthesizer.send(control_change(0, 120, 0))
        synthesizer.render(SAMPLE_RATE // 20)
        tails.append(level(synthesizer.render(SAMPLE_RATE // 10)))
        synthesizer.close()
    assert tails[0] < 1e-6 < tails[1] < tails[2]


@pytest.mark.sound
def test_a_wav_is_as_asked_for(tmp_path: Path) -> None:
    levels = []
    for number, options in enumerate((SoundOptions(sample_rate=48000, bits=24), SoundOptions(sample_rate=48000, bits=24, gain_db=-6))):
        path = tmp_path / f"{number}.wav"
        sink = WavSink(path, options)
        sink.start(0)
        sink.send(Event(SECOND_NS, note_on(0, 60, 100)))
        sink.send(Event(2 * SECOND_NS, note_off(0, 60)))
        sink.close()
        with wave.open(str(path)) as file:
            assert (file.getnchannels(), file.getsampwidth(), file.getframerate()) == (2, 3, 48000)
            data = np.frombuffer(file.readframes(file.getnframes()), np.uint8).reshape(-1, 2, 3)
        samples = (np.pad(data, ((0, 0), (0, 0), (1, 0))).view("<i4")[..., 0] / 2**31).astype(float)
        assert level(samples[:47000]) < 1e-4 < level(samples[48000:96000])
        levels.append(level(samples))
    assert levels[1] / levels[0] == pytest.approx(10 ** (-6 / 20), rel=1e-3)


@pytest.mark.sound
@pytest.mark.parametrize(
    "message",
    [
        bytes((0xC0, 48)),  # program change: strings
        bytes((0xE0, 0, 127)),  # pitch bend
        control_change(0, 7, 20),  # volume
        control_change(0, 10, 0),  # pan
        bytes((0xD0, 127)),  # channel aftertouch: vibrato
        bytes((0xB0, 1, 127)),  # modulation
    ],
)
def test_channel_messages_change_the_sound(message: bytes) -> None:
    assert not np.array_equal(sound_of(message, note_on(0, 60, 90)), sound_of(note_on(0, 60, 90)))


@pytest.mark.sound
def test_what_means_nothing_to_a_synthesizer_does_no_harm() -> None:
    nothing = [b"\xf8", b"\xfe", b"\xf0\x7e\x7f\x09\x01\xf7", bytes((0xA0, 60, 90)), bytes((0xF2, 1, 2)), bytes((0xF0, 0xF7))]
    assert np.array_equal(sound_of(*nothing, note_on(0, 60, 90)), sound_of(note_on(0, 60, 90)))


@pytest.mark.sound
@pytest.mark.parametrize("release", [note_off(0, 60), note_on(0, 60, 0)])
def test_a_released_note_ends_unless_the_pedal_holds_it(release: bytes) -> None:
    synthesizer = FluidSynthesizer()
    ends = []
    for pedal in (0, 127):
        for message in (control_change(0, 64, pedal), note_on(0, 60, 90)):
            synthesizer.send(message)
        synthesizer.render(SAMPLE_RATE // 2)
        synthesizer.send(release)
        synthesizer.render(SAMPLE_RATE)
        ends.append(level(synthesizer.render(SAMPLE_RATE // 4)))
    synthesizer.close()
    assert ends[0] < ends[1] / 10


@pytest.mark.sound
def test_wav_has_each_event_in_its_place_and_lets_the_tail_ring_out(tmp_path: Path) -> None:
    path = tmp_path / "take.wav"
    sink = WavSink(path)
    sink.start(7 * SECOND_NS)
    sink.send(Event(8 * SECOND_NS, note_on(0, 60, 100)))
    sink.send(Event(9 * SECOND_NS, note_off(0, 60)))
    assert not path.exists()
    sink.close()
    samples = read_wav(path)
    assert level(samples[: int(0.99 * SAMPLE_RATE)]) < 1e-4
    assert level(samples[SAMPLE_RATE : int(1.5 * SAMPLE_RATE)]) > 1e-3
    assert 2 * SAMPLE_RATE < len(samples) < 14 * SAMPLE_RATE
    assert level(samples[-1000:]) < 1e-3
    assert [entry.name for entry in tmp_path.iterdir()] == ["take.wav"]


@pytest.mark.sound
def test_the_same_events_give_the_same_file(tmp_path: Path) -> None:
    for name in ("a.wav", "b.wav"):
        sink = WavSink(tmp_path / name)
        sink.start(0)
        for number in range(20):
            sink.send(Event(number * SECOND_NS // 20, note_on(0, 50 + number, 80)))
        sink.send(Event(SECOND_NS, control_change(0, 123, 0)))
        sink.close()
    assert (tmp_path / "a.wav").read_bytes() == (tmp_path / "b.wav").read_bytes()


@pytest.mark.sound
def test_a_wav_that_is_full_is_kept_and_closing_it_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(wav_file, "MOST_BYTES", 4 * SAMPLE_RATE)
    sink = WavSink(tmp_path / "week.wav")
    sink.start(0)
    for second in range(5000):  # more than wait in the queue
        sink.send(Event(second * 1_000_000_000, note_on(0, 60, 100)))
    with pytest.raises(PerfLiveError, match="the most that a WAV file can"):
        sink.close()
    with wave.open(str(tmp_path / "week.wav")) as file:
        assert file.getnframes() == SAMPLE_RATE


def test_an_abandoned_wav_leaves_nothing(tmp_path: Path) -> None:
    sink = WavSink(tmp_path / "take.wav")
    sink.start(0)
    sink.send(Event(SECOND_NS, note_on(0, 60, 100)))
    sink.abort()
    WavSink(tmp_path / "never_started.wav").abort()
    assert list(tmp_path.iterdir()) == []


@pytest.mark.sound
def test_a_tail_that_fails_is_reported(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(self: WavSink, file: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(WavSink, "_write", fail)
    sink = WavSink(tmp_path / "take.wav")
    sink.start(0)
    sink.send(Event(0, note_on(0, 60, 100)))
    with pytest.raises(PerfLiveError, match="No space left on device"):
        sink.close()
    assert list(tmp_path.iterdir()) == []


@pytest.mark.sound
def test_a_rendering_that_fails_is_reported_and_never_waited_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(self: WavSink, file: object) -> None:
        while not self._events.full():  # the sender is now about to wait for room
            time.sleep(0.001)
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(WavSink, "_write", fail)
    sink = WavSink(tmp_path / "take.wav")
    sink.start(0)
    with pytest.raises(PerfLiveError, match="take.wav.*No space left on device"):
        for number in range(20_000):  # many more than the queue holds
            sink.send(Event(number * SECOND_NS, note_on(0, 60, 100)))
    with pytest.raises(PerfLiveError, match="No space left on device"):
        sink.close()
    assert list(tmp_path.iterdir()) == []


def test_a_missing_sound_font_is_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(PerfLiveError, match=r"nothing.sf2': there is no such file; give an .sf2 or .sf3 file with --soundfont"):
        find_sound_font(tmp_path / "nothing.sf2")
    monkeypatch.setattr(fluidsynth, "SOUND_FONT_FOLDERS", (str(tmp_path),))
    with pytest.raises(PerfLiveError, match="install timgm6mb-soundfont"):
        find_sound_font()
    (tmp_path / "default.sf2").touch()
    assert find_sound_font() == tmp_path / "default.sf2"


@pytest.mark.sound
@pytest.mark.parametrize("content", [b"", b"not a sound font", b"RIFF\x00\x00\x00\xf0sfbk", b"RIFF\x04\x00\x00\x00sfbk"])
def test_a_file_that_is_no_sound_font_is_one_line(content: bytes, tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "bad.sf2"
    path.write_bytes(content)
    with pytest.raises(PerfLiveError, match="not a sound font that FluidSynth can read"):
        FluidSynthesizer(path)
    assert capfd.readouterr().err == ""


def test_a_missing_library_is_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "fluidsynth", None)
    load_fluidsynth.cache_clear()
    with pytest.raises(PerfLiveError, match="install libfluidsynth3 with apt") as raised:
        load_fluidsynth()
    assert "\n" not in str(raised.value)
