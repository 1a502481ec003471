"""The score positions of live notes: counted from MIDI clock where the sender sends it, estimated where it does not.

Positions never go back. After a jump of the sender (start, song position) they go on at the next bar that has the same place in it; bars
have four quarters, as of a MIDI file without a time signature. The place in the bar is known only after start or a song position.
"""

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from engine.midi.clock.messages import ClockReading

BAR_QUARTERS = 4
DEFAULT_BEAT_NS = 500_000_000  # 120 quarters a minute, until there is something to go by
CHORD_NS = 20_000_000  # notes that begin within it belong together
FINEST = 24  # divisions of a quarter
GRIDS = (4, 6)  # divisions of a quarter that an estimated position is likely to be of
OFF_GRID_QUARTERS = 0.05  # as far from them at most

FASTEST_BEAT_S, SLOWEST_BEAT_S = 0.3, 1.2
LIKELY_BEAT_S = 0.55  # Parncutt (Music Perception 11, 1994): the pulse that people hear is near 600 ms
BEATS_S = np.geomspace(FASTEST_BEAT_S, SLOWEST_BEAT_S, 556)  # a quarter of a percent apart
LEVELS = ((1, 0.15), (2, 0.35), (4, 0.5))  # divisions of a beat, and how much it counts that intervals are multiples of them
RECENT_ONSETS, MOST_STEPS = 32, 8  # intervals between so many onsets, up to so many onsets apart
UNLIKELY = 0.5  # for a beat of twice or half the likely length
CHANGED = 0.6  # for one that is not the last estimate's
SAME_BEAT_OCTAVES = 0.03


class Place(NamedTuple):
    """Where a note stands: ``time_ns`` is when its chord began, ``quarter`` its position.

    Where the sender's song position is known, it is ``quarter`` - ``base``. ``clocked`` says whether the sender's clock has the beat.
    """

    time_ns: int
    quarter: float
    beat_ns: float
    segment: int
    base: float
    clocked: bool = False


def place_notes(previous: Place | None, heard: Sequence[ClockReading], beat_ns: float) -> list[Place]:
    """Return the places of notes in order of time, which follow ``previous``; notes without a clock have beats of ``beat_ns``."""
    places = []
    for moment in heard:
        previous = _place(previous, moment, beat_ns)
        places.append(previous)
    return places


def _place(previous: Place | None, heard: ClockReading, beat_ns: float) -> Place:
    clocked, beat_ns, known = heard.beat_ns > 0, heard.beat_ns or beat_ns, not math.isnan(heard.song_quarter)
    song_quarter = round(heard.song_quarter * FINEST) / FINEST if known else 0.0
    if previous is None:
        return Place(heard.time_ns, song_quarter, beat_ns, heard.segment, 0.0, clocked)
    jumped = known and heard.segment != previous.segment
    if not jumped and heard.time_ns - previous.time_ns <= CHORD_NS:
        return previous
    base = previous.base
    if jumped:
        base = BAR_QUARTERS * math.ceil((previous.quarter - song_quarter) / BAR_QUARTERS)
    quarter = base + song_quarter if known else _on_grid(previous.quarter + (heard.time_ns - previous.time_ns) / beat_ns)
    return Place(heard.time_ns, max(quarter, previous.quarter), beat_ns, heard.segment, base, clocked)


def _on_grid(quarter: float) -> float:
    for grid in GRIDS:
        if abs(quarter - round(quarter * grid) / grid) <= OFF_GRID_QUARTERS:
            return round(quarter * grid) / grid
    return round(quarter * FINEST) / FINEST


def estimate_beat_ns(times_ns: Sequence[int], previous_ns: float) -> float:
    """Return the most plausible length of a quarter for the onsets of the last seconds, in order; ``previous_ns`` is the last estimate, 0
    none.

    Inter-onset intervals are to be multiples of the beat, of its half and of its quarter. Beats of about half a second are likelier, and so
    is the last estimate. The estimate need be no more than plausible: twice or half the sender's tempo does little harm.
    """
    onsets: list[int] = []
    for time_ns in times_ns:
        if not onsets or time_ns - onsets[-1] > CHORD_NS:
            onsets.append(time_ns)
    seconds = np.array([time_ns - onsets[0] for time_ns in onsets[-RECENT_ONSETS:]]) / 1e9
    if len(seconds) < 2:
        return previous_ns or DEFAULT_BEAT_NS
    intervals = np.concatenate([seconds[steps:] - seconds[:-steps] for steps in range(1, min(MOST_STEPS, len(seconds) - 1) + 1)])
    beats = intervals / BEATS_S[:, None]
    fit = sum(weight * np.cos(2 * np.pi * division * beats).mean(axis=1) for division, weight in LEVELS)
    score = fit - UNLIKELY * np.log2(BEATS_S / LIKELY_BEAT_S) ** 2
    if previous_ns:
        score = score - CHANGED * np.minimum(np.abs(np.log2(BEATS_S * 1e9 / previous_ns)) / SAME_BEAT_OCTAVES, 1)
    return float(BEATS_S[np.argmax(score)]) * 1e9
