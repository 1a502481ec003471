"""What is heard of MIDI clock that comes through an audio server, beside a plain mean.

The clock is simulated. Each message is handed over up to ``jitter_ms`` sooner or later than it is meant, in order, and arrives at the end
of the server's period. Five things happen: nothing (``steady``), every 48th message on average is held up by 20 to 80 ms and those behind
it with it (``late``), four messages are lost (``gap``), and the tempo is reached from one that is a sixth slower or faster (``faster``,
``slower``). Nothing happens to each whole tempo from the slowest to the fastest at two sample rates, so that those are among them that
nearly keep step with the server; the others happen to eight tempos at 48 kHz. The plain mean is that of the last 24 intervals.

- ``two_bars``: the error of the tempo two bars after the beginning, ``largest``: at any time while it was known, ``after``: from two bars
  on. Of a change they begin when it has been followed.
- ``known_beats``: until a tempo is heard. ``beats_to_near`` and ``beats_to_follow``: after a change, until the error stays below 5% and 3%.
- ``place_ms``: how far what is taken for the place of a clock is from its mean lateness, root mean square, from two bars on.
"""

import math
import time
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from engine.midi.clock.messages import CLOCKS_A_QUARTER, SHORTEST_CLOCK_NS
from engine.midi.clock.phase_locked_loop import PhaseLockedLoop

HAPPENINGS = ("steady", "late", "gap", "faster", "slower")
FRAMES, JITTERS_MS, TEMPOS = (64, 256, 512, 1024, 2048), (0, 12), (70, 87, 100, 117, 120, 140, 158, 174)
SAMPLE_RATE, OTHER_SAMPLE_RATE = 48_000, 44_100
BEATS, CHANGE_BEAT, TWO_BARS = 32, 16, 8
FASTER = 7 / 6
NEAR, FOLLOWED = 0.05, 0.03
CHANGES = 4  # times that each change is simulated
LATE_SHARE, LATE_MS = 1 / 48, (20, 80)
LOST = 4
PLAIN = 24  # intervals


class Errors(NamedTuple):
    """Shares of the tempo; times at which it was not known do not count."""

    two_bars: float
    largest: float
    after: float


@dataclass(frozen=True)
class Row:
    """The worst of all tempos and changes; ``plain`` are the errors of the mean of the last 24 intervals, from the 24th on."""

    happens: str
    frames: int
    jitter_ms: int
    errors: Errors
    plain: Errors
    known_beats: float
    beats_to_near: float | None  # None where the tempo stays
    beats_to_follow: float | None
    place_ms: float


class Heard(NamedTuple):
    """By clock: the tempo that is meant and those that are heard, in quarters a minute, and what a place is off, in ms."""

    meant: np.ndarray
    tempos: np.ndarray
    plain: np.ndarray
    off_ms: np.ndarray


def measure_tempos(happens: str) -> list[Row]:
    """Return what is heard where this ``happens``, by period and jitter."""
    rows = []
    for frames in FRAMES:
        for jitter_ms in JITTERS_MS:
            rows.append(_row(happens, frames, jitter_ms))
    return rows


def measure_microseconds() -> float:
    """Return what a clock takes of processor time, in the median of some takes."""
    meant = np.cumsum(np.full(BEATS * CLOCKS_A_QUARTER, 60_000 / CLOCKS_A_QUARTER / 120))
    found = []
    for frames in FRAMES:
        arrivals = [round(time_ms * 1e6) for time_ms in arrive(meant, frames, 12, True, np.random.default_rng(frames))]
        pulse, begun_s = PhaseLockedLoop(SHORTEST_CLOCK_NS), time.process_time()
        for time_ns in arrivals:
            pulse.follow(time_ns)
        found.append((time.process_time() - begun_s) / len(arrivals) * 1e6)
    return round(float(np.median(found)), 1)


