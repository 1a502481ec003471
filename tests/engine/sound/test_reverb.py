"""The room of dry sound: what it answers, and that portions do not matter."""

import pickle

import numpy as np
import pytest

from engine.sound.reverb import LINES_S, Reverb

RATE = 44100


def click(seconds: float) -> np.ndarray:
    samples = np.zeros((int(seconds * RATE), 2), np.float32)
    samples[0] = 1
    return samples


def answer(samples: np.ndarray, level: float = 0.9, portion: int = 1000) -> np.ndarray:
    reverb = Reverb(RATE, level)
    return np.concatenate([reverb.process(samples[begin : begin + portion]) for begin in range(0, len(samples), portion)]) - samples


def test_no_reverb_leaves_sound_as_it_is() -> None:
    assert not answer(click(0.5), level=0).any()


def test_a_room_answers_late_fades_and_is_as_loud_as_is_said() -> None:
    heard = answer(click(2.0))
    first = round(LINES_S[0] * RATE)
    assert not heard[: first - 1].any() and heard[first - 1 : first + 2].any()
    levels = [float((span**2).mean()) for span in np.split(heard[: RATE * 3 // 2], 5)]
    assert all(after < before / 20 for before, after in zip(levels, levels[1:], strict=False))
    np.testing.assert_allclose(answer(click(0.5), level=0.3), answer(click(0.5)) / 3, atol=1e-6)


def test_both_sides_hear_another_answer() -> None:
    heard = answer(click(1.0))
    assert abs(np.corrcoef(heard.T)[0, 1]) < 0.3


def test_high_sound_fades_faster() -> None:
    heard = answer(click(2.0))[RATE // 2 :, 0]
    power = np.abs(np.fft.rfft(heard)) ** 2
    assert power[len(power) // 2 :].mean() < 0.2 * power[: len(power) // 4].mean()


@pytest.mark.parametrize("portion", [1, 64, 1027, 3000, 30_000])
def test_portions_do_not_matter(portion: int) -> None:
    noise = np.random.default_rng(0).normal(0, 0.1, (6000, 2)).astype(np.float32)
    np.testing.assert_array_equal(answer(noise, portion=portion), answer(noise, portion=777))


def test_it_becomes_silent_and_its_state_does_not_grow() -> None:
    reverb, sizes = Reverb(RATE, 1.0), []
    reverb.process(click(0.1))
    for _ in range(80):
        rest = reverb.process(np.zeros((4096, 2), np.float32))
        sizes.append(len(pickle.dumps(reverb)))
    assert not rest.any() and max(sizes) == sizes[0]
