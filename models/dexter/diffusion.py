"""What performers differ in, by diffusion around the mean performance: the denoiser and how it is trained. PyTorch.

DExter (source: representation.py) diffuses the performance itself; here it is the residual r = (performance - mean) / deviation, which
is easier, and leaves the mean for who wants it. v-prediction in continuous noise levels (Salimans & Ho, ICLR 2022; Kingma et al.,
NeurIPS 2021): x_t = alpha r + sigma eps with alpha^2 = sigmoid(log_snr), v = alpha eps - sigma r. sampling.py goes the other way.

Notes that were played already are given as they are (``fixed``), so that the next window continues them.
"""

import torch
from pydantic import BaseModel, ConfigDict
from torch import Tensor, nn
from torch.nn import functional

from models.performance.descriptors import DESCRIPTORS
from models.performance.representation import PERFORMANCE_COLUMNS

LOWEST_LOG_SNR, HIGHEST_LOG_SNR = -7.0, 6.0
COLUMNS = len(PERFORMANCE_COLUMNS)
LEVEL_WAVES = 16


class DenoiserConfig(BaseModel):
    """Sizes. Block k's convolution reaches over ``kernel`` notes, 2 ** (k modulo ``cycle``) apart."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    width: int = 96
    blocks: int = 8
    kernel: int = 7
    cycle: int = 4
    expansion: int = 2


class DenoiserBlock(nn.Module):
    """A gated, dilated convolution of each channel and a feed-forward; the noise level scales and shifts what each reads."""

    def __init__(self, config: DenoiserConfig, dilation: int):
        super().__init__()
        width = config.width
        self.norms = nn.ModuleList(nn.LayerNorm(width, elementwise_affine=False) for _ in range(2))
        self.gated = nn.Linear(width, 2 * width)
        self.depthwise = nn.Conv1d(width, width, config.kernel, padding=config.kernel // 2 * dilation, dilation=dilation, groups=width)
        self.mixed = nn.Linear(width, width)
        self.feed_forward = nn.Sequential(
            nn.Linear(width, config.expansion * width), nn.GELU(approximate="tanh"), nn.Linear(config.expansion * width, width)
        )

    def forward(self, x: Tensor, modulation: Tensor) -> Tensor:
        """x [B, T, width], modulation [B, 1, 4 * width]."""
        scale, shift, feed_scale, feed_shift = modulation.chunk(4, -1)
        value, gate = self.gated(self.norms[0](x) * (1 + scale) + shift).chunk(2, -1)
        near = self.depthwise((value * gate.sigmoid()).transpose(1, 2)).transpose(1, 2)
        x = x + self.mixed(functional.silu(near))
        return x + self.feed_forward(self.norms[1](x) * (1 + feed_scale) + feed_shift)


class Denoiser(nn.Module):
    """The v of noisy residuals, given the score's context, the mean, descriptors and what is fixed."""

    waves: Tensor

    def __init__(self, config: DenoiserConfig, context_width: int):
        super().__init__()
        width = config.width
        self.input = nn.Linear(3 * COLUMNS + 1 + len(DESCRIPTORS) + 1, width)
        self.context = nn.Linear(context_width, width)
        self.level = nn.Sequential(nn.Linear(2 * LEVEL_WAVES, width), nn.SiLU(), nn.Linear(width, width), nn.SiLU())
        self.modulation = nn.Linear(width, 4 * width * config.blocks)
        self.blocks = nn.ModuleList(DenoiserBlock(config, 2 ** (index % config.cycle)) for index in range(config.blocks))
        self.norm = nn.LayerNorm(width)
        self.output = nn.Linear(width, COLUMNS)
        for layer in (self.modulation, self.output):
            nn.init.zeros_(layer.weight)
            nn.init.zeros_(layer.bias)
        self.register_buffer("waves", torch.exp2(torch.linspace(-3, 2, LEVEL_WAVES)), persistent=False)

    def forward(
        self,
        noisy: Tensor,
        context: Tensor,
        mean: Tensor,
        descriptors: Tensor,
        descriptors_known: Tensor,
        fixed: Tensor,
        fixed_known: Tensor,
        log_snr: Tensor,
    ) -> Tensor:
        """noisy, mean, fixed [B, T, 8]; context [B, T, C]; descriptors [B, T, 7]; ..._known [B, T, 1]; log_snr [B, 1]. Returns v.

        What ``noisy`` holds where notes are fixed does not matter, nor what is returned there.
        """
        known = (noisy * (1 - fixed_known), fixed * fixed_known, fixed_known, mean, descriptors * descriptors_known, descriptors_known)
        x = self.input(torch.cat(known, -1)) + self.context(context)
        angles = log_snr * self.waves  # [B, LEVEL_WAVES]
        level = self.level(torch.cat((angles.sin(), angles.cos()), -1)).unsqueeze(1)  # [B, 1, width]
        for block, modulation in zip(self.blocks, self.modulation(level).chunk(len(self.blocks), -1), strict=True):
            x = block(x, modulation)
        return self.output(self.norm(x))


def add_noise(residual: Tensor, log_snr: Tensor, noise: Tensor) -> tuple[Tensor, Tensor]:
    """Return x_t and v [B, T, 8] of residuals and noise [B, T, 8] at log_snr [B, 1]."""
    alpha, sigma = log_snr.sigmoid().sqrt().unsqueeze(-1), (-log_snr).sigmoid().sqrt().unsqueeze(-1)
    return alpha * residual + sigma * noise, alpha * noise - sigma * residual


def random_levels(count: int, generator: torch.Generator) -> Tensor:
    """Return log SNRs [count, 1], one in each of as many equal parts of the range: an even spread in every batch."""
    places = (torch.arange(count) + torch.rand(count, generator=generator)) / count
    places = places[torch.randperm(count, generator=generator)]
    return (LOWEST_LOG_SNR + (HIGHEST_LOG_SNR - LOWEST_LOG_SNR) * places).unsqueeze(1)


def random_prefixes(count: int, length: int, share: float, generator: torch.Generator) -> Tensor:
    """Return [count, length, 1]: 1 where a note is fixed; in ``share`` of the windows the first notes are, up to three quarters."""
    chosen = torch.rand(count, 1, generator=generator) < share
    reach = torch.rand(count, 1, generator=generator) * 0.75 * length
    return ((torch.arange(length) < reach) & chosen).unsqueeze(-1).float()
