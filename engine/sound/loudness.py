"""Integrated loudness of sound as it passes by: Recommendation ITU-R BS.1770-4, as EBU R 128 asks for.

Sound is weighted by two filters that stand for the head and for the ear, and its power is taken over blocks of 400 ms that overlap by three
quarters. Blocks below -70 LUFS are silence; of the others those count that are not more than 10 LU below their mean.

The recommendation states its filters for 48 kHz. Those of other rates have the same poles and zeros as analogue filters, whose parameters
are B. De Man's ("Evaluation of Implementations of the EBU R128 Loudness Measurement", AES 145th Convention, 2018).
"""

from typing import NamedTuple

import numpy as np

HOP_S, HOPS_A_BLOCK = 0.1, 4
STEP_HOPS = 10  # that are filtered at a time
RESPONSE_HOPS = 2  # after 0.2 s the filters have forgotten everything: what is left is below -300 dB
SILENCE_LUFS = -70.0
RELATIVE_GATE_LU = -10.0
CALIBRATION_LU = -0.691  # a sine of 997 Hz at full scale in one channel is at -3.01 LUFS


class Biquad(NamedTuple):
    """A filter of second order: ``forward`` and ``backward`` (3,) coefficients of 1, z^-1, z^-2; the first of ``backward`` is 1."""

    forward: tuple[float, float, float]
    backward: tuple[float, float, float]


def head_filter(sample_rate: int) -> Biquad:
    """Return the shelf that lifts high frequencies by 4 dB (BS.1770-4, table 1)."""
    frequency_hz, gain_db, quality = 1681.974450955533, 3.999843853973347, 0.7071752369554196
    k = float(np.tan(np.pi * frequency_hz / sample_rate))
    high = 10 ** (gain_db / 20)
    middle = high**0.4996667741545416
    scale = 1 + k / quality + k * k
    forward = (high + middle * k / quality + k * k), 2 * (k * k - high), (high - middle * k / quality + k * k)
    return Biquad((forward[0] / scale, forward[1] / scale, forward[2] / scale), _backward(k, quality))


def low_cut_filter(sample_rate: int) -> Biquad:
    """Return the high-pass filter (BS.1770-4, table 2)."""
    frequency_hz, quality = 38.13547087602444, 0.5003270373238773
    return Biquad((1.0, -2.0, 1.0), _backward(float(np.tan(np.pi * frequency_hz / sample_rate)), quality))


def _backward(k: float, quality: float) -> tuple[float, float, float]:
    scale = 1 + k / quality + k * k
    return 1.0, 2 * (k * k - 1) / scale, (1 - k / quality + k * k) / scale


class LoudnessMeter:
    """Hears sound in pieces of any length; it remembers 80 bytes a second."""

    def __init__(self, sample_rate: int, channels: int = 2):
        self._hop = round(HOP_S * sample_rate)
        frames = (RESPONSE_HOPS + STEP_HOPS) * self._hop
        z = np.exp(-2j * np.pi * np.fft.rfftfreq(frames))
        filters = head_filter(sample_rate), low_cut_filter(sample_rate)
        self._response = np.prod([np.polyval(each.forward[::-1], z) / np.polyval(each.backward[::-1], z) for each in filters], axis=0)
        self._waiting = np.zeros((RESPONSE_HOPS * self._hop, channels), np.float32)  # what was heard last, then what is not filtered yet
        self._powers: list[np.ndarray] = []  # of hops

    def hear(self, samples: np.ndarray) -> None:
        """Take the next ``samples`` (frames, channels)."""
        self._waiting = np.concatenate([self._waiting, samples])
        step, past = STEP_HOPS * self._hop, RESPONSE_HOPS * self._hop
        while len(self._waiting) >= past + step:
            self._powers.append(self._power(self._waiting[: past + step]))
            self._waiting = self._waiting[step:]

    def integrated_lufs(self) -> float:
        """Return the loudness of all that was heard, minus infinity of silence. Less than a block counts as a whole one with silence."""
        powers = np.concatenate([*self._powers, self._last_powers()])
        powers = np.pad(powers, (0, max(HOPS_A_BLOCK - len(powers), 0)))
        blocks = np.convolve(powers, np.full(HOPS_A_BLOCK, 1 / HOPS_A_BLOCK), "valid")
        loud = blocks[blocks > _power_of(SILENCE_LUFS)]
        if not len(loud):
            return -np.inf
        gate = loud.mean() * 10 ** (RELATIVE_GATE_LU / 10)
        return float(CALIBRATION_LU + 10 * np.log10(loud[loud > gate].mean()))

    def _power(self, samples: np.ndarray) -> np.ndarray:
        """Return the weighted power of each hop, all channels together, after the first RESPONSE_HOPS. ``samples`` are as many as fit."""
        channels = np.ascontiguousarray(samples.T)  # along whose rows the transform is quicker
        weighted = np.fft.irfft(np.fft.rfft(channels) * self._response, len(samples))
        return (weighted[:, RESPONSE_HOPS * self._hop :] ** 2).reshape(len(channels), STEP_HOPS, -1).mean(axis=2).sum(axis=0)

    def _last_powers(self) -> np.ndarray:
        """Return the power of the hops that are whole and not filtered yet; all of what was heard if that is less than a block."""
        hops = len(self._waiting) / self._hop - RESPONSE_HOPS
        whole = int(np.ceil(hops)) if len(self._powers) * STEP_HOPS + hops < HOPS_A_BLOCK else int(hops)
        missing = (RESPONSE_HOPS + STEP_HOPS) * self._hop - len(self._waiting)
        return self._power(np.pad(self._waiting, ((0, missing), (0, 0))))[:whole]


def _power_of(lufs: float) -> float:
    return float(10 ** ((lufs - CALIBRATION_LU) / 10))
