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

LOOK_AHEAD = 4  # frames: the window reaches half its length, 1,024 samples, ahead of its frame, so it contains onsets that are yet to come
ROLL_HISTORY = 2 * LOOK_AHEAD  # frames before the newest that a frame's sound depends on
OLDEST_FRAMES = OLDEST_S * float(FRAME_RATE)
STEPS = 4  # a frame has so many steps, of 64 samples; notes begin at whole steps, as FluidSynth's do
POSITIONS = 2 * LOOK_AHEAD * STEPS  # the places in a window at which an onset can lie, from a step after its beginning
PARTIALS, PARTIAL_BINS = 48, 704  # partials of a key, and the bins that they lie in: up to 15 kHz
RELEASE_VELOCITIES = (1, 40, 64, 72, 80, 88, 96, 104, 112, 120, 127)  # where releases are measured; between them they are interpolated
TAIL = 4  # numbers that describe a key's last damped note
NEVER = 1e9  # frames
INAUDIBLE = 1e-8  # of full scale: a fading note that is softer, which 24 bits do not hold, is over
SCAN_FRAMES = 32  # longer rolls are scanned in pieces of so many frames

_PERIOD = FFT_SAMPLES // HOP_SAMPLES * STEPS  # steps that a sine at the first bin takes for one period


def envelope_ages() -> Tensor:
    """Return the ages (ENVELOPE_AGES,), in frames, between which partials are interpolated linearly.

    They lie one frame apart at first, then 14, then further and further.
    """
    apart = torch.cat((torch.ones(12), torch.arange(1, 14, 0.5), torch.full((30,), 14.0)))
    near = LOOK_AHEAD + torch.cat((torch.zeros(1), torch.cumsum(apart, 0)))
    return torch.cat((near, torch.logspace(torch.log10(near[-1]).item(), torch.log10(torch.tensor(OLDEST_FRAMES)).item(), 36)[1:]))


def noise_ages() -> Tensor:
    """Return the ages (NOISE_AGES,), in frames, between which the power of the noise is interpolated linearly."""
    return torch.logspace(torch.log10(torch.tensor(float(LOOK_AHEAD))).item(), torch.log10(torch.tensor(OLDEST_FRAMES)).item(), 24)


ENVELOPE_AGES, NOISE_AGES = len(envelope_ages()), len(noise_ages())


class Sounding(NamedTuple):
    """The sound of T frames, each field [B, BINS, T].

    ``power`` is in log_power's unit. ``real`` and ``imaginary`` are the spectrum of attacks and partials, with phases at the window's
    centre. ``noise`` is the power of the noise, which has no phase.
    """

    power: Tensor
    real: Tensor
    imaginary: Tensor
    noise: Tensor


class Tables(NamedTuple):
    """Tables that follow from the buffers of ``KeySounds``.

    ``attacks`` [keys POSITIONS, 2 BINS] are spectra, real parts first; ``partials`` is what ``partial_spectra`` returns; ``noise``
    [keys NOISE_AGES, BINS] are powers.
    """

    attacks: Tensor
    partials: Tensor
    noise: Tensor


class Played(NamedTuple):
    """The last frames of a roll and T new ones, each field [B, keys, ROLL_HISTORY + T], of ``pedal`` [B, 1, ROLL_HISTORY + T].

    ``velocity`` is 0 to 1, ``age`` in frames, ``offset`` marks where notes end, ``pedal`` is its depth, 0 to 1.
    """

    velocity: Tensor
    age: Tensor
    offset: Tensor
    pedal: Tensor


