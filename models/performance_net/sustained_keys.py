"""The sound of each note of a bowed or blown instrument, which lasts as long as it is held, with vibrato. PyTorch.

The partials are harmonics of one pitch, which vibrato moves. The course of the pitch is stored apart from the harmonics' envelopes, which
therefore change slowly. In a frame each harmonic is a sine seen through the window, of which only the bins around its frequency are
computed. From a certain age on the pitch's course and the envelopes repeat a loop of whole vibrato periods, while the phases go on.
"""

from typing import cast

import torch
from torch import Tensor

from models.performance_net.instruments import Instrument
from models.performance_net.key_spectra import (
    LOOK_AHEAD,
    OLDEST_FRAMES,
    PARTIAL_BINS,
    ROLL_HISTORY,
    STEPS,
    TAIL,
    KeySounds,
    Played,
    Sounding,
    between_rows,
    lobes,
)
from models.performance_net.representation import AGE, LOWEST_KEY, OFFSET, PEDAL, SOUNDING

HARMONICS = 64
VOICES = 32  # the partials of so many of the loudest notes, sounding or fading, are computed
LOOP_BEGIN = LOOK_AHEAD + 340  # frames: the age, 2 s, at which the loop begins
LONGEST_LOOP = 200  # frames, 1.16 s
ROW_FRAMES = 2  # frames from one row of the envelope to the next; rows of the pitch are one frame apart
PITCH_ROWS = LOOP_BEGIN + LONGEST_LOOP - LOOK_AHEAD + 2
ENVELOPE_ROWS = PITCH_ROWS // ROW_FRAMES + 1
NOISE_AGES = 16
TAPS = 8  # bins around its frequency that a harmonic is computed in
FRACTIONS = 256  # steps within a bin at which the window's main lobe is tabulated
SUSTAINED_TAIL = TAIL + 1


def noise_ages() -> Tensor:
    """Return the ages (NOISE_AGES,), in frames, between which the power of the noise is interpolated linearly."""
    first, last = torch.log10(torch.tensor((float(LOOK_AHEAD), float(LOOP_BEGIN)))).tolist()
    return torch.logspace(first, last, NOISE_AGES)


