"""The reverb of a room for sound that is dry. NumPy only, deterministic, block by block.

A feedback delay network: what leaves its delay lines, fading the faster the higher it is, enters them again, mixed by a Householder
reflection, which keeps its energy. Jot, Chaigne, "Digital delay networks for designing artificial reverberators", AES Convention 90, 1991.
"""

import numpy as np

from engine.sound.synthesizer import Synthesizer

LINES_S = (0.0233, 0.0277, 0.0307, 0.0353, 0.0401, 0.0447, 0.0509, 0.0571)
FADE_S = 1.2  # in which low sound fades by 60 dB
DAMPING = 0.2  # of what a line gives, the share that is the sample before
WET = 0.03  # of the sound's amplitude that enters, at level 1: as loud a room as FluidSynth's

_LEAST = 1e-15  # less is silence: very small numbers cost time
_LEFT_RIGHT = np.array([[1, -1, 1, -1, 1, -1, 1, -1], [1, 1, -1, -1, 1, 1, -1, -1]], np.float32)


class Reverb:
    """Adds the reverberation of a room to sound; ``level`` is from 0, none, to 1. Its state is bounded."""

    def __init__(self, sample_rate: int, level: float):
        self._level = np.float32(level * WET)
        lengths = [round(seconds * sample_rate) | 1 for seconds in LINES_S]
        self._block = min(lengths)
        self._lines = [np.zeros(length, np.float32) for length in lengths]
        self._last = np.zeros((len(lengths), 1), np.float32)  # what each line gave last
        self._fading = np.array([[10 ** (-3 * length / (FADE_S * sample_rate))] for length in lengths], np.float32)

    def process(self, samples: np.ndarray) -> np.ndarray:
        """Return ``samples`` (frames, 2) float32 with their reverberation."""
        blocks = [samples[begin : begin + self._block] for begin in range(0, len(samples), self._block)]
        return np.concatenate([samples[:0], *(block + self._answer(block.mean(axis=1)) for block in blocks)])

    def _answer(self, entering: np.ndarray) -> np.ndarray:
        """Take mono samples, no more than the shortest line has, and return the reverberation (frames, 2) meanwhile."""
        frames = len(entering)
        given = np.stack([line[:frames] for line in self._lines])
        before = np.concatenate([self._last, given[:, :-1]], axis=1)
        self._last = given[:, -1:]
        faded = self._fading * ((1 - DAMPING) * given + DAMPING * before)
        mixed = faded - np.float32(2 / len(faded)) * sum(faded) + self._level * entering  # sums row by row: to the bit, in any portions
        mixed[np.abs(mixed) < _LEAST] = 0
        self._lines = [np.concatenate([line[frames:], new]) for line, new in zip(self._lines, mixed, strict=True)]
        return sum(line[:, None] * sides for line, sides in zip(given, _LEFT_RIGHT.T, strict=True))


class ReverberatedSynthesizer:
    """A synthesizer in a room (see engine/sound/synthesizer.py)."""

    def __init__(self, synthesizer: Synthesizer, level: float):
        self._synthesizer = synthesizer
        self._reverb = Reverb(synthesizer.sample_rate, level)
        self.sample_rate = synthesizer.sample_rate
        self.latency_frames = synthesizer.latency_frames

    def send(self, message: bytes) -> None:
        self._synthesizer.send(message)

    def render(self, frames: int) -> np.ndarray:
        return self._reverb.process(self._synthesizer.render(frames))

    def close(self) -> None:
        self._synthesizer.close()
