"""What each key of an instrument sounds like: its spectrum at some ages of a note, and how it fades when it is damped."""

import torch
from torch import Tensor, nn

from models.performance_net.representation import AGE, BINS, FRAME_RATE, KEYS, OFFSET, OLDEST_S, PEDAL, SOUNDING, SUSTAINED

LOOK_AHEAD = 4  # frames: a transform's window begins to hear a note half its length, 1,024 samples, before the onset
ROLL_HISTORY = 2 * LOOK_AHEAD  # frames of the roll before the newest that are looked at
OLDEST_FRAMES = OLDEST_S * float(FRAME_RATE)
RELEASE_VELOCITIES = (1, 40, 64, 72, 80, 88, 96, 104, 112, 120, 127)  # at which releases are told; between them lines are straight
TAIL = 4  # what is carried of a key's last damped note
SCAN_FRAMES = 32  # a longer roll is gone through in pieces of so many


def spectrum_ages() -> Tensor:
    """Return the ages, in frames, between which a power is a straight line: every frame at the onset, then ever further apart."""
    attack = torch.arange(-LOOK_AHEAD, 9, dtype=torch.float32)
    return torch.cat((attack, torch.logspace(1, torch.log10(torch.tensor(OLDEST_FRAMES)).item(), 28)))


AGES = len(spectrum_ages())


