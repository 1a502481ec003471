"""What stands between a synthesizer and the ear: limiter, resampler, files of every width, and rendering ahead."""

import struct
import threading
import wave
from pathlib import Path

import numpy as np
import pytest

from engine.base.errors import PerfLiveError, UsageError
from engine.sound.buffered import BufferedSynthesizer
from engine.sound.limiter import CEILING, STEP_FRAMES, Limiter
from engine.sound.options import NEURAL, SoundOptions
from engine.sound.resampling import ResampledSynthesizer, Resampler
from engine.sound.wav_file import WavFile, encode

RATE = 44100


def sine(frequency: float, frames: int, rate: int = RATE, peak: float = 1.0) -> np.ndarray:
    return (peak * np.sin(2 * np.pi * frequency * np.arange(frames) / rate)).astype(np.float32)[:, None].repeat(2, axis=1)


class Sines:
    """A synthesizer that sounds a sine from its third block on, whatever it is sent, and counts."""

    sample_rate, latency_frames = RATE, 100

    def __init__(self, fails_after: int = 10**9):
        self.sent: list[bytes] = []
        self.places: list[int] = []
        self.rendered, self.closed, self._fails_after = 0, False, fails_after

    def send(self, message: bytes) -> None:
        self.sent.append(message)
        self.places.append(self.rendered)

    def render(self, frames: int) -> np.ndarray:
        if self.rendered >= self._fails_after:
            raise OSError("broken")
        self.rendered += frames
        times = np.arange(self.rendered - frames, self.rendered) / RATE
        return (np.sin(2 * np.pi * 440 * times) / 2).astype(np.float32)[:, None].repeat(2, axis=1)

    def close(self) -> None:
        self.closed = True


def test_what_is_not_too_loud_is_left_alone_but_for_its_gain() -> None:
    quiet = sine(440, 1000, peak=0.4)
    np.testing.assert_array_equal(Limiter(RATE).process(quiet), quiet)
    np.testing.assert_allclose(Limiter(RATE, 6).process(quiet), quiet * 10 ** (6 / 20), rtol=1e-6)
    assert len(Limiter(RATE).process(quiet[:0])) == 0


