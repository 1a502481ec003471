"""The sound of each key of an instrument: an attack, the partials that follow it, and the noise between them. PyTorch.

This is the classical division into sines, transients and noise: Serra, Smith, "Spectral modeling synthesis", Computer Music Journal
14(4), 1990; Verma, Meng, "Extending spectral modeling synthesis with transient modeling synthesis", Computer Music Journal 24(2), 2000.
Attacks and partials have phases, so that those of different notes beat where they meet; noise adds in power.
"""

from typing import NamedTuple

import torch
from torch import Tensor, nn

from models.performance_net.representation import (
    AGE,
    BINS,
    FFT_SAMPLES,
    FRAME_RATE,
    HOP_SAMPLES,
    KEYS,
    OFFSET,
    OLDEST_S,
    PEDAL,
    POWER_SCALE,
    SOUNDING,
    SUSTAINED,
    WINDOW,
)

LOOK_AHEAD = 4  # frames: a transform's window begins to hear a note half its length, 1,024 samples, before the onset
ROLL_HISTORY = 2 * LOOK_AHEAD  # frames of the roll before the newest that are looked at
OLDEST_FRAMES = OLDEST_S * float(FRAME_RATE)
STEPS = 4  # a frame: notes begin at whole ones, of 64 samples, as FluidSynth's do
POSITIONS = 2 * LOOK_AHEAD * STEPS  # of an onset in a window, from a step after its beginning
PARTIALS, PARTIAL_BINS = 48, 704  # a key's, and those in which they are heard: up to 15 kHz
RELEASE_VELOCITIES = (1, 40, 64, 72, 80, 88, 96, 104, 112, 120, 127)  # at which releases are told; between them lines are straight
TAIL = 4  # what is carried of a key's last damped note
NEVER = 1e9  # frames
SCAN_FRAMES = 32  # a longer roll is gone through in pieces of so many

_PERIOD = FFT_SAMPLES // HOP_SAMPLES * STEPS  # steps in which a sine of the first bin comes round


def envelope_ages() -> Tensor:
    """Return the ages, in frames, between which partials change along straight lines: every frame, then 14 apart, then ever further."""
    apart = torch.cat((torch.ones(12), torch.arange(1, 14, 0.5), torch.full((30,), 14.0)))
    near = LOOK_AHEAD + torch.cat((torch.zeros(1), torch.cumsum(apart, 0)))
    return torch.cat((near, torch.logspace(torch.log10(near[-1]).item(), torch.log10(torch.tensor(OLDEST_FRAMES)).item(), 36)[1:]))


def noise_ages() -> Tensor:
    """Return the ages, in frames, between which the power of noise is a straight line."""
    return torch.logspace(torch.log10(torch.tensor(float(LOOK_AHEAD))).item(), torch.log10(torch.tensor(OLDEST_FRAMES)).item(), 24)


ENVELOPE_AGES, NOISE_AGES = len(envelope_ages()), len(noise_ages())


class Sounding(NamedTuple):
    """What sounds in T frames: the ``power`` [B, BINS, T] in log_power's unit, and the spectrum [B, BINS, T], in parts, of what of it has
    a phase: that at the centre of the window. ``noise`` is the power of the rest."""

    power: Tensor
    real: Tensor
    imaginary: Tensor
    noise: Tensor


class Tables(NamedTuple):
    """What follows from the buffers of ``KeySounds``: spectra of attacks [keys POSITIONS, 2 BINS], real parts first; what
    ``partial_spectra`` returns; powers of noise [keys NOISE_AGES, BINS]."""

    attacks: Tensor
    partials: Tensor
    noise: Tensor


class Played(NamedTuple):
    """What a roll's last frames and T new ones say [B, keys, ROLL_HISTORY + T]: velocities (of 1), ages in frames, marks of offsets; and
    the depth of the pedal [B, 1, ROLL_HISTORY + T]."""

    velocity: Tensor
    age: Tensor
    offset: Tensor
    pedal: Tensor


