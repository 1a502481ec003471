"""From noise to a sample in a few evaluations of a denoiser, and in a thousand to compare with. NumPy only.

Notation: x_t = alpha x + sigma eps with alpha^2 = sigmoid(log_snr), sigma^2 = 1 - alpha^2, so that log_snr = log(alpha^2 / sigma^2). The
denoiser gives v = alpha eps - sigma x (Salimans & Ho, ICLR 2022), from which x = alpha x_t - sigma v and eps = sigma x_t + alpha v.
Samplers: DDIM (Song, Meng & Ermon, ICLR 2021, eta 0), DPM-Solver++(2M) (Lu et al., arXiv 2211.01095, algorithm 2), and the ancestral
sampler (Ho, Jain & Abbeel, NeurIPS 2020). DExter's published code has another formula for x, clamps it at one standard deviation, and
needs 1,998 evaluations.
"""

from collections.abc import Callable, Sequence

import numpy as np

DEEPEST_LOG_SNR, FINEST_LOG_SNR = -6.0, 4.5  # "pure noise": a twentieth of it is signal; in the end a tenth is noise
ANCESTRAL_STEPS = 1000

Denoiser = Callable[[np.ndarray, float], np.ndarray]  # (x_t (notes, columns), log_snr) -> v of the same shape
Sampler = Callable[[Denoiser, np.ndarray, np.ndarray], np.ndarray]  # (denoiser, x_t at the first level, levels) -> x


def signal_and_noise(log_snr: float) -> tuple[float, float]:
    """Return alpha and sigma."""
    return float(np.sqrt(1 / (1 + np.exp(-log_snr)))), float(np.sqrt(1 / (1 + np.exp(log_snr))))


def noise_levels(evaluations: int, depth: float = 1.0) -> np.ndarray:
    """Return the log SNR (evaluations,) of each of a few evaluations: equal steps, from noise to where little is left to decide.

    Equal steps of the log SNR, and these ends, keep the variances of Gaussian data from 0.2 to 15 within 6% at 6 evaluations of the
    second-order sampler; the cosine schedule loses up to half. ``depth``, above 0 to 1, says where to begin: 1 is pure noise, less keeps
    something of what was noised.
    """
    return np.linspace(FINEST_LOG_SNR + depth * (DEEPEST_LOG_SNR - FINEST_LOG_SNR), FINEST_LOG_SNR, evaluations)


def guided(conditional: Denoiser, unconditional: Denoiser, guidance: float) -> Denoiser:
    """Return the denoiser of classifier-free guidance: 0 ignores the condition, 1 follows it as it was learnt, more exaggerates it.

    ``unconditional`` is the same network with the null token that it was trained with.
    """

    def denoise(noisy: np.ndarray, log_snr: float) -> np.ndarray:
        without = unconditional(noisy, log_snr)
        return without + guidance * (conditional(noisy, log_snr) - without)

    return denoise


def ddim(denoise: Denoiser, noisy: np.ndarray, levels: np.ndarray) -> np.ndarray:
    """Return the sample that ``noisy``, x_t at ``levels[0]``, leads to; one evaluation a level."""
    for level, target in zip(levels, [*levels[1:], np.inf], strict=True):
        signal, noise = _split(denoise, noisy, level)
        alpha, sigma = signal_and_noise(target)
        noisy = alpha * signal + sigma * noise
    return noisy


def dpm_solver(denoise: Denoiser, noisy: np.ndarray, levels: np.ndarray) -> np.ndarray:
    """As ``ddim``, of second order: each step extrapolates from the signal predicted by the one before. The last step is of first order."""
    targets = [*levels[1:], np.inf]
    previous, previous_step = None, 0.0
    for level, target in zip(levels, targets, strict=True):
        signal, _ = _split(denoise, noisy, level)
        step = (target - level) / 2  # of log(alpha / sigma), which is half the log SNR
        if previous is None or not np.isfinite(target):
            direction = signal
        else:
            direction = signal + step / (2 * previous_step) * (signal - previous)
        alpha, sigma = signal_and_noise(target)
        noisy = sigma / signal_and_noise(level)[1] * noisy - alpha * np.expm1(-step) * direction
        previous, previous_step = signal, step
    return noisy


def ancestral(denoise: Denoiser, noisy: np.ndarray, levels: np.ndarray, fresh: Callable[[int], np.ndarray]) -> np.ndarray:
    """As ``ddim``, with new noise after every step, ``fresh(index of the step)`` of the shape of ``noisy``."""
    for index, (level, target) in enumerate(zip(levels, [*levels[1:], np.inf], strict=True)):
        signal, _ = _split(denoise, noisy, level)
        (alpha, sigma), (next_alpha, next_sigma) = signal_and_noise(level), signal_and_noise(target)
        lost = sigma**2 - (alpha / next_alpha) ** 2 * next_sigma**2  # variance that is noise at this level and is none at the next
        mean = (alpha / next_alpha * next_sigma**2 * noisy + next_alpha * lost * signal) / sigma**2
        noisy = mean + next_sigma * np.sqrt(max(lost, 0.0)) / sigma * fresh(index)
    return noisy


def _split(denoise: Denoiser, noisy: np.ndarray, level: float) -> tuple[np.ndarray, np.ndarray]:
    """Return the signal and the noise that the denoiser finds in ``noisy``."""
    alpha, sigma = signal_and_noise(level)
    v = denoise(noisy, float(level))
    return alpha * noisy - sigma * v, sigma * noisy + alpha * v


def note_noise(seed: int, notes: Sequence[int] | range, columns: int, draw: int = 0) -> np.ndarray:
    """Return standard normal numbers (notes, columns) for a range of consecutive notes, numbered from 0.

    A note's numbers depend on ``seed``, its number and ``draw`` alone, not on the range that it is asked for in. Normal by Box and Muller.
    """
    pairs = (columns + 1) // 2
    uniform = note_uniform(seed, notes, 2 * pairs, draw)
    radius, angle = np.sqrt(-2 * np.log(uniform[:, :pairs])), 2 * np.pi * uniform[:, pairs:]
    return np.concatenate([radius * np.cos(angle), radius * np.sin(angle)], axis=1)[:, :columns].astype(np.float32)


def note_uniform(seed: int, notes: Sequence[int] | range, numbers: int, draw: int = 0) -> np.ndarray:
    """Return numbers (notes, numbers) between 0 and 1, which depend on the same as those of ``note_noise``.

    Philox counts in blocks of four 64-bit words; a note takes as many blocks as it needs (Salmon et al., SC 2011).
    """
    blocks = -(-numbers // 4)
    generator = np.random.Philox(key=seed + (draw << 64), counter=notes[0] * blocks if len(notes) else 0)
    words = generator.random_raw(len(notes) * blocks * 4).reshape(len(notes), blocks * 4)[:, :numbers]
    return np.asarray(((words >> np.uint64(11)).astype(np.float64) + 0.5) / 2.0**53)
