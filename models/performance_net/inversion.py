"""From spectra back to sound, all at once or frame by frame. NumPy only, deterministic.

Spectra with phases are transformed back and added (``OverlapAdd``). For magnitudes alone the phases have to be found: they are guessed
first and then improved. The guess is made frame by frame. At each peak of the spectrum the phase advances with the frequency that the
peak's slopes give; around it, the change of level in time gives the sound's place in the window. Both follow from the magnitudes
alone for a window near a Gaussian: Prusa, Balazs, Sondergaard, "A noniterative method for reconstruction of phase
from STFT magnitude", IEEE/ACM TASLP 25(5), 2017, with peaks in place of its heap, as in Beauregard, Harish, Wyse, "Single pass
spectrogram inversion", DSP 2015. It is improved by Griffin-Lim with momentum: Perraudin, Balazs, Sondergaard, "A fast Griffin-Lim
algorithm", WASPAA 2013; in a stream over the newest frames only, with all earlier ones fixed: Zhu, Beauregard, Wyse, "Real-time signal
estimation from modified short-time Fourier transform magnitude spectra", IEEE TASLP 15(5), 2007.
"""

import numpy as np

from models.performance_net.representation import BINS, FFT_SAMPLES, HOP_SAMPLES, WINDOW

MOMENTUM = 0.99
ITERATIONS = 32  # of the whole
STREAM_ITERATIONS = 4
BLOCK_FRAMES = 8  # whose phases are finished at a time
AHEAD_FRAMES = 8  # known beyond them: as far as a window reaches

# Between the arrival of a frame and that of the last sample of the hop that ends in its centre, at most; and as far again until the next.
LATENCY_SAMPLES = (BLOCK_FRAMES - 1 + AHEAD_FRAMES) * HOP_SAMPLES + FFT_SAMPLES // 2

_OVERLAP = FFT_SAMPLES // HOP_SAMPLES
_TAIL = _OVERLAP - 1
_VARIANCE = 0.25645 * FFT_SAMPLES**2 / (2 * np.pi)  # samples squared, of the Gaussian that is nearest to a Hann window
_ADVANCE = 2 * np.pi * HOP_SAMPLES / FFT_SAMPLES  # radians a hop and bin
_BENDING = FFT_SAMPLES**2 / (4 * np.pi**2 * _VARIANCE)  # bins from the peak by slope of log magnitude over bins
_SHIFT = -2 * np.pi * _VARIANCE / (FFT_SAMPLES * HOP_SAMPLES)  # radians a bin by slope of log magnitude over frames
_SIGNS = np.where(np.arange(BINS) % 2, -1, 1).astype(np.float32)  # from phases at a window's centre to phases at its beginning
_BIN_NUMBERS = np.arange(BINS)
_FLOOR = 1e-7
_LEAST_WEIGHT = 1e-2
_WEIGHT = (WINDOW**2).reshape(_OVERLAP, HOP_SAMPLES).sum(axis=0)  # of all windows over a hop


def griffin_lim(magnitudes: np.ndarray, iterations: int = ITERATIONS) -> np.ndarray:
    """Return sound (256 (T - 1),) float32 whose spectrum has nearly the ``magnitudes`` (BINS, T); the whole clip is held in memory."""
    inverter = StreamingInverter(iterations, block_frames=max(magnitudes.shape[1], 1))
    return np.concatenate([inverter.push(magnitudes), inverter.finish()])


def with_phases(magnitudes: np.ndarray, real: np.ndarray, imaginary: np.ndarray) -> np.ndarray:
    """Return the spectrum (BINS, T) complex64 with ``magnitudes`` and the phases, at the windows' centres, of another spectrum."""
    phased = (real + 1j * imaginary) * _SIGNS[:, None]
    return (magnitudes * (phased / np.maximum(np.abs(phased), _FLOOR))).astype(np.complex64)


class OverlapAdd:
    """Turns frames of spectra into sound as soon as no later frame overlaps it. Its state is bounded and may be copied.

    The sound begins at the centre of the first frame's window and lacks what earlier frames would add there.
    """

    def __init__(self) -> None:
        self._tail = np.zeros((_TAIL, HOP_SAMPLES), np.float32)
        self._to_skip = FFT_SAMPLES // 2

    def push(self, spectra: np.ndarray) -> np.ndarray:
        """Take (BINS, n) frames as ``transform`` has them; return the samples (256 k,) float32 before the next frame's window."""
        frames = spectra.shape[1]
        hops = _overlap_add(_to_frames(spectra.T))
        hops[:_TAIL] += self._tail
        self._tail = hops[frames:]
        samples = (hops[:frames] / _WEIGHT).ravel()
        skipped = min(self._to_skip, len(samples))
        self._to_skip -= skipped
        return samples[skipped:]