class KeySounds(nn.Module):
    """The sum of the sounds of all keys. The buffers are measured, not trained; a note of velocity v (0 to 1) has v^2 of their amplitudes.

    While the onset lies in a frame's window, a note's spectrum is that of its ``attack`` [keys, FFT_SAMPLES], which begins with the onset.
    Later it is that of its partials, which subclasses describe, and of noise with the power exp(noise_log) [keys, ages of noise, BINS]. A
    damped note goes on ageing and additionally fades by exp(release_log) nepers of power a frame, which depends on its velocity. A key's
    last damped note sounds beside the key's present note. A note whose key is struck again under the pedal fades when the pedal is lifted.
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
        """Return the partials' spectrum [B, 2, T, PARTIAL_BINS], real and imaginary parts.

        ``amplitudes`` and ``steps``, the ages, are of two voices a key [B, keys, 2 T]; ``spectra`` is what ``partial_spectra`` returns.
        """
        raise NotImplementedError

    def partial_spectra(self) -> Tensor:
        """Return the tables that ``partials`` reads. They are computed once."""
        raise NotImplementedError

    def sound(self, played: Played, tail: Tensor) -> tuple[Sounding, Tensor]:
        """Return the sound of the T frames that lie LOOK_AHEAD before the new ones, and the next tail [B, keys, TAIL].

        The tail has of each key's last damped note the amplitude, the age in frames, the release, and whether the pedal still holds it.
        """
        velocity, age = played.velocity, played.age
        frames = age.shape[-1] - ROLL_HISTORY
        now = slice(LOOK_AHEAD, LOOK_AHEAD + frames)
        tails, tail_ages, next_tail = self._damped(played, tail)
        amplitudes, ages = torch.cat((velocity[..., now].square(), tails), -1), torch.cat((age[..., now], tail_ages), -1)
        steps = torch.round(STEPS * ages)
        amplitudes = amplitudes * ((steps > LOOK_AHEAD * STEPS) & (amplitudes > INAUDIBLE))
        tables = self.tables()
        attack = attacks(velocity.square(), age, frames) @ tables.attacks
        partials = nn.functional.pad(self.partials(amplitudes, steps, tables.partials), (0, BINS - PARTIAL_BINS))
        real, imaginary = (partials + attack.unflatten(-1, (2, BINS)).transpose(1, 2)).transpose(2, 3).unbind(1)
        noise = _both_voices(interpolation(steps / STEPS, self.noise_ages) * amplitudes.square()[..., None])
        noise = (noise.transpose(1, 2).flatten(2) @ tables.noise).transpose(1, 2)
        power = POWER_SCALE * (real.square() + imaginary.square()) + noise
        return Sounding(power, real, imaginary, noise), next_tail

    def tables(self) -> Tables:
        """Return the tables, which are kept until a buffer changes.

        An exported graph computes them itself, because the buffers are a tenth as large as the tables.
        """
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
        fading = (pedal[..., now] < SUSTAINED / 127 - 1e-4).to(age.dtype)  # [B, 1, T]: the pedal holds nothing
        held = (velocity[..., now] > 0) * (1 - fading)
        within = (1 - held) * (1 - offset[..., now].clamp(max=1))  # the part of the frame after its end
        entering = velocity[..., before].square() * torch.exp(-rate * within), age[..., before] + 1, rate, held
        return _scan(damped, entering, fading, tail)

    def _release(self, velocity: Tensor) -> Tensor:
        """Return the release in nepers of amplitude a frame, of velocities 0 to 1 [B, keys, T]."""
        return torch.matmul(interpolation(velocity * 127, self.velocities), torch.exp(self.release_log)[..., None])[..., 0] / 2


class KeySpectra(KeySounds):
    """The keys of a piano: struck strings, whose partials keep their frequencies.

    ``bins`` [KEYS, PARTIALS] are the frequencies. ``envelope`` [KEYS, ENVELOPE_AGES, 2 PARTIALS], real parts first, holds the partials'
    amplitudes at each of ``envelope_ages``, without their rotation since the onset.
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
        """``joined`` [B, CHANNELS, ROLL_HISTORY + T] holds the last frames of the roll and T new ones; see ``sound``."""
        age = joined[:, AGE].square() * OLDEST_FRAMES
        return self.sound(Played(joined[:, SOUNDING], age, joined[:, OFFSET], joined[:, None, PEDAL]), tail)

    def partial_spectra(self) -> Tensor:
        """Return the spectra of partials of amplitude 1 [KEYS PARTIALS, PARTIAL_BINS]."""
        return lobes(self.bins.flatten())

    def partials(self, amplitudes: Tensor, steps: Tensor, spectra: Tensor) -> Tensor:
        key = torch.arange(KEYS, device=steps.device)[:, None]
        partials = between_rows(self.envelope, key, *between_ages(steps / STEPS, self.envelope_ages)) * amplitudes[..., None]
        real, imaginary = partials.split(PARTIALS, -1)  # [B, KEYS, 2 T, PARTIALS]
        whole = torch.round(self.bins)[:, None]
        turned = whole * steps[..., None]  # exact
        turns = (turned - _PERIOD * torch.floor(turned / _PERIOD) + (self.bins[:, None] - whole) * steps[..., None]) / _PERIOD
        cosine, sine = torch.cos(2 * torch.pi * turns), torch.sin(2 * torch.pi * turns)
        parts = _both_voices(real * cosine - imaginary * sine), _both_voices(real * sine + imaginary * cosine)
        return torch.stack(parts, 1).transpose(2, 3).flatten(3) @ spectra


