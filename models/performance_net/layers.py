"""Building blocks of PerformanceNet: convolutions over time, multi-band residual blocks, normalisation, padding. PyTorch."""

import torch
from torch import Tensor, nn
from torch.nn import functional


class ConvolutionBlock(nn.Module):
    """[B, inputs, T] -> [B, outputs, T]: convolutions over three frames, each normalised over the clip and rectified."""

    def __init__(self, inputs: int, outputs: int, convolutions: int = 2):
        super().__init__()
        channels = (inputs, *(outputs,) * convolutions)
        self.convolutions = nn.ModuleList(
            nn.Conv1d(before, after, 3, padding=1) for before, after in zip(channels, channels[1:], strict=False)
        )

    def forward(self, values: Tensor) -> Tensor:
        for convolution in self.convolutions:
            values = functional.leaky_relu(normalise(convolution(values)))
        return values


class MultiBandResidual(nn.Module):
    """[B, channels, T] -> the same: each band of channels has its own convolutions, with a residual connection around them."""

    def __init__(self, channels: int, bands: int):
        super().__init__()
        self.bands = bands
        # Grouped convolutions are one a band.
        self.first = nn.Conv1d(channels, channels, 3, padding=1, groups=bands)
        self.second = nn.Conv1d(channels, channels, 3, padding=1, groups=bands)

    def forward(self, values: Tensor) -> Tensor:
        inner = functional.leaky_relu(normalise(self.first(values)))
        return values + (values + normalise(self.second(inner)))


class FrameNorm(nn.Module):
    """[B, C, T]: layer norm over the channels of each frame, so that it needs no other frame."""

    def __init__(self, channels: int):
        super().__init__()
        self.norm = nn.LayerNorm(channels)

    def forward(self, values: Tensor) -> Tensor:
        return self.norm(values.transpose(1, 2)).transpose(1, 2)


def normalise(values: Tensor) -> Tensor:
    """[B, C, T]: every channel to mean 0 and variance 1 over the clip; a clip of one frame has no variance and stays as it is."""
    return functional.instance_norm(values) if values.shape[-1] > 1 else values


def fit_length(values: Tensor, frames: int) -> Tensor:
    """[B, C, T] -> [B, C, frames]: cut off, or filled with zeros, on both sides alike and then on the right."""
    missing = frames - values.shape[-1]
    if missing >= 0:
        return functional.pad(values, (missing // 2, missing - missing // 2))
    begin = -missing // 2
    return values[..., begin : begin + frames]


def causal_pad(values: Tensor, state: Tensor) -> tuple[Tensor, Tensor]:
    """Put ``state`` [B, C, S], the last frames before, in front of ``values`` [B, C, T]; return the joined frames and the next state."""
    joined = torch.cat((state, values), -1)
    return joined, joined[..., joined.shape[-1] - state.shape[-1] :]
