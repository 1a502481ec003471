"""The noise that DExter's denoiser learns to take away."""

import numpy as np
import torch

from models.dexter.diffusion import add_noise, random_levels, random_prefixes
from models.dexter.sampling import signal_and_noise


def random(*shape):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(1))


def test_noise_is_what_the_sampler_takes_away():
    residual, noise = random(3, 5, 8), torch.randn(3, 5, 8)
    levels = torch.tensor([[-5.0], [0.0], [4.0]])
    noisy, v = add_noise(residual, levels, noise)
    for index, level in enumerate(levels[:, 0].tolist()):
        alpha, sigma = signal_and_noise(level)
        np.testing.assert_allclose(alpha * noisy[index] - sigma * v[index], residual[index], atol=1e-5)
        np.testing.assert_allclose(sigma * noisy[index] + alpha * v[index], noise[index], atol=1e-5)


def test_levels_are_spread_evenly_and_prefixes_are_prefixes():
    levels = random_levels(50, torch.Generator().manual_seed(0))
    assert levels.shape == (50, 1) and abs(levels.mean() + 0.5) < 0.1 and levels.min() < -6.5 and levels.max() > 5.5
    fixed = random_prefixes(400, 20, 0.5, torch.Generator().manual_seed(0))[..., 0]
    assert (fixed.diff(dim=1) <= 0).all() and not fixed[:, 15:].any()
    assert 0.4 < (fixed.sum(1) > 0).float().mean() < 0.55