class KeySpectra(nn.Module):
    """The sum of what all keys sound like.

    A note of key k and velocity v (of 1) has, at the n-th of ``ages``, the power v^exponent[k] * exp(power_log[k, n]), in units of
    log_power's scale |X|^2; when it is damped, it goes on ageing, and fades by exp(release_log[k]) nepers a frame besides, which depends on
    its velocity. A key's last damped note is heard beside the one that sounds. One that is struck again under the pedal fades
    when the pedal is lifted.
    """

    ages: Tensor
    velocities: Tensor

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("ages", spectrum_ages(), persistent=False)
        self.register_buffer("velocities", torch.tensor(RELEASE_VELOCITIES, dtype=torch.float32), persistent=False)
        self.power_log = nn.Parameter(torch.randn(KEYS, AGES, BINS))
        self.exponent = nn.Parameter(torch.full((KEYS,), 4.0))  # of amplitudes that go with the velocity's square
        self.release_log = nn.Parameter(torch.full((KEYS, len(RELEASE_VELOCITIES)), -1.0))

    def forward(self, joined: Tensor, tail: Tensor, key_power: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """Return power [B, BINS, T] and the next tail [B, KEYS, TAIL]: of the last damped note the strength, age (frames), release,
        and whether the pedal still holds it.

        ``joined`` [B, CHANNELS, ROLL_HISTORY + T] is the roll's last frames and T new ones; the power is of the T frames LOOK_AHEAD before.
        ``key_power`` [KEYS, AGES, BINS], if given, is in place of exp(power_log).
        """
        frames = joined.shape[-1] - ROLL_HISTORY
        velocity, age = joined[:, SOUNDING], joined[:, AGE].square() * OLDEST_FRAMES
        strength = torch.exp(self.exponent[:, None] * torch.log(velocity.clamp(min=1 / 127))) * (velocity > 0)
        now, before = slice(LOOK_AHEAD, LOOK_AHEAD + frames), slice(LOOK_AHEAD - 1, LOOK_AHEAD - 1 + frames)
        activation = self._activate(strength[..., now], age[..., now]) + self._activate(*_coming(strength, age, frames))
        damped = (strength[..., before] > 0) & ((strength[..., now] == 0) | (age[..., now] < age[..., before]))
        rate = self._release(velocity[..., before])
        fading = (joined[:, None, PEDAL, now] < SUSTAINED / 127 - 1e-4).to(age.dtype)  # [B, 1, T]: what the pedal would hold
        held = (velocity[..., now] > 0) * (1 - fading)
        within = (1 - held) * (1 - joined[:, OFFSET, now].clamp(max=1))  # the part of a frame in which it fades already
        entering = strength[..., before] * torch.exp(-rate * within), age[..., before] + 1, rate, held
        tails, tail_ages, next_tail = _scan(damped, entering, fading, tail)
        activation = (activation + self._activate(tails, tail_ages)).flatten(2)
        if key_power is None:
            key_power = torch.exp(self.power_log)
        return (activation @ key_power.flatten(0, 1)).transpose(1, 2), next_tail

    def _release(self, velocity: Tensor) -> Tensor:
        """Velocity (of 1) [B, KEYS, T] -> nepers a frame."""
        return torch.matmul(interpolation(velocity * 127, self.velocities), torch.exp(self.release_log)[..., None])[..., 0]

    def _activate(self, strength: Tensor, age: Tensor) -> Tensor:
        """Strength and age in frames [B, KEYS, T] -> how much of each age's power sounds [B, T, KEYS, AGES]."""
        return (interpolation(age, self.ages) * strength[..., None]).transpose(1, 2)


def interpolation(age: Tensor, ages: Tensor) -> Tensor:
    """Return [..., AGES], the shares of the two of ``ages`` beside each age; beyond their ends the end has all."""
    age = torch.minimum(torch.maximum(age, ages[0]), ages[-1])[..., None]
    passed = ((age - ages[:-1]) / (ages[1:] - ages[:-1])).clamp(0, 1)  # how far each interval is behind
    ends = torch.zeros_like(age)
    return torch.cat((ends + 1, passed), -1) - torch.cat((passed, ends), -1)


def _coming(strength: Tensor, age: Tensor, frames: int) -> tuple[Tensor, Tensor]:
    """Return strength and age (below 0) [B, KEYS, T] of the note that each key will begin within LOOK_AHEAD frames; strength 0: none."""
    now = strength[..., :frames]
    found, found_age = torch.zeros_like(now), torch.zeros_like(now)
    for ahead in range(LOOK_AHEAD, 0, -1):  # the nearest one is found last
        there = slice(LOOK_AHEAD + ahead, LOOK_AHEAD + ahead + frames)
        begins = (strength[..., there] > 0) & (age[..., there] < 1)
        found = torch.where(begins, strength[..., there], found)
        found_age = torch.where(begins, age[..., there] - ahead, found_age)
    return found, found_age


Entering = tuple[Tensor, Tensor, Tensor, Tensor]


def _scan(damped: Tensor, entering: Entering, fading: Tensor, tail: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Return strength and age [B, KEYS, T] of the last note that was damped, and the tail [B, KEYS, TAIL] after them.

    ``damped`` [B, KEYS, T] says where one is, and then ``entering`` has its strength, age, release and whether the pedal holds
    it there; ``fading`` [B, 1, T] is 1 where the pedal is up.
    """
    if torch.compiler.is_compiling():
        return _scan_piece(damped, entering, fading, tail)
    pieces = []
    for damped_piece, fading_piece, *piece in zip(*(each.split(SCAN_FRAMES, -1) for each in (damped, fading, *entering)), strict=True):
        strengths, ages, tail = _scan_piece(damped_piece, (piece[0], piece[1], piece[2], piece[3]), fading_piece, tail)
        pieces.append((strengths, ages))
    strengths, ages = (torch.cat(parts, -1) for parts in zip(*pieces, strict=True))
    return strengths, ages, tail


def _scan_piece(damped: Tensor, entering: Entering, fading: Tensor, tail: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """All frames at once: each looks for the last one until it, itself included, in which a note was damped."""
    steps = torch.arange(damped.shape[-1], device=tail.device, dtype=tail.dtype)
    seen = (steps[:, None] >= steps) & damped[..., None, :]  # [B, KEYS, T, T]
    last = torch.where(seen, steps, -1.0).amax(-1)  # -1: none, but perhaps the tail
    begun, index = last >= 0, last.clamp(min=0).long()
    strength, age, rate, held = (torch.where(begun, each.gather(-1, index), tail[..., part, None]) for part, each in enumerate(entering))
    lifted = torch.cumsum(fading, -1).expand_as(last)  # for how many frames the pedal was up
    lifted = lifted - torch.where(begun, lifted.gather(-1, index), 0.0)
    passed = steps - last
    strengths, ages = strength * torch.exp(-rate * torch.where(held > 0, lifted, passed)), age + passed
    held = held * (lifted == 0)  # it is not caught again
    return strengths, ages, torch.stack([each[..., -1] for each in (strengths, ages, rate, held)], -1)