def lobe_table() -> Tensor:
    """Return the window's main lobe [FRACTIONS + 1, TAPS]: row f is the spectrum of a sine of amplitude 1, f / FRACTIONS above a bin.

    Its first column is TAPS / 2 - 1 bins below that bin.
    """
    above = torch.arange(FRACTIONS + 1) / FRACTIONS
    return lobes(TAPS // 2 - 1 + above)[:, :TAPS]


class SustainedKeys(KeySounds):
    """The sum of the sounds of an instrument's notes.

    ``pitch`` [keys, PITCH_ROWS, 2] holds, frame by frame from the age LOOK_AHEAD on, the fundamental's phase in turns since the onset and
    its frequency in bins. ``envelope`` [keys, ENVELOPE_ROWS, 2 HARMONICS], real parts first, holds the harmonics' amplitudes without the
    rotation that follows from the fundamental's phase. From LOOP_BEGIN on a note repeats every ``loop`` [keys] steps, and each time its
    fundamental is ``advance`` [keys] of a turn further.
    """

    pitch: Tensor
    envelope: Tensor
    loop: Tensor
    advance: Tensor
    harmonics: Tensor

    def __init__(self, instrument: Instrument) -> None:
        keys = instrument.keys
        super().__init__(keys, noise_ages())
        self._first = instrument.lowest_pitch - LOWEST_KEY
        turning = 0.01 * torch.arange(PITCH_ROWS) * (1 + torch.rand(keys, 1))
        self.register_buffer("pitch", torch.stack((turning, (3 + 20 * torch.rand(keys, 1)).expand_as(turning)), -1))
        self.register_buffer("envelope", 0.1 * torch.randn(keys, ENVELOPE_ROWS, 2 * HARMONICS).half())
        self.register_buffer("loop", torch.full((keys,), float(LONGEST_LOOP * STEPS)))
        self.register_buffer("advance", torch.rand(keys))
        self.register_buffer("harmonics", torch.arange(1.0, HARMONICS + 1), persistent=False)

    def forward(self, joined: Tensor, tail: Tensor) -> tuple[Sounding, Tensor]:
        """Return the sound of T frames, and the next tail [B, keys, SUSTAINED_TAIL]: that of ``sound``, and the age of the sounding note.

        ``joined`` [B, CHANNELS, ROLL_HISTORY + T] holds the last frames of the roll and T new ones.
        """
        velocity, share, offset = (self._own(joined[:, rows]) for rows in (SOUNDING, AGE, OFFSET))
        age = _without_end(share, tail[..., TAIL])
        sounding, next_tail = self.sound(Played(velocity, age, offset, joined[:, None, PEDAL]), tail[..., :TAIL])
        before = age[..., : age.shape[-1] - ROLL_HISTORY][..., -1:]  # of the next frames' history
        return sounding, torch.cat((next_tail, before), -1)

    def _own(self, rows: Tensor) -> Tensor:
        return rows[:, self._first : self._first + len(self.loop)]

    def partial_spectra(self) -> Tensor:
        return lobe_table()

    def partials(self, amplitudes: Tensor, steps: Tensor, spectra: Tensor) -> Tensor:
        amplitude, key, age = _loudest(amplitudes, steps)  # [B, T, n]
        real, imaginary, bins = self._harmonics(key, age)
        real, imaginary = real * amplitude[..., None], imaginary * amplitude[..., None]
        bins = bins.clamp(max=PARTIAL_BINS - TAPS)  # harmonics above have amplitude 0
        below = torch.floor(bins)
        lobe = spectra[torch.round((bins - below) * FRACTIONS).long()]  # [B, T, n, HARMONICS, TAPS]
        heard_in = below.long()[..., None] + 1 + torch.arange(TAPS, device=bins.device)  # after TAPS / 2 bins of padding
        values = torch.stack(((real[..., None] * lobe).flatten(2), (imaginary[..., None] * lobe).flatten(2)), 1)
        spectrum = torch.zeros_like(values[..., :1]).expand(-1, -1, -1, PARTIAL_BINS + TAPS)
        places = torch.stack((heard_in.flatten(2),) * 2, 1)
        return torch.scatter_add(spectrum, -1, places, values)[..., TAPS // 2 : TAPS // 2 + PARTIAL_BINS]

    def _harmonics(self, key: Tensor, age: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Return the harmonics' real and imaginary amplitudes and their frequencies in bins, each [B, T, n, HARMONICS].

        ``key`` and ``age``, in steps, are [B, T, n].
        """
        loop = self.loop[key]
        laps = torch.floor((age - LOOP_BEGIN * STEPS).clamp(min=0) / loop)
        place = ((age - laps * loop) / STEPS - LOOK_AHEAD).clamp(min=0)  # frames
        turns, frequency = _between(self.pitch, key, place).unbind(-1)
        real, imaginary = _between(self.envelope, key, place / ROW_FRAMES).split(HARMONICS, -1)
        turned = (turns + laps * self.advance[key])[..., None] * self.harmonics
        angle = 2 * torch.pi * (turned - torch.floor(turned))
        cosine, sine = torch.cos(angle), torch.sin(angle)
        return real * cosine - imaginary * sine, real * sine + imaginary * cosine, frequency[..., None] * self.harmonics


def _without_end(share: Tensor, before: Tensor) -> Tensor:
    """Return the ages of sounding notes in frames [B, keys, T], which go on beyond OLDEST_FRAMES.

    ``share`` [B, keys, T] are the roll's rows of ages, which stay at 1 from OLDEST_FRAMES on; ``before`` [B, keys] are the ages of the
    frame before. After its first frame an age is rounded to whole steps, so that counting on from it is exact.
    """
    age, frames = share.square() * OLDEST_FRAMES, torch.arange(share.shape[-1], device=share.device, dtype=share.dtype)
    age = torch.where(age < 1, age, torch.round(age * STEPS) / STEPS)
    told = (frames[:, None] >= frames) & (share < 1)[..., None, :]  # [B, keys, T, T]
    last = torch.where(told, frames, -1.0).amax(-1)
    since = torch.where(last >= 0, age.gather(-1, last.clamp(min=0).long()), before[..., None])
    return torch.where(share < 1, age, since + (frames - last))


def _loudest(amplitudes: Tensor, steps: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Return amplitude, key and age in steps of the loudest voices, each [B, T, n]: of VOICES, or of as many as sound at once at most.

    ``amplitudes`` and ``steps`` [B, keys, 2 T] have two voices a key, one after the other in time.
    """
    keys, frames = amplitudes.shape[1], amplitudes.shape[-1] // 2
    voices, ages = (torch.cat((each[..., :frames], each[..., frames:]), 1).transpose(1, 2) for each in (amplitudes, steps))
    count = cast(int, (voices > 0).sum(-1).flatten().amax(0).clamp(1, VOICES).item())
    torch._check(count >= 1)  # which an exported graph cannot know
    torch._check(count <= VOICES)
    loudest, index = voices.topk(count, -1)
    return loudest, index % keys, ages.gather(-1, index)


def _between(rows: Tensor, key: Tensor, place: Tensor) -> Tensor:
    """Return values [..., n], interpolated linearly between two of a key's ``rows`` [keys, rows, n]; ``place`` is counted in rows."""
    lower = torch.floor(place).clamp(max=rows.shape[1] - 2)
    return between_rows(rows, key, lower.long(), (place - lower).clamp(max=1))
