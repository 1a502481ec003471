"""The forward diffusion of DExter's residuals, for training. PyTorch.

v-prediction in continuous noise levels (Salimans & Ho, ICLR 2022; Kingma et al., NeurIPS 2021): x_t = alpha r + sigma eps with
alpha^2 = sigmoid(log_snr), v = alpha eps - sigma r. sampling.py goes the other way.
"""

import torch
from torch import Tensor

LOWEST_LOG_SNR, HIGHEST_LOG_SNR = -7.0, 6.0


def add_noise(residual: Tensor, log_snr: Tensor, noise: Tensor) -> tuple[Tensor, Tensor]:
    """Return x_t and v [B, T, 8] of residuals and noise [B, T, 8] at log_snr [B, 1]."""
    alpha, sigma = log_snr.sigmoid().sqrt().unsqueeze(-1), (-log_snr).sigmoid().sqrt().unsqueeze(-1)
    return alpha * residual + sigma * noise, alpha * noise - sigma * residual


def random_levels(count: int, generator: torch.Generator) -> Tensor:
    """Return log SNRs [count, 1], one drawn from each of ``count`` equal parts of the range, so that every batch covers it evenly."""
    places = (torch.arange(count) + torch.rand(count, generator=generator)) / count
    places = places[torch.randperm(count, generator=generator)]
    return (LOWEST_LOG_SNR + (HIGHEST_LOG_SNR - LOWEST_LOG_SNR) * places).unsqueeze(1)


def random_prefixes(count: int, length: int, share: float, generator: torch.Generator) -> Tensor:
    """Return [count, length, 1], 1 where a note is fixed: in ``share`` of the windows, the first notes, up to three quarters of them."""
    chosen = torch.rand(count, 1, generator=generator) < share
    reach = torch.rand(count, 1, generator=generator) * 0.75 * length
    return ((torch.arange(length) < reach) & chosen).unsqueeze(-1).float()
