"""DExter's denoiser: it predicts how a performance differs from the mean performance. PyTorch.

DExter (source: models.performance.representation) diffuses the performance itself. Here diffusion works on the residual
r = (performance - mean) / deviation, which is easier to learn and keeps the mean available by itself; models.layers.expression_network
predicts the mean. Notes that were already played are given as ``fixed``, so that the next window continues them. diffusion.py adds noise in
training; sampling.py removes it.
"""

import torch
from pydantic import BaseModel, ConfigDict
from torch import Tensor, nn
from torch.nn import functional

from models.performance.descriptors import DESCRIPTORS
from models.performance.representation import COLUMNS

LEVEL_WAVES = 16


class DenoiserConfig(BaseModel):
    """Sizes. The convolution of block k covers ``kernel`` notes with dilation 2 ** (k modulo ``cycle``)."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    width: int = 96
    blocks: int = 8
    kernel: int = 7
    cycle: int = 4
    expansion: int = 2


class DenoiserBlock(nn.Module):
    """A gated, dilated depthwise convolution and a feed-forward layer; the noise level scales and shifts the input of both."""

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
    """Predicts v of noisy residuals, given the context and mean of the expression network, descriptors and fixed notes."""

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

        Where notes are fixed, the values of ``noisy`` are ignored and those returned have no meaning.
        """
        known = (noisy * (1 - fixed_known), fixed * fixed_known, fixed_known, mean, descriptors * descriptors_known, descriptors_known)
        x = self.input(torch.cat(known, -1)) + self.context(context)
        angles = log_snr * self.waves  # [B, LEVEL_WAVES]
        level = self.level(torch.cat((angles.sin(), angles.cos()), -1)).unsqueeze(1)  # [B, 1, width]
        for block, modulation in zip(self.blocks, self.modulation(level).chunk(len(self.blocks), -1), strict=True):
            x = block(x, modulation)
        return self.output(self.norm(x))
