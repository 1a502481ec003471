"""The PerformanceNet of a bowed or blown instrument: measured sounds of its notes, and nothing trained. PyTorch.

Beside ``SustainedKeys`` it only adds phases to the noise, whose power alone is known: where no partial is near, those of a noise that
repeats every HISS_FRAMES.
"""

import torch
from torch import Tensor, nn

from models.performance_net.instruments import SOLO_INSTRUMENTS
from models.performance_net.key_spectra import ROLL_HISTORY
from models.performance_net.layers import causal_pad
from models.performance_net.representation import BINS, CHANNELS, FFT_SAMPLES, HOP_SAMPLES, POWER_SCALE
from models.performance_net.streaming_network import StateShape
from models.performance_net.sustained_keys import SUSTAINED_TAIL, SustainedKeys

HISS_FRAMES = 256  # 1.5 s


class SoloPerformanceNet(nn.Module):
    """Of one of SOLO_INSTRUMENTS. Roll frames [B, CHANNELS, T] and a state -> what ``StreamingPerformanceNet`` returns."""

    hiss: Tensor

    def __init__(self, instrument: str) -> None:
        super().__init__()
        self.key_sounds = SustainedKeys(SOLO_INSTRUMENTS[instrument])
        drawn = torch.randn(HISS_FRAMES * HOP_SAMPLES, generator=torch.Generator().manual_seed(0))
        self.register_buffer("hiss", drawn.half())

    def state_shapes(self) -> list[StateShape]:
        """Return the names and shapes of a stream's state, in the order of ``forward``."""
        tail = StateShape("tail", (len(self.key_sounds.loop), SUSTAINED_TAIL))
        return [StateShape("roll_history", (CHANNELS, ROLL_HISTORY)), tail, StateShape("hiss_frame", (1,))]

    def initial_state(self, batch: int) -> tuple[Tensor, ...]:
        """Return the state before anything was played: zeros."""
        return tuple(self.hiss.new_zeros((batch, *shape), dtype=torch.float32) for _, shape in self.state_shapes())

    def forward(self, roll: Tensor, *state: Tensor) -> tuple[Tensor, ...]:
        history, tail, hiss_frame = state
        joined, next_history = causal_pad(roll, history)
        sounding, next_tail = self.key_sounds(joined, tail)
        numbers = hiss_frame + torch.arange(roll.shape[-1] + 1, device=roll.device)  # [B, T + 1]
        numbers = numbers - HISS_FRAMES * torch.floor(numbers / HISS_FRAMES)
        hiss = self.hiss_spectra()[numbers[:, :-1].long()].transpose(1, 2)  # [B, 2 BINS, T]
        level = torch.sqrt(sounding.noise / POWER_SCALE)
        real, imaginary = sounding.real + level * hiss[:, :BINS], sounding.imaginary + level * hiss[:, BINS:]
        return torch.log1p(sounding.power), real, imaginary, next_history, next_tail, numbers[:, -1:]

    def hiss_spectra(self) -> Tensor:
        """Return [HISS_FRAMES, 2 BINS], real parts first, of mean power 1, phases at the windows' centres."""
        hops = self.hiss.float().reshape(HISS_FRAMES, HOP_SAMPLES)
        window = self.key_sounds.window
        windows = torch.cat([torch.roll(hops, -later, 0) for later in range(FFT_SAMPLES // HOP_SAMPLES)], 1) * window / window.norm()
        spectra = torch.fft.rfft(torch.roll(windows, FFT_SAMPLES // 2, -1))
        return torch.cat((spectra.real, spectra.imag), -1)