def listen(happens: str, tempo: float, frames: int, jitter_ms: float, number: int = 0, rate: int = SAMPLE_RATE) -> Heard:
    """Return what is heard of a tempo to which something happens; lateness is drawn by ``number`` among others."""
    random = np.random.default_rng([frames, round(jitter_ms), round(tempo), number])
    meant = np.full(BEATS * CLOCKS_A_QUARTER, tempo, float)
    change = CHANGE_BEAT * CLOCKS_A_QUARTER
    if happens in ("faster", "slower"):
        meant[:change] *= 1 / FASTER if happens == "faster" else FASTER
    sent = np.cumsum(60_000 / CLOCKS_A_QUARTER / meant)
    if happens == "gap":
        sent[change:] += LOST * 60_000 / CLOCKS_A_QUARTER / tempo
    arrivals = arrive(sent, frames, jitter_ms, happens == "late", random, rate)
    pulse, tempos, places = PhaseLockedLoop(SHORTEST_CLOCK_NS), [], []
    for time_ms in arrivals:
        pulse.follow(round(time_ms * 1e6))
        tempos.append(60e9 / CLOCKS_A_QUARTER / pulse.period_ns if pulse.period_ns else math.nan)
        places.append(pulse.phase_ns / 1e6)
    means = (arrivals[PLAIN:] - arrivals[:-PLAIN]) / PLAIN
    plain = np.concatenate((np.full(PLAIN, math.nan), 60_000 / CLOCKS_A_QUARTER / means))
    return Heard(meant, np.array(tempos), plain, np.array(places) - sent - _period_ms(frames, rate) / 2)


def arrive(
    sent: np.ndarray, frames: int, jitter_ms: float, holds_up: bool, random: np.random.Generator, rate: int = SAMPLE_RATE
) -> np.ndarray:
    """Return when clocks arrive that are ``sent``, in ms; ``holds_up``: now and then one is late, and those behind it too."""
    handed = sent + random.uniform(-jitter_ms, jitter_ms, len(sent))
    if holds_up:
        handed += (random.random(len(sent)) < LATE_SHARE) * random.uniform(*LATE_MS, len(sent))
    handed, period = np.maximum.accumulate(handed), _period_ms(frames, rate)
    begin = random.uniform(0, period)
    return np.ceil((handed - begin) / period) * period + begin


def _period_ms(frames: int, rate: int) -> float:
    return frames / rate * 1000


def _row(happens: str, frames: int, jitter_ms: int) -> Row:
    changes = happens in ("faster", "slower")
    numbers = range(CHANGES if changes else 1)
    takes = [listen(happens, tempo, frames, jitter_ms, number) for tempo in TEMPOS for number in numbers]
    if happens == "steady":
        every = range(min(TEMPOS), max(TEMPOS) + 1)
        takes += [listen(happens, tempo, frames, jitter_ms, 0, rate) for tempo in every for rate in (SAMPLE_RATE, OTHER_SAMPLE_RATE)]
    near, followed = ([_beats_to(share, take) for take in takes] if changes else None for share in (NEAR, FOLLOWED))
    settled = [CHANGE_BEAT + beats for beats in followed] if followed else [0.0] * len(takes)
    return Row(
        happens,
        frames,
        jitter_ms,
        _worst([_errors(take.tempos, take.meant, since) for take, since in zip(takes, settled, strict=True)]),
        _worst([_errors(take.plain, take.meant, since) for take, since in zip(takes, settled, strict=True)]),
        round(max(float((~np.isnan(take.tempos)).argmax()) for take in takes) / CLOCKS_A_QUARTER, 1),
        round(max(near), 2) if near else None,
        round(max(followed), 2) if followed else None,
        round(max(float(np.sqrt(np.mean(take.off_ms[TWO_BARS * CLOCKS_A_QUARTER :] ** 2))) for take in takes), 1),
    )


def _errors(heard: np.ndarray, meant: np.ndarray, since_beats: float) -> Errors:
    first = min(round(since_beats * CLOCKS_A_QUARTER), len(meant) - 1)
    errors = np.abs(heard / meant - 1)[first:]
    two_bars = min(TWO_BARS * CLOCKS_A_QUARTER, len(errors) - 1)
    parts = (errors[two_bars : two_bars + 1], errors, errors[two_bars:])
    return Errors(*(round(float(np.max(part[~np.isnan(part)], initial=0.0)), 5) for part in parts))


def _worst(errors: list[Errors]) -> Errors:
    return Errors(*(max(values) for values in zip(*errors, strict=True)))


def _beats_to(share: float, take: Heard) -> float:
    off = ~(np.abs(take.tempos / take.meant - 1) < share)[CHANGE_BEAT * CLOCKS_A_QUARTER :]
    return float(np.flatnonzero(off).max(initial=-1) + 1) / CLOCKS_A_QUARTER
