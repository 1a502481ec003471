"""DExter's samplers against a denoiser that is known exactly: Gaussian data."""

import numpy as np
import pytest

from models.dexter.sampling import (
    ANCESTRAL_STEPS,
    ancestral,
    ddim,
    dpm_solver,
    guided,
    noise_levels,
    note_noise,
    signal_and_noise,
)

NOTES = 12
POSITIONS = np.arange(NOTES)
# Residuals that go on from note to note, and are not of unit size: as those of a performance.
COVARIANCE = 0.8 * 0.9 ** np.abs(POSITIONS[:, None] - POSITIONS) + 0.2 * np.eye(NOTES)
DEVIATION = np.sqrt(np.diag(COVARIANCE)).mean()


def gaussian(covariance, mean=0.0):
    """Return the exact denoiser of normally distributed data: v from the conditional means of x and eps given x_t."""

    def denoise(noisy, log_snr):
        alpha, sigma = signal_and_noise(log_snr)
        whitened = np.linalg.solve(alpha**2 * covariance + sigma**2 * np.eye(len(covariance)), noisy - alpha * mean)
        return alpha * sigma * whitened - sigma * (mean + alpha * covariance @ whitened)

    return denoise


def fresh_noise(columns, draw=0):
    return note_noise(5, range(NOTES), columns, draw).astype(float)


def sample(sampler, covariance=COVARIANCE, evaluations=8, columns=4000):
    return sampler(gaussian(covariance), fresh_noise(columns), noise_levels(evaluations))


def relative_error(samples):
    return np.abs(np.cov(samples) - COVARIANCE).max() / COVARIANCE.max()


def test_eight_evaluations_give_the_distribution_of_the_data():
    assert relative_error(sample(dpm_solver)) < 0.06
    assert relative_error(sample(ddim)) < 0.35
    assert abs(sample(dpm_solver).mean()) < 0.05


def error(sampler, evaluations):
    """Return how far the samples are from those of very many evaluations on the same range."""
    return np.abs(sample(sampler, evaluations=evaluations, columns=50) - sample(dpm_solver, evaluations=1000, columns=50)).mean()


def test_the_second_order_converges_faster():
    for sampler, shrinks in ((ddim, 0.6), (dpm_solver, 0.36)):
        assert error(sampler, 32) < shrinks * error(sampler, 16) < shrinks**2 * error(sampler, 8)
    assert error(dpm_solver, 8) < 0.3 * error(ddim, 8)


def test_a_thousand_ancestral_steps_give_the_distribution_too():
    columns = 500
    samples = ancestral(
        gaussian(COVARIANCE), fresh_noise(columns), noise_levels(ANCESTRAL_STEPS), lambda step: fresh_noise(columns, step + 1)
    )
    assert relative_error(samples) < 0.15


def test_transfer_keeps_more_of_the_reference_the_less_deep_it_goes():
    reference = np.repeat(np.linspace(-1, 2, NOTES)[:, None], 500, axis=1)
    noise = fresh_noise(500)
    distances = []
    for depth in (0.2, 0.5, 0.8):
        levels = noise_levels(8, depth)
        alpha, sigma = signal_and_noise(levels[0])
        sampled = dpm_solver(gaussian(COVARIANCE), alpha * reference + sigma * noise, levels)
        distances.append(np.abs(sampled - reference).mean())
    assert distances[0] < 0.5 * distances[1] < 0.5 * distances[2]


@pytest.mark.parametrize("guidance", [0.0, 1.0, 1.5])
def test_guidance_goes_from_the_null_token_to_the_condition_and_beyond(guidance):
    denoise = guided(gaussian(np.eye(NOTES), 1.0), gaussian(np.eye(NOTES)), guidance)
    assert dpm_solver(denoise, fresh_noise(2000), noise_levels(8)).mean() == pytest.approx(guidance, abs=0.1)


def test_a_notes_noise_depends_on_its_number_and_the_seed_alone():
    whole = note_noise(3, range(0, 100), 8)
    np.testing.assert_array_equal(note_noise(3, range(37, 52), 8), whole[37:52])
    assert np.abs(np.corrcoef(whole.ravel(), note_noise(4, range(0, 100), 8).ravel())[0, 1]) < 0.1
    assert np.abs(np.corrcoef(whole.ravel(), note_noise(3, range(0, 100), 8, draw=1).ravel())[0, 1]) < 0.1
    assert note_noise(3, range(0), 8).shape == (0, 8)


def test_the_noise_is_standard_normal_and_independent():
    noise = note_noise(0, range(20_000), 8)
    assert np.abs(noise.mean(0)).max() < 0.03 and np.abs(noise.std(0) - 1).max() < 0.03
    assert np.abs(np.corrcoef(noise.T) - np.eye(8)).max() < 0.03
    assert np.abs(np.corrcoef(noise[:-1].ravel(), noise[1:].ravel())[0, 1]) < 0.01
    assert np.mean(np.abs(noise) > 1.959964) == pytest.approx(0.05, abs=0.003)