@pytest.mark.parametrize("size", [1, 63, 64, 1000, 44100])
def test_nothing_goes_beyond_full_scale_and_quiet_sound_comes_back(size: int) -> None:
    sound = np.concatenate([sine(440, RATE // 4, peak=0.5), sine(440, RATE // 4, peak=4.0), sine(440, RATE // 2, peak=0.5)])
    limiter = Limiter(RATE)
    limited = np.concatenate([limiter.process(sound[at : at + size]) for at in range(0, len(sound), size)])
    assert np.abs(limited).max() <= CEILING + 1e-6
    np.testing.assert_array_equal(limited[: RATE // 4 - 1000], sound[: RATE // 4 - 1000])
    np.testing.assert_allclose(limited[-1000:], sound[-1000:], atol=1e-6)
    loud = limited[RATE // 4 + 2000 : RATE // 2 - 2000]
    assert np.abs(loud).max() > 0.9


def test_the_limiter_turns_down_without_a_step() -> None:
    sound = np.full((RATE, 2), 0.5, np.float32)
    sound[RATE // 2 : RATE // 2 + 100] = 5.0
    gain = Limiter(RATE).process(sound) / sound
    assert gain.min() == pytest.approx(CEILING / 5, rel=0.01)
    assert np.abs(np.diff(gain[:, 0])).max() < 1.1 * (1 - CEILING / 5) / STEP_FRAMES  # a straight line, at the steepest


@pytest.mark.parametrize(("rate", "size"), [(48000, 1000), (96000, 7), (22050, 441), (44101, 64)])
def test_a_resampled_sine_is_that_sine(rate: int, size: int) -> None:
    sound = sine(1000, 8820)
    resampler = Resampler(RATE, rate, 2)
    made = np.concatenate([resampler.process(sound[at : at + size]) for at in range(0, len(sound), size)])
    latency = resampler.latency_frames
    assert abs(len(made) - 8820 * rate / RATE) <= 1
    expected = sine(1000, len(made) - latency, rate)
    exact_latency = 49 * rate / RATE
    shift = np.sin(2 * np.pi * 1000 * (np.arange(len(expected)) + latency - exact_latency) / rate)[:, None]
    np.testing.assert_allclose(made[latency:][200:-200], np.repeat(shift, 2, axis=1)[200:-200], atol=1e-3)


def test_resampling_keeps_what_does_not_fit_out() -> None:
    resampler = Resampler(RATE, 22050, 2)
    made = resampler.process(sine(15000, 44100))
    assert np.abs(made[1000:]).max() < 1e-3


def test_a_resampled_synthesizer_gives_as_many_frames_as_asked_for() -> None:
    inner = Sines()
    synthesizer = ResampledSynthesizer(inner, 48000)
    blocks = [synthesizer.render(size) for size in (1, 64, 1000, 333)]
    assert [len(block) for block in blocks] == [1, 64, 1000, 333]
    sound = np.concatenate(blocks)[synthesizer.latency_frames :, 0]
    assert synthesizer.latency_frames == 53 + 109
    times = np.arange(len(sound)) / 48000 + 100 / RATE
    np.testing.assert_allclose(sound, np.sin(2 * np.pi * 440 * times) / 2, atol=0.02)
    synthesizer.send(b"\x90\x3c\x40")
    synthesizer.close()
    assert inner.sent == [b"\x90\x3c\x40"] and inner.closed


def test_rendering_ahead_gives_the_same_and_never_waits() -> None:
    inner = Sines()
    buffered = BufferedSynthesizer(inner, 256, 1024)
    got, given = 0, []
    ready = threading.Event()
    while got < 5000:
        before = buffered.underruns
        block = buffered.render(100)
        if buffered.underruns == before:
            given.append(block)
            got += 100
        else:  # what was ready is given, and silence after it
            heard = np.flatnonzero(np.abs(block[:, 0]) > 0)
            given.append(block[: heard[-1] + 1 if len(heard) else 0])
            got += len(given[-1])
            ready.wait(0.01)
    buffered.close()
    sound = np.concatenate(given)
    np.testing.assert_array_equal(sound[:4000], Sines().render(4000))
    assert buffered.latency_frames == 1280 + 100 and inner.closed


def test_a_message_is_placed_after_what_was_given_whatever_the_blocks() -> None:
    inner = Sines()
    buffered = BufferedSynthesizer(inner, 256, 512)
    places, given = [], 0
    for size in (0, 100, 100, 7, 300, 400):
        while len(buffered.render(0)) or buffered._frames_ready < 512:  # the device is slower than the worker
            threading.Event().wait(0.001)
        buffered.render(size)
        given += size
        buffered.send(bytes((0x90, 60, size % 128)))
        places.append(given + 768)
    while len(inner.places) < len(places):
        buffered.render(min(buffered._frames_ready, 64))
        threading.Event().wait(0.001)
    buffered.close()
    assert inner.places == places and buffered.latency_frames == 768 + 100


def test_what_is_not_ready_is_silence_and_counted() -> None:
    buffered = BufferedSynthesizer(Sines(), 64, 64)
    block = buffered.render(RATE)
    assert len(block) == RATE and not block[-1000:].any()
    assert buffered.underruns == 1
    buffered.close()


def test_a_synthesizer_that_breaks_is_reported() -> None:
    buffered = BufferedSynthesizer(Sines(fails_after=1024), 64, 1024)
    buffered.render(512)
    buffered._worker.join(timeout=10)
    assert isinstance(buffered.error, PerfLiveError) and "the sound cannot go on: broken" in str(buffered.error)
    buffered.close()


def test_samples_of_every_width(tmp_path: Path) -> None:
    samples = np.array([[0.0, 0.5], [-1.0, 2.0], [1.0, -0.25]], np.float32)
    for bits, full in ((16, 32767), (24, 8388607)):
        with WavFile(tmp_path / "a.wav", 48000, 2, bits) as file:
            file.write(samples[:1])
            file.write(samples[1:])
        with wave.open(str(tmp_path / "a.wav")) as read:
            assert (read.getframerate(), read.getsampwidth(), read.getnframes()) == (48000, bits // 8, 3)
            data = np.frombuffer(read.readframes(3), np.uint8).reshape(-1, bits // 8)
        integers = np.concatenate([np.zeros((6, 4 - bits // 8), np.uint8), data], axis=1).view("<i4").ravel() >> 32 - bits
        np.testing.assert_array_equal(integers, np.rint(np.clip(samples.ravel(), -1, 1).astype(float) * full))
    with WavFile(tmp_path / "f.wav", 96000, 1, 32) as file:
        file.write(samples[:, :1])
    data = (tmp_path / "f.wav").read_bytes()
    assert struct.unpack("<I", data[4:8])[0] == len(data) - 8
    assert struct.unpack("<HHI", data[20:28]) == (3, 1, 96000)
    assert data[36:48] == b"fact" + struct.pack("<II", 4, 3) and data[48:52] == b"data"
    np.testing.assert_array_equal(np.frombuffer(data[56:], "<f4"), samples[:, 0])
    assert encode(samples[:1, :1], 24) == b"\0\0\0"


def test_a_chunk_of_odd_length_is_filled_up(tmp_path: Path) -> None:
    with WavFile(tmp_path / "a.wav", 44100, 1, 24) as file:
        file.write(np.zeros((1, 1), np.float32))
    data = (tmp_path / "a.wav").read_bytes()
    assert len(data) == 48 and struct.unpack("<I", data[4:8])[0] == 40 and struct.unpack("<I", data[40:44])[0] == 3


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (SoundOptions(sample_rate=44000), "--rate 44000: allowed: 22050, 44100, 48000"),
        (SoundOptions(bits=8), "--bits 8: allowed: 16, 24, and 32"),
        (SoundOptions(NEURAL, font=Path("a.sf2")), "--soundfont is for FluidSynth"),
    ],
)
def test_what_is_not_allowed_is_one_line(options: SoundOptions, said: str) -> None:
    with pytest.raises(UsageError, match=said):
        options.check()
