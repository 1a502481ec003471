"""PerformanceNet (Wang & Yang, AAAI 2019): a piano roll to a log-power spectrum, by convolutions over time.

Pitches and frequency bins are channels. A U-Net over the roll gives the contour, an encoder of onsets and offsets joins its decoder where
the resolutions meet, and multi-band residual blocks add texture. Two defects of the published code are corrected:
the decoder returns as many frames as it is given (published, lengths other than 860 come out longer or shorter), and the blocks do change
their bands.
"""

from typing import Literal

import torch
from pydantic import BaseModel, ConfigDict, Field, model_validator
from torch import Tensor, nn
from torch.nn import functional

from models.performance_net.layers import ConvolutionBlock, MultiBandResidual, fit_length

UP_KERNELS = (6, 4, 3, 2)  # of the paper's four transposed convolutions


class PerformanceNetConfig(BaseModel):
    """Channels by depth. The U-Net's last encoder block is its bottleneck; ``decoder`` is deepest first; ``bands`` one entry a block."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    kind: Literal["paper"]
    pitches: int = Field(default=128, gt=0)
    bins: int = Field(default=1025, gt=0)
    encoder: tuple[int, int, int, int, int]
    on_off_encoder: tuple[int, int, int]
    decoder: tuple[int, int, int, int]
    bands: tuple[int, ...]

    @model_validator(mode="after")
    def _bands_divide_channels(self) -> "PerformanceNetConfig":
        if uneven := [bands for bands in self.bands if bands < 1 or self.decoder[-1] % bands]:
            raise ValueError(f"{self.decoder[-1]} channels cannot be split into {uneven[0]} bands")
        return self


class PerformanceNet(nn.Module):
    """Roll and onset/offset roll [B, pitches, T] -> log-power spectrum [B, bins, T], of any number of frames."""

    def __init__(self, config: PerformanceNetConfig):
        super().__init__()
        self.config = config
        encoder, on_off, decoder = config.encoder, config.on_off_encoder, config.decoder
        self.down = nn.ModuleList(_blocks(config.pitches, encoder))
        self.on_off = nn.ModuleList(_blocks(config.pitches, on_off))
        skips, joined = encoder[-2::-1], (on_off[2], on_off[1], 0, 0)
        below = (encoder[-1], *decoder[:-1])
        self.up = nn.ModuleList(_UpBlock(*channels) for channels in zip(below, decoder, skips, joined, UP_KERNELS, strict=True))
        self.texture = nn.ModuleList(MultiBandResidual(decoder[-1], bands) for bands in config.bands)
        self.output = nn.ConvTranspose1d(decoder[-1], config.bins, 3, padding=1)
        self.apply(_initialise)

    def forward(self, roll: Tensor, on_off: Tensor) -> Tensor:
        frames, shortest = roll.shape[-1], 2 ** len(self.up)
        if frames < shortest:
            roll, on_off = (functional.pad(each, (0, shortest - frames)) for each in (roll, on_off))
        skips: list[Tensor] = []
        for depth, block in enumerate(self.down):
            roll = block(functional.max_pool1d(skips[-1], 2) if depth else roll)
            skips.append(roll)
        joined = self._encode_on_off(on_off)
        values = skips.pop()
        for block, move in zip(self.up, (joined[2], joined[1], None, None), strict=True):
            values = block(values, skips.pop(), move)
        for block in self.texture:
            values = block(values)
        return functional.leaky_relu(self.output(values))[..., :frames]

    def _encode_on_off(self, on_off: Tensor) -> list[Tensor]:
        """Return the encoder's outputs at a half, a quarter and an eighth of the frames."""
        outputs = []
        for block in self.on_off:
            on_off = functional.max_pool1d(block(on_off), 2)
            outputs.append(on_off)
        return outputs


class _UpBlock(nn.Module):
    """Doubles the frames, then concatenates the skip connection and the output of the onset/offset encoder."""

    def __init__(self, below: int, channels: int, skip: int, joined: int, kernel: int):
        super().__init__()
        self.upsample = nn.ConvTranspose1d(below, channels, kernel, stride=2, padding=1)
        self.join_skip = ConvolutionBlock(channels + skip, channels, convolutions=1)
        self.join_moves = ConvolutionBlock(channels + joined, channels, convolutions=1)

    def forward(self, values: Tensor, skip: Tensor, moves: Tensor | None) -> Tensor:
        values = fit_length(self.upsample(values), skip.shape[-1])
        values = self.join_skip(torch.cat((values, skip), 1))
        return self.join_moves(values if moves is None else torch.cat((values, moves), 1))


def _blocks(inputs: int, channels: tuple[int, ...]) -> list[ConvolutionBlock]:
    return [ConvolutionBlock(before, after) for before, after in zip((inputs, *channels), channels, strict=False)]


def _initialise(module: nn.Module) -> None:
    if isinstance(module, nn.Conv1d | nn.ConvTranspose1d):
        nn.init.xavier_normal_(module.weight)
        if module.bias is not None:
            nn.init.zeros_(module.bias)
