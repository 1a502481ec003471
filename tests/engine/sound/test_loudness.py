"""Loudness: the values of Recommendation ITU-R BS.1770-4 and the test signals of EBU Tech 3341 (table 1)."""

import wave
from pathlib import Path

import numpy as np
import pytest
from scipy.signal import lfilter

from engine.base.errors import UsageError
from engine.commands.sound_options import SoundFlags
from engine.midi.events import Event, note_off, note_on
from engine.sound.loudness import LoudnessMeter, head_filter, low_cut_filter
from engine.sound.options import SoundOptions
from engine.sound.wav import WavSink

# BS.1770-4, tables 1 and 2, at 48 kHz.
HEAD = (1.53512485958697, -2.69169618940638, 1.19839281085285), (1.0, -1.69065929318241, 0.73248077421585)
LOW_CUT = (1.0, -2.0, 1.0), (1.0, -1.99004745483398, 0.99007225036621)
RATE = 48000
SECOND_NS = 1_000_000_000


def tones(*parts: tuple[float, float], rate: int = RATE, frequency_hz: float = 1000.0) -> np.ndarray:
    """Return a stereo sine in phase on both sides; each part is its peak in dBFS and its seconds."""
    levels = np.concatenate([np.full(round(seconds * rate), 10 ** (level / 20)) for level, seconds in parts])
    sine = levels * np.sin(2 * np.pi * frequency_hz * np.arange(len(levels)) / rate)
    return np.stack([sine, sine], axis=1).astype(np.float32)


def measured(samples: np.ndarray, rate: int = RATE, piece: int = 30_011) -> float:
    meter = LoudnessMeter(rate)
    for begin in range(0, len(samples), piece):
        meter.hear(samples[begin : begin + piece])
    return meter.integrated_lufs()


def test_the_filters_are_the_recommendations() -> None:
    for mine, published in ((head_filter(RATE), HEAD), (low_cut_filter(RATE), LOW_CUT)):
        assert np.allclose(mine.forward, published[0], atol=1e-8)
        assert np.allclose(mine.backward, published[1], atol=1e-8)


@pytest.mark.parametrize("rate", [22050, 44100, 48000, 96000])
def test_a_sine_at_full_scale_in_one_channel_is_three_below_zero(rate: int) -> None:
    sine = tones((0, 3), rate=rate, frequency_hz=997)
    sine[:, 1] = 0
    assert measured(sine, rate) == pytest.approx(-3.01, abs=0.05)


@pytest.mark.parametrize(
    ("parts", "lufs"),
    [
        ([(-23, 20)], -23),
        ([(-33, 20)], -33),
        ([(-36, 10), (-23, 60), (-36, 10)], -23),  # the relative gate
        ([(-72, 10), (-36, 10), (-23, 60), (-36, 10), (-72, 10)], -23),  # and the absolute one
        ([(-26, 20), (-20, 20.1), (-26, 20)], -23),
    ],
)
def test_the_signals_of_tech_3341_read_as_they_must(parts: list[tuple[float, float]], lufs: float) -> None:
    assert measured(tones(*parts)) == pytest.approx(lufs, abs=0.1)


def test_silence_has_no_loudness_and_how_sound_is_cut_up_makes_no_difference() -> None:
    assert measured(np.zeros((RATE, 2), np.float32)) == measured(np.zeros((0, 2), np.float32)) == -np.inf
    sound = tones((-20, 1.73))
    assert measured(sound, piece=1_000_003) == pytest.approx(measured(sound, piece=997), abs=1e-6)
    assert measured(tones((-20, 0.2))) == pytest.approx(-23, abs=0.1)  # half a block of sound, half of silence


def read(path: Path) -> np.ndarray:
    with wave.open(str(path)) as file:
        return np.frombuffer(file.readframes(file.getnframes()), "<i2").reshape(-1, 2) / 2**15


def by_the_book(samples: np.ndarray) -> float:
    """Return the loudness of sound at 48 kHz, filtered sample by sample with the published coefficients."""
    weighted = lfilter(*LOW_CUT, lfilter(*HEAD, samples, axis=0), axis=0)
    hop = RATE // 10
    starts = range(0, len(samples) - 4 * hop + 1, hop)
    powers = np.array([(weighted[start : start + 4 * hop] ** 2).mean(axis=0).sum() for start in starts])
    powers = powers[-0.691 + 10 * np.log10(powers + 1e-20) > -70]
    powers = powers[powers > powers.mean() / 10]
    return float(-0.691 + 10 * np.log10(powers.mean()))


@pytest.mark.sound
def test_a_file_is_as_loud_as_asked_however_loud_its_notes_are(tmp_path: Path) -> None:
    heard = []
    for velocity, options in (
        (30, SoundOptions(sample_rate=RATE)),
        (110, SoundOptions(sample_rate=RATE)),
        (110, SoundOptions(sample_rate=RATE, loudness_lufs=-30)),
        (110, SoundOptions(sample_rate=RATE, loudness_lufs=-30, gain_db=6)),
        (110, SoundOptions(sample_rate=RATE, loudness_lufs=None)),
        (30, SoundOptions(sample_rate=RATE, loudness_lufs=None)),
    ):
        sink = WavSink(tmp_path / "take.wav", options)
        sink.start(0)
        for number in range(12):
            sink.send(Event(number * SECOND_NS // 4, note_on(0, 55 + number, velocity)))
            sink.send(Event((number + 1) * SECOND_NS // 4, note_off(0, 55 + number)))
        sink.close()
        samples = read(tmp_path / "take.wav")
        assert np.abs(samples).max() < 0.99
        heard.append(by_the_book(samples))
        assert [entry.name for entry in tmp_path.iterdir()] == ["take.wav"]
    assert heard[:4] == pytest.approx([-18, -18, -30, -24], abs=0.15)
    assert heard[4] > heard[5] + 6


def test_loudness_on_the_command_line() -> None:
    assert SoundFlags(bits=24).options().loudness_lufs == -18
    assert SoundFlags(loudness="off").options().loudness_lufs is None
    assert SoundFlags(loudness="-23").options().loudness_lufs == -23
    for said in ("loud", "3", "-70", "nan"):
        with pytest.raises(UsageError, match=f"--loudness '{said}': allowed: -60 to -6 LUFS, and off"):
            SoundFlags(loudness=said).options()
