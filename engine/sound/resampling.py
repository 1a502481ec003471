"""Converts sound from one sample rate to another as it comes, by band-limited interpolation. NumPy only."""

from fractions import Fraction
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from engine.sound.synthesizer import Synthesizer

_TAPS = 48  # samples on each side that a new one is made of
_BETA = 9.0  # of the Kaiser window: images and aliases are 90 dB down
_ROLL_OFF = 0.94


class Resampler:
    """Takes and gives blocks (frames, channels) float32; ``latency_frames`` of its output come before its input is heard."""

    def __init__(self, from_rate: int, to_rate: int, channels: int):
        ratio = Fraction(to_rate, from_rate)
        self._up, self._down = ratio.numerator, ratio.denominator
        self.latency_frames = round((_TAPS + 1) * ratio)
        self._kernels = _kernels(self._up, _ROLL_OFF * min(1.0, float(ratio)))
        self._waiting = np.zeros((2 * _TAPS, channels), np.float32)
        self._phase = 0  # of the next sample, in 1 / up of an input sample after the first one waiting

    def process(self, samples: np.ndarray) -> np.ndarray:
        """Return the samples that can be made now."""
        self._waiting = np.concatenate([self._waiting, samples])
        ready = (len(self._waiting) - 2 * _TAPS) * self._up - self._phase
        count = max(-(-ready // self._down), 0)
        places = self._phase + self._down * np.arange(count)
        first, kernel = places // self._up, places % self._up
        windows = np.lib.stride_tricks.sliding_window_view(self._waiting, 2 * _TAPS, axis=0)
        made = np.einsum("nct,nt->nc", windows[first], self._kernels[kernel])
        after = self._phase + self._down * count
        self._waiting, self._phase = self._waiting[after // self._up :], after % self._up
        return made.astype(np.float32)


class ResampledSynthesizer:
    """A synthesizer at another sample rate than its own."""

    def __init__(self, synthesizer: "Synthesizer", sample_rate: int):
        self._synthesizer = synthesizer
        self._resampler = Resampler(synthesizer.sample_rate, sample_rate, 2)
        self._ready = np.zeros((0, 2), np.float32)
        self.sample_rate = sample_rate
        self.latency_frames = self._resampler.latency_frames + round(synthesizer.latency_frames * sample_rate / synthesizer.sample_rate)

    def send(self, message: bytes) -> None:
        self._synthesizer.send(message)

    def render(self, frames: int) -> np.ndarray:
        while (missing := frames - len(self._ready)) > 0:
            needed = -(-missing * self._synthesizer.sample_rate // self.sample_rate)
            self._ready = np.concatenate([self._ready, self._resampler.process(self._synthesizer.render(needed))])
        rendered, self._ready = self._ready[:frames], self._ready[frames:]
        return rendered

    def close(self) -> None:
        self._synthesizer.close()


def _kernels(up: int, cutoff: float) -> np.ndarray:
    """Return (up, 2 taps) float32: the weights of the surrounding samples for a new one at each fraction after the middle sample."""
    offsets = np.arange(2 * _TAPS) - _TAPS + 1 - np.arange(up)[:, None] / up
    window = np.i0(_BETA * np.sqrt(np.clip(1 - (offsets / _TAPS) ** 2, 0, None))) / np.i0(_BETA)
    kernels = cutoff * np.sinc(cutoff * offsets) * window
    return (kernels / kernels.sum(axis=1, keepdims=True)).astype(np.float32)
