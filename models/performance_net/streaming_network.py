"""The real-time PerformanceNet: measured sounds of each key, and a small causal network that corrects their sum. PyTorch.

A struck or plucked string's sound fades in a way that hardly depends on anything but its key, its velocity, and how long ago it was struck
and let go. ``KeySpectra`` says just that, and the powers of notes add. The paper's parts then correct the logarithm of that sum: an encoder
of onsets and offsets, a contour, and multi-band residual blocks. Everything is causal after a look-ahead of LOOK_AHEAD frames (half a
transform's window), normalised frame by frame, with a bounded state: chunks of any length, one after the other, give what the whole gives.
Silence stays silence.
"""

from typing import Literal, NamedTuple

import torch
from pydantic import BaseModel, ConfigDict, Field, model_validator
from torch import Tensor, nn
from torch.nn import functional

from models.performance_net.key_spectra import LOOK_AHEAD, ROLL_HISTORY, TAIL, KeySpectra
from models.performance_net.layers import FrameNorm, causal_pad
from models.performance_net.representation import AGE, BINS, CHANNELS, KEYS, OFFSET, ONSET, SOUNDING

BANDED_BINS = BINS - 1  # the last one, at half the sample rate, is changed as its neighbour is
LOG_POWER_UNIT = 10.0  # about the largest log-power there is


class StreamingPerformanceNetConfig(BaseModel):
    """``dilations``: of the contour's convolutions over 3 frames; ``bands``: one entry a texture block."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    kind: Literal["streaming"]
    width: int = Field(gt=0)
    on_off_width: int = Field(gt=0)
    dilations: tuple[int, ...]
    bands: tuple[int, ...]

    @model_validator(mode="after")
    def _bands_divide_bins(self) -> "StreamingPerformanceNetConfig":
        if uneven := [bands for bands in self.bands if bands < 1 or BANDED_BINS % bands]:
            raise ValueError(f"{BANDED_BINS} frequency bins cannot be split into {uneven[0]} bands")
        return self


class StateShape(NamedTuple):
    """A part of a stream's state: its name and shape, without the batch."""

    name: str
    shape: tuple[int, ...]


class StreamingPerformanceNet(nn.Module):
    """Roll frames [B, CHANNELS, T] and a state -> of LOOK_AHEAD frames before, all [B, BINS, T], log-power spectra and the real and
    imaginary parts of a spectrum whose phases go with them (its magnitudes do not); and the next state."""

    def __init__(self, config: StreamingPerformanceNetConfig):
        super().__init__()
        self.config = config
        self.key_spectra = KeySpectra()
        self.on_off = nn.Conv1d(2 * KEYS, config.on_off_width, ROLL_HISTORY + 1)
        self.enter = nn.Conv1d(BINS + 2 * KEYS, config.width, 1)
        self.contour = nn.ModuleList(_ContourBlock(config.width, dilation) for dilation in config.dilations)
        self.leave = nn.Conv1d(config.width + config.on_off_width, BANDED_BINS, 1)
        self.texture = nn.ModuleList(_TextureBlock(bands) for bands in config.bands)
        self.output = nn.Conv1d(BANDED_BINS, BANDED_BINS, 1, groups=max(config.bands, default=1))
        nn.init.zeros_(self.output.weight)  # at first nothing is corrected
        nn.init.zeros_(self.output.bias)  # type: ignore[arg-type]

    def state_shapes(self) -> list[StateShape]:
        """Return the names and shapes of a stream's state, in the order of ``forward``."""
        contour = [StateShape(f"contour_{index}", (self.config.width, 2 * each)) for index, each in enumerate(self.config.dilations)]
        texture = [
            StateShape(f"texture_{index}_{part}", (BANDED_BINS, 2)) for index in range(len(self.texture)) for part in ("first", "second")
        ]
        return [
            StateShape("roll_history", (CHANNELS, ROLL_HISTORY)),
            StateShape("tail", (KEYS, TAIL)),
            *contour,
            *texture,
        ]

    def initial_state(self, batch: int) -> tuple[Tensor, ...]:
        """Return the state before anything was played: zeros."""
        parameter = self.output.weight
        return tuple(parameter.new_zeros(batch, *shape) for _, shape in self.state_shapes())

    def forward(self, roll: Tensor, *state: Tensor) -> tuple[Tensor, ...]:
        history, tail, *convolved = state
        joined, next_history = causal_pad(roll, history)
        sounding, next_tail = self.key_spectra(joined, tail)
        logarithm = torch.log1p(sounding.power)
        now = joined[..., LOOK_AHEAD : joined.shape[-1] - LOOK_AHEAD]
        states = iter(convolved)
        next_states: list[Tensor] = []
        values = self.enter(torch.cat((logarithm / LOG_POWER_UNIT, now[:, SOUNDING], now[:, AGE]), 1))
        for block in self.contour:
            values, next_state = block(values, next(states))
            next_states.append(next_state)
        moves = functional.leaky_relu(self.on_off(torch.cat((joined[:, ONSET], joined[:, OFFSET]), 1)))
        values = self.leave(functional.leaky_relu(torch.cat((values, moves), 1))) + logarithm[:, :BANDED_BINS] / LOG_POWER_UNIT
        for block in self.texture:
            values, first, second = block(values, next(states), next(states))
            next_states += [first, second]
        correction = self.output(values)
        correction = torch.cat((correction, correction[:, -1:]), 1)
        spectrum = torch.log1p(sounding.power * torch.exp(correction))
        return spectrum, sounding.real, sounding.imaginary, next_history, next_tail, *next_states

    def perform(self, roll: Tensor) -> Tensor:
        """Return the spectra [B, BINS, T - LOOK_AHEAD] of the first frames of a whole roll [B, CHANNELS, T]."""
        return self(roll, *self.initial_state(len(roll)))[0][..., LOOK_AHEAD:]

    def keys_alone(self, roll: Tensor) -> Tensor:
        """Return the result of ``perform`` without the correction."""
        history, tail = self.initial_state(len(roll))[:2]
        joined, _ = causal_pad(roll, history)
        return torch.log1p(self.key_spectra(joined, tail)[0].power)[..., LOOK_AHEAD:]


class _ContourBlock(nn.Module):
    """[B, width, T], residual: normalise, a causal convolution over three frames, rectify, mix."""

    def __init__(self, width: int, dilation: int):
        super().__init__()
        self.norm = FrameNorm(width)
        self.convolution = nn.Conv1d(width, width, 3, dilation=dilation)

    def forward(self, values: Tensor, state: Tensor) -> tuple[Tensor, Tensor]:
        joined, next_state = causal_pad(self.norm(values), state)
        return values + functional.leaky_relu(self.convolution(joined)), next_state


class _TextureBlock(nn.Module):
    """[B, BANDED_BINS, T], residual: two causal convolutions over three frames, each band's its own."""

    def __init__(self, bands: int):
        super().__init__()
        self.norm = FrameNorm(BANDED_BINS)
        self.first = nn.Conv1d(BANDED_BINS, BANDED_BINS, 3, groups=bands)
        self.second = nn.Conv1d(BANDED_BINS, BANDED_BINS, 3, groups=bands)

    def forward(self, values: Tensor, first: Tensor, second: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        joined, next_first = causal_pad(self.norm(values), first)
        joined, next_second = causal_pad(functional.leaky_relu(self.first(joined)), second)
        return values + self.second(joined), next_first, next_second