def attacks(amplitude: Tensor, age: Tensor, frames: int) -> Tensor:
    """Return the amplitudes [B, T, keys POSITIONS] of notes by the position of their onset in a frame's window.

    The position at the window's end comes first. ``amplitude`` and ``age`` [B, keys, ROLL_HISTORY + T] are of the sounding notes; a note
    appears in the roll in the frame of its onset or in the one after.
    """
    steps = torch.round(STEPS * age)[..., None]
    begun = torch.where((age < 1)[..., None] & (steps == torch.arange(STEPS + 1, device=age.device)), amplitude[..., None], 0.0)
    of_next = nn.functional.pad(begun[..., 1:, STEPS:], (0, STEPS - 1, 0, 1))  # aged almost a frame: the frame before has the onset
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


def between_ages(age: Tensor, ages: Tensor) -> tuple[Tensor, Tensor]:
    """Return between which of ``ages`` (A,) each ``age`` lies: the number of the lower one, 0 to A - 2, and the share, 0 to 1, of the way
    from there that has passed.
    """
    lower = (age[..., None] >= ages[1:-1]).to(age.dtype).sum(-1).long()  # sums of whole numbers are slow in ONNX Runtime
    begin, end = ages[lower], ages[lower + 1]
    return lower, ((age - begin) / (end - begin)).clamp(0, 1)


def between_rows(rows: Tensor, key: Tensor, lower: Tensor, share: Tensor) -> Tensor:
    """Return values [..., n], interpolated linearly between the row ``lower`` of a key's ``rows`` [keys, rows, n] and the next one."""
    flat, index = rows.flatten(0, 1), key * rows.shape[1] + lower
    before, after = flat[index].float(), flat[index + 1].float()
    return before + share[..., None] * (after - before)


def interpolation(age: Tensor, ages: Tensor) -> Tensor:
    """Return the weights [..., AGES] that interpolate linearly between ``ages``: two of them are above 0.

    Beyond the first and the last age, that one has all the weight.
    """
    age = torch.minimum(torch.maximum(age, ages[0]), ages[-1])[..., None]
    passed = ((age - ages[:-1]) / (ages[1:] - ages[:-1])).clamp(0, 1)  # the share of each interval that has passed
    ends = torch.zeros_like(age)
    return torch.cat((ends + 1, passed), -1) - torch.cat((passed, ends), -1)


Entering = tuple[Tensor, Tensor, Tensor, Tensor]


def _scan(damped: Tensor, entering: Entering, fading: Tensor, tail: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Return amplitude and age [B, keys, T] of each key's last damped note, and the tail [B, keys, TAIL] after the last frame.

    ``damped`` [B, keys, T] marks the frames in which a note is damped; ``entering`` has its amplitude, age and release there, and whether
    the pedal holds it. ``fading`` [B, 1, T] is 1 where the pedal is up.
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
    """Compute all frames at once: each one looks up the last frame, up to itself, in which a note was damped."""
    steps = torch.arange(damped.shape[-1], device=tail.device, dtype=tail.dtype)
    seen = (steps[:, None] >= steps) & damped[..., None, :]  # [B, KEYS, T, T]
    last = torch.where(seen, steps, -1.0).amax(-1)  # -1: none in these frames; the tail counts
    begun, index = last >= 0, last.clamp(min=0).long()
    amplitude, age, rate, held = (torch.where(begun, each.gather(-1, index), tail[..., part, None]) for part, each in enumerate(entering))
    up = torch.where(fading > 0, steps, NEVER)  # [B, 1, T]
    next_up = torch.where(steps > steps[:, None], up[..., None, :], NEVER).amin(-1).expand_as(last)
    lifted = torch.where(begun, next_up.gather(-1, index), up.amin(-1, keepdim=True))  # the frame
    passed, fading_for = steps - last, (steps - lifted + 1).clamp(min=0)
    amplitudes, ages = amplitude * torch.exp(-rate * torch.where(held > 0, fading_for, passed)), age + passed
    held = held * (fading_for == 0)  # the pedal does not catch a note that fades
    return amplitudes, ages, torch.stack([each[..., -1] for each in (amplitudes, ages, rate, held)], -1)