class KeySounds(nn.Module):
    """The sum of what all keys sound like. A note of velocity v (of 1) has v^2 of the amplitudes that are told here, measured, not trained.

    While the onset is in the window of a frame, a note's spectrum is that of its ``attack`` [keys, FFT_SAMPLES], which begins with
    the onset. Later it is that of its partials, which a kind of keys has its own way to tell; beside them there is noise of the power
    exp(noise_log) [keys, ages of noise, BINS]. A note that is damped goes on ageing, and fades by exp(release_log) nepers of power a
    frame besides, which depends on its velocity. A key's last damped note is heard beside the one that sounds. One that is struck again
    under the pedal fades when the pedal is lifted.
    """

    attack: Tensor
    noise_log: Tensor
    release_log: Tensor
    window: Tensor
    noise_ages: Tensor
    velocities: Tensor

    def __init__(self, keys: int, ages_of_noise: Tensor) -> None:
        super().__init__()
        self.register_buffer("attack", 0.1 * torch.randn(keys, FFT_SAMPLES))
        self.register_buffer("noise_log", torch.randn(keys, len(ages_of_noise), BINS).half())  # to 0.03 dB
        self.register_buffer("release_log", torch.full((keys, len(RELEASE_VELOCITIES)), -1.0))
        self._kept: tuple[list[int], Tables] | None = None
        self.register_buffer("window", torch.from_numpy(WINDOW), persistent=False)
        self.register_buffer("noise_ages", ages_of_noise, persistent=False)
        self.register_buffer("velocities", torch.tensor(RELEASE_VELOCITIES, dtype=torch.float32), persistent=False)

    def partials(self, amplitudes: Tensor, steps: Tensor, spectra: Tensor) -> Tensor:
        """Amplitude and age in steps of two voices a key [B, keys, 2 T] -> the partials' spectrum [B, 2, T, PARTIAL_BINS], in parts."""
        raise NotImplementedError

    def partial_spectra(self) -> Tensor:
        """Return the tables that ``partials`` needs; they are computed once."""
        raise NotImplementedError

    def sound(self, played: Played, tail: Tensor) -> tuple[Sounding, Tensor]:
        """Return what sounds, and the next tail [B, keys, TAIL]: of the last damped note the amplitude, age (frames), release,
        and whether the pedal still holds it. What sounds is of the T frames LOOK_AHEAD before the new ones.
        """
        velocity, age = played.velocity, played.age
        frames = age.shape[-1] - ROLL_HISTORY
        now = slice(LOOK_AHEAD, LOOK_AHEAD + frames)
        tails, tail_ages, next_tail = self._damped(played, tail)
        amplitudes, ages = torch.cat((velocity[..., now].square(), tails), -1), torch.cat((age[..., now], tail_ages), -1)
        steps = torch.round(STEPS * ages)
        amplitudes = amplitudes * (steps > LOOK_AHEAD * STEPS)
        tables = self.tables()
        attack = attacks(velocity.square(), age, frames) @ tables.attacks
        partials = nn.functional.pad(self.partials(amplitudes, steps, tables.partials), (0, BINS - PARTIAL_BINS))
        real, imaginary = (partials + attack.unflatten(-1, (2, BINS)).transpose(1, 2)).transpose(2, 3).unbind(1)
        noise = _both_voices(interpolation(steps / STEPS, self.noise_ages) * amplitudes.square()[..., None])
        noise = (noise.transpose(1, 2).flatten(2) @ tables.noise).transpose(1, 2)
        power = POWER_SCALE * (real.square() + imaginary.square()) + noise
        return Sounding(power, real, imaginary, noise), next_tail

    def tables(self) -> Tables:
        """Return what is computed once; a graph that is exported has it as operations on the buffers, which are a tenth as large."""
        if torch.compiler.is_compiling():
            return self._compute_tables()
        measured = [id(part) + part._version for part in self.buffers()]
        if self._kept is None or self._kept[0] != measured:
            self._kept = measured, self._compute_tables()
        return self._kept[1]

    def _compute_tables(self) -> Tables:
        return Tables(self._attack_spectra(), self.partial_spectra(), torch.exp(self.noise_log.float()).flatten(0, 1))

    def _attack_spectra(self) -> Tensor:
        padded = nn.functional.pad(self.attack, (FFT_SAMPLES, 0))
        hop = HOP_SAMPLES // STEPS
        begins = [FFT_SAMPLES // 2 + hop * position for position in range(-POSITIONS // 2 + 1, POSITIONS // 2 + 1)]
        windows = torch.stack([padded[:, begin : begin + FFT_SAMPLES] for begin in begins], 1) * self.window
        spectra = torch.fft.rfft(torch.roll(windows, FFT_SAMPLES // 2, -1)).flatten(0, 1)  # phases at the centre
        return torch.cat((spectra.real, spectra.imag), -1)

    def _damped(self, played: Played, tail: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Return the amplitude and age [B, keys, T] of each key's last damped note, and the next tail."""
        velocity, age, offset, pedal = played
        frames = age.shape[-1] - ROLL_HISTORY
        now, before = slice(LOOK_AHEAD, LOOK_AHEAD + frames), slice(LOOK_AHEAD - 1, LOOK_AHEAD - 1 + frames)
        damped = (velocity[..., before] > 0) & ((velocity[..., now] == 0) | (age[..., now] < age[..., before]))
        rate = self._release(velocity[..., before])
        fading = (pedal[..., now] < SUSTAINED / 127 - 1e-4).to(age.dtype)  # [B, 1, T]: what the pedal would hold
        held = (velocity[..., now] > 0) * (1 - fading)
        within = (1 - held) * (1 - offset[..., now].clamp(max=1))  # the part of a frame in which it fades already
        entering = velocity[..., before].square() * torch.exp(-rate * within), age[..., before] + 1, rate, held
        return _scan(damped, entering, fading, tail)

    def _release(self, velocity: Tensor) -> Tensor:
        """Velocity (of 1) [B, keys, T] -> nepers of amplitude a frame."""
        return torch.matmul(interpolation(velocity * 127, self.velocities), torch.exp(self.release_log)[..., None])[..., 0] / 2


class KeySpectra(KeySounds):
    """Keys of strings that are struck or plucked, all of a piano's.

    A note's partials have the frequencies ``bins`` [KEYS, PARTIALS]: the n-th of ``envelope_ages`` after the onset, their amplitudes,
    times their rotation since then, are ``envelope`` [KEYS, ENVELOPE_AGES, 2 PARTIALS], real parts first.
    """

    bins: Tensor
    envelope: Tensor
    envelope_ages: Tensor

    def __init__(self) -> None:
        super().__init__(KEYS, noise_ages())
        self.register_buffer("bins", torch.rand(KEYS, PARTIALS) * PARTIAL_BINS)
        self.register_buffer("envelope", 0.1 * torch.randn(KEYS, ENVELOPE_AGES, 2 * PARTIALS).half())
        self.register_buffer("envelope_ages", envelope_ages(), persistent=False)

    def forward(self, joined: Tensor, tail: Tensor) -> tuple[Sounding, Tensor]:
        """``joined`` [B, CHANNELS, ROLL_HISTORY + T] is the roll's last frames and T new ones; see ``sound``."""
        age = joined[:, AGE].square() * OLDEST_FRAMES
        return self.sound(Played(joined[:, SOUNDING], age, joined[:, OFFSET], joined[:, None, PEDAL]), tail)

    def partial_spectra(self) -> Tensor:
        """Return those of amplitude 1 [KEYS PARTIALS, PARTIAL_BINS]."""
        return lobes(self.bins.flatten())

    def partials(self, amplitudes: Tensor, steps: Tensor, spectra: Tensor) -> Tensor:
        weights = interpolation(steps / STEPS, self.envelope_ages) * amplitudes[..., None]
        real, imaginary = (weights @ self.envelope.float()).split(PARTIALS, -1)  # [B, KEYS, 2 T, PARTIALS]
        whole = torch.round(self.bins)[:, None]
        turned = whole * steps[..., None]  # exact
        turns = (turned - _PERIOD * torch.floor(turned / _PERIOD) + (self.bins[:, None] - whole) * steps[..., None]) / _PERIOD
        cosine, sine = torch.cos(2 * torch.pi * turns), torch.sin(2 * torch.pi * turns)
        parts = _both_voices(real * cosine - imaginary * sine), _both_voices(real * sine + imaginary * cosine)
        return torch.stack(parts, 1).transpose(2, 3).flatten(3) @ spectra


def attacks(amplitude: Tensor, age: Tensor, frames: int) -> Tensor:
    """Return [B, T, keys POSITIONS], the amplitude of the note whose onset is at each position of a frame's window, the last position, at
    the window's end, first.

    ``amplitude`` and ``age`` [B, keys, ROLL_HISTORY + T] are of what sounds. A note is told of by the frame at its onset or after.
    """
    steps = torch.round(STEPS * age)[..., None]
    begun = torch.where((age < 1)[..., None] & (steps == torch.arange(STEPS + 1, device=age.device)), amplitude[..., None], 0.0)
    of_next = nn.functional.pad(begun[..., 1:, STEPS:], (0, STEPS - 1, 0, 1))  # nearly a frame ago: at the frame before
    begun = begun[..., :STEPS] + of_next
    nearer = torch.cat([begun[..., ahead : ahead + frames, :] for ahead in range(ROLL_HISTORY, -1, -1)], -1)
    return nearer[..., 1 : 1 + POSITIONS].transpose(1, 2).flatten(2)


def _both_voices(values: Tensor) -> Tensor:
    """Return the sum [B, keys, T, n] of two voices [B, keys, 2 T, n]."""
    frames = values.shape[-2] // 2
    return values[..., :frames, :] + values[..., frames:, :]


def lobes(bins: Tensor) -> Tensor:
    """Return the spectra [n, PARTIAL_BINS] of sines of amplitude 1 at ``bins`` (n,), through a Hann window with phases at its centre."""
    away = torch.arange(PARTIAL_BINS, device=bins.device) - bins[:, None]
    return FFT_SAMPLES / 4 * (torch.sinc(away) + (torch.sinc(away - 1) + torch.sinc(away + 1)) / 2)


def interpolation(age: Tensor, ages: Tensor) -> Tensor:
    """Return [..., AGES], the shares of the two of ``ages`` beside each age; beyond their ends the end has all."""
    age = torch.minimum(torch.maximum(age, ages[0]), ages[-1])[..., None]
    passed = ((age - ages[:-1]) / (ages[1:] - ages[:-1])).clamp(0, 1)  # how far each interval is behind
    ends = torch.zeros_like(age)
    return torch.cat((ends + 1, passed), -1) - torch.cat((passed, ends), -1)


Entering = tuple[Tensor, Tensor, Tensor, Tensor]


def _scan(damped: Tensor, entering: Entering, fading: Tensor, tail: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Return amplitude and age [B, keys, T] of the last note that was damped, and the tail [B, keys, TAIL] after them.

    ``damped`` [B, keys, T] says where one is, and then ``entering`` has its amplitude, age, release and whether the pedal holds
    it there; ``fading`` [B, 1, T] is 1 where the pedal is up.
    """
    if torch.compiler.is_compiling():
        return _scan_piece(damped, entering, fading, tail)
    pieces = []
    for damped_piece, fading_piece, *piece in zip(*(each.split(SCAN_FRAMES, -1) for each in (damped, fading, *entering)), strict=True):
        amplitudes, ages, tail = _scan_piece(damped_piece, (piece[0], piece[1], piece[2], piece[3]), fading_piece, tail)
        pieces.append((amplitudes, ages))
    amplitudes, ages = (torch.cat(parts, -1) for parts in zip(*pieces, strict=True))
    return amplitudes, ages, tail


def _scan_piece(damped: Tensor, entering: Entering, fading: Tensor, tail: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """All frames at once: each looks for the last one until it, itself included, in which a note was damped."""
    steps = torch.arange(damped.shape[-1], device=tail.device, dtype=tail.dtype)
    seen = (steps[:, None] >= steps) & damped[..., None, :]  # [B, KEYS, T, T]
    last = torch.where(seen, steps, -1.0).amax(-1)  # -1: none, but perhaps the tail
    begun, index = last >= 0, last.clamp(min=0).long()
    amplitude, age, rate, held = (torch.where(begun, each.gather(-1, index), tail[..., part, None]) for part, each in enumerate(entering))
    up = torch.where(fading > 0, steps, NEVER)  # [B, 1, T]
    next_up = torch.where(steps > steps[:, None], up[..., None, :], NEVER).amin(-1).expand_as(last)
    lifted = torch.where(begun, next_up.gather(-1, index), up.amin(-1, keepdim=True))  # the frame
    passed, fading_for = steps - last, (steps - lifted + 1).clamp(min=0)
    amplitudes, ages = amplitude * torch.exp(-rate * torch.where(held > 0, fading_for, passed)), age + passed
    held = held * (fading_for == 0)  # it is not caught again
    return amplitudes, ages, torch.stack([each[..., -1] for each in (amplitudes, ages, rate, held)], -1)