class StreamingInverter:
    """Turns frames of magnitudes into sound as soon as it is final. The sizes of the portions do not change the result.

    Blocks of ``block_frames`` are finished when ``ahead_frames`` more are known, by ``iterations`` over both. Its state is bounded and
    may be copied.
    """

    def __init__(self, iterations: int = STREAM_ITERATIONS, block_frames: int = BLOCK_FRAMES, ahead_frames: int = AHEAD_FRAMES):
        self._iterations, self._block, self._ahead = iterations, block_frames, ahead_frames
        self._guess = _PhaseGuess()
        self._waiting = np.zeros((0, BINS), np.float32)  # frames that are not finished
        self._phases = np.zeros((0, BINS), np.complex64)  # of the first of them, of length 1
        self._tail = np.zeros((_TAIL, HOP_SAMPLES), np.float32)  # what finished frames add to what is to come
        self._tail_weight = np.zeros((_TAIL, HOP_SAMPLES), np.float32)
        self._to_skip = FFT_SAMPLES // 2  # samples before the centre of the first frame

    def push(self, magnitudes: np.ndarray) -> np.ndarray:
        """Take (BINS, n) frames, n from 0 on, and return the samples (256 k,) float32 that are final now."""
        self._waiting = np.concatenate([self._waiting, np.asarray(magnitudes, np.float32).T])
        finished = [np.zeros(0, np.float32)]
        while len(self._waiting) > self._block + self._ahead:  # one more, by which the last one's slope in time is known
            finished.append(self._finish_block(self._block, self._block + self._ahead))
        return np.concatenate(finished)

    def finish(self) -> np.ndarray:
        """Return the rest, until the centre of the last frame. Nothing may be pushed after it."""
        finished = [np.zeros(0, np.float32)]
        while len(self._waiting):
            finished.append(self._finish_block(min(self._block, len(self._waiting)), min(self._block + self._ahead, len(self._waiting))))
        last = self._tail / np.maximum(self._tail_weight, _LEAST_WEIGHT)
        rest = np.concatenate([*finished, self._skip(last.ravel())])
        return rest[: max(len(rest) - FFT_SAMPLES // 2, 0)]

    def _finish_block(self, block: int, known: int) -> np.ndarray:
        magnitudes = self._waiting[:known]
        guessed = self._guess.go_on(self._waiting[len(self._phases) : known + 1], known - len(self._phases))
        phases = np.concatenate([self._phases, guessed])
        weight = _overlap_add(np.broadcast_to(WINDOW**2, (known, FFT_SAMPLES)))
        weight[:_TAIL] += self._tail_weight
        weight = np.maximum(weight, _LEAST_WEIGHT)
        before: np.ndarray | None = None
        for _ in range(self._iterations):
            sound = _overlap_add(_to_frames(magnitudes * phases))
            sound[:_TAIL] += self._tail
            consistent = _to_spectra(sound / weight, known)
            pushed = consistent if before is None else consistent + MOMENTUM * (consistent - before)
            before = consistent
            phases = pushed / np.maximum(np.abs(pushed), _FLOOR)
        return self._keep(block, magnitudes * phases, phases)

    def _keep(self, block: int, spectra: np.ndarray, phases: np.ndarray) -> np.ndarray:
        """Fix the first ``block`` frames; return the samples that no later frame changes."""
        sound = _overlap_add(_to_frames(spectra[:block]))
        weight = _overlap_add(np.broadcast_to(WINDOW**2, (block, FFT_SAMPLES)))
        sound[:_TAIL] += self._tail
        weight[:_TAIL] += self._tail_weight
        self._tail, self._tail_weight = sound[block:], weight[block:]
        self._waiting, self._phases = self._waiting[block:], phases[block:]
        return self._skip((sound[:block] / np.maximum(weight[:block], _LEAST_WEIGHT)).ravel())

    def _skip(self, samples: np.ndarray) -> np.ndarray:
        skipped = min(self._to_skip, len(samples))
        self._to_skip -= skipped
        return samples[skipped:]


class _PhaseGuess:
    """Guesses phases of frames from the phases of the frames before."""

    def __init__(self) -> None:
        self._phase = np.zeros(BINS)
        self._advance = np.zeros(BINS)
        self._log = np.full(BINS, np.log(_FLOOR))

    def go_on(self, magnitudes: np.ndarray, frames: int) -> np.ndarray:
        """Return (frames, BINS) complex of length 1; ``magnitudes`` has as many frames, and one more if it is known."""
        logs = np.log(np.maximum(magnitudes, _FLOOR))
        phases = np.empty((frames, BINS), np.float32)
        for index in range(frames):
            self._step(logs[index], (logs[min(index + 1, len(logs) - 1)] - self._log) / 2)
            phases[index] = self._phase
        return np.exp(1j * phases) * _SIGNS

    def _step(self, log: np.ndarray, change: np.ndarray) -> None:
        slope = np.zeros(BINS)
        slope[1:-1] = (log[2:] - log[:-2]) / 2
        advance = _ADVANCE * (_BIN_NUMBERS + _BENDING * slope)
        shift = _SHIFT * change
        along = np.concatenate([[0.0], np.cumsum((shift[1:] + shift[:-1]) / 2)])
        rising = np.concatenate([[True], log[1:] > log[:-1], [False]])
        peaks = np.flatnonzero(rising[:-1] & ~rising[1:])
        valleys = ~rising[:-1] & rising[1:]
        peak = peaks[np.cumsum(valleys)]
        at_peaks = (self._phase + (self._advance + advance) / 2)[peak]
        self._phase = np.remainder(at_peaks + along - along[peak], 2 * np.pi)
        self._advance, self._log = advance, log


def _overlap_add(frames: np.ndarray) -> np.ndarray:
    """Return the sum (n + 7, 256) of windows (n, 2048) a hop apart, in hops."""
    hops = np.zeros((len(frames) + _TAIL, HOP_SAMPLES), np.float32)
    for part in range(_OVERLAP):
        hops[part : part + len(frames)] += frames[:, part * HOP_SAMPLES : (part + 1) * HOP_SAMPLES]
    return hops


def _to_frames(spectra: np.ndarray) -> np.ndarray:
    return np.fft.irfft(spectra, FFT_SAMPLES, axis=1) * WINDOW


def _to_spectra(hops: np.ndarray, frames: int) -> np.ndarray:
    windows = np.concatenate([hops[part : part + frames] for part in range(_OVERLAP)], axis=1)
    return np.fft.rfft(windows * WINDOW, axis=1)
