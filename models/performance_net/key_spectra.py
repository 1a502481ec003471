"""What each key of an instrument sounds like: its spectrum at some ages of a note, and how it fades when it is damped."""

import torch
from torch import Tensor, nn

from models.performance_net.representation import AGE, BINS, FRAME_RATE, KEYS, OFFSET, OLDEST_S, SOUNDING

LOOK_AHEAD = 4  # frames: a transform's window begins to hear a note half its length, 1,024 samples, before the onset
ROLL_HISTORY = 2 * LOOK_AHEAD  # frames of the roll before the newest that are looked at
OLDEST_FRAMES = OLDEST_S * float(FRAME_RATE)
SCAN_FRAMES = 32  # a longer roll is gone through in pieces of so many


def spectrum_ages() -> Tensor:
    """Return the ages, in frames, between which a power is a straight line: every frame at the onset, then ever further apart."""
    attack = torch.arange(-LOOK_AHEAD, 9, dtype=torch.float32)
    return torch.cat((attack, torch.logspace(1, torch.log10(torch.tensor(OLDEST_FRAMES)).item(), 28)))


AGES = len(spectrum_ages())


class KeySpectra(nn.Module):
    """The sum of what all keys sound like.

    A note of key k and velocity v (of 1) has, at the n-th of ``ages``, the power v^exponent[k] * exp(power_log[k, n]), in units of
    log_power's scale |X|^2; when it is damped, that fades by exp(release_log[k]) nepers a frame.
    """

    ages: Tensor

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("ages", spectrum_ages(), persistent=False)
        self.power_log = nn.Parameter(torch.randn(KEYS, AGES, BINS))
        self.exponent = nn.Parameter(torch.full((KEYS,), 4.0))  # of amplitudes that go with the velocity's square
        self.release_log = nn.Parameter(torch.full((KEYS,), -1.0))

    def forward(self, joined: Tensor, tail: Tensor, key_power: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """Return power [B, BINS, T] and the next tail [B, KEYS, AGES]: how much of each age's power still sounds that was damped.

        ``joined`` [B, CHANNELS, ROLL_HISTORY + T] is the roll's last frames and T new ones; the power is of the T frames LOOK_AHEAD before.
        ``key_power`` [KEYS, AGES, BINS], if given, is in place of exp(power_log).
        """
        frames = joined.shape[-1] - ROLL_HISTORY
        velocity, age = joined[:, SOUNDING], joined[:, AGE].square() * OLDEST_FRAMES
        now, before = slice(LOOK_AHEAD, LOOK_AHEAD + frames), slice(LOOK_AHEAD - 1, LOOK_AHEAD - 1 + frames)
        sounding = self._activate(velocity[..., LOOK_AHEAD - 1 : LOOK_AHEAD + frames], age[..., LOOK_AHEAD - 1 : LOOK_AHEAD + frames])
        coming = self._activate(*_coming(velocity, age, frames))
        damped = (velocity[..., before] > 0) & ((velocity[..., now] == 0) | (age[..., now] < age[..., before]))
        rate = torch.exp(self.release_log)
        within = torch.exp(-rate[:, None] * (1 - joined[:, OFFSET, now].clamp(max=1)))  # the part of a frame in which it fades already
        tails, next_tail = _scan((damped * within).transpose(1, 2)[..., None] * sounding[:, :-1], tail, rate)
        activation = (sounding[:, 1:] + coming + tails).flatten(2)
        if key_power is None:
            key_power = torch.exp(self.power_log)
        return (activation @ key_power.flatten(0, 1)).transpose(1, 2), next_tail

    def _activate(self, velocity: Tensor, age: Tensor) -> Tensor:
        """Velocity and age in frames [B, KEYS, T] -> how much of each age's power sounds [B, T, KEYS, AGES]; none at velocity 0."""
        gain = torch.exp(self.exponent[:, None] * torch.log(velocity.clamp(min=1 / 127))) * (velocity > 0)
        return (interpolation(age, self.ages) * gain[..., None]).transpose(1, 2)


def interpolation(age: Tensor, ages: Tensor) -> Tensor:
    """Return [..., AGES], the shares of the two of ``ages`` beside each age; beyond their ends the end has all."""
    age = torch.minimum(torch.maximum(age, ages[0]), ages[-1])[..., None]
    passed = ((age - ages[:-1]) / (ages[1:] - ages[:-1])).clamp(0, 1)  # how far each interval is behind
    ends = torch.zeros_like(age)
    return torch.cat((ends + 1, passed), -1) - torch.cat((passed, ends), -1)


def _coming(velocity: Tensor, age: Tensor, frames: int) -> tuple[Tensor, Tensor]:
    """Return velocity and age (below 0) [B, KEYS, T] of the note that each key will begin within LOOK_AHEAD frames; velocity 0: none."""
    now = velocity[..., :frames]
    found, found_age = torch.zeros_like(now), torch.zeros_like(now)
    for ahead in range(LOOK_AHEAD, 0, -1):  # the nearest one is found last
        there = slice(LOOK_AHEAD + ahead, LOOK_AHEAD + ahead + frames)
        begins = (velocity[..., there] > 0) & (age[..., there] < 1)
        found = torch.where(begins, velocity[..., there], found)
        found_age = torch.where(begins, age[..., there] - ahead, found_age)
    return found, found_age


def _scan(entering: Tensor, tail: Tensor, rate: Tensor) -> tuple[Tensor, Tensor]:
    """tail[t] = exp(-rate) * tail[t - 1] + entering[t], for [B, T, KEYS, AGES] and rates [KEYS]; return all tails and the last."""
    if torch.compiler.is_compiling():
        return _scan_piece(entering, tail, rate)
    tails = []
    for piece in entering.split(SCAN_FRAMES, 1):
        piece_tails, tail = _scan_piece(piece, tail, rate)
        tails.append(piece_tails)
    return torch.cat(tails, 1), tail


def _scan_piece(entering: Tensor, tail: Tensor, rate: Tensor) -> tuple[Tensor, Tensor]:
    """All steps at once: a lower triangular matrix of powers, [KEYS, T, T]."""
    steps = torch.arange(1, entering.shape[1] + 1, device=entering.device, dtype=entering.dtype)
    passed = steps[:, None] - steps
    fading = torch.exp(-rate[:, None, None] * passed.clamp(min=0)) * (passed >= 0)
    added = torch.matmul(fading, entering.transpose(1, 2)).transpose(1, 2)
    kept = torch.exp(-steps[:, None] * rate)[None, :, :, None] * tail[:, None]
    tails = added + kept
    return tails, tails[:, -1]
