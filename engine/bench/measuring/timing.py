"""What a call costs: one after the other without rest, paced as in playing, and over many of them. Without NumPy, as ``figures``."""

import os
import time
from array import array
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import chain, islice, repeat

from engine.bench.measuring.figures import Distribution, describe, median_ms
from engine.bench.measuring.machine import MEGABYTE, resident_bytes

WARM_UP_CALLS = 20
PACE_S = 0.030  # between two paced calls


@dataclass(frozen=True)
class Timed:
    """``hot``: calls one after the other without rest. ``paced``: PACE_S apart, as in playing, when the processor has slept and its caches
    have been used by others; None where that was not measured.
    """

    hot: Distribution
    paced: Distribution | None = None


@dataclass(frozen=True)
class LongRun:
    """The first tenth of many notes or events in a row beside the last; the costs are medians. ``memory_growth_mb``: what the process
    occupies at the end more than after the first tenth.
    """

    count: int
    minutes: float | None  # of music; None: the notes were decoded at no tempo
    first_tenth_ms: float
    last_tenth_ms: float
    last_to_first: float
    memory_growth_mb: float


@dataclass(frozen=True)
class Cost:
    """What a note or an event (``unit``) costs: ``step``, a step of the model alone, and ``whole``, all that is done for it."""

    unit: str
    step: Timed
    whole: Timed
    long_run: LongRun


def time_calls(call: Callable[[], object], calls: int) -> Distribution:
    """Return how long each of ``calls`` took, one after the other, after WARM_UP_CALLS that do not count."""
    return time_hot_and_paced(repeat(call), calls, 0).hot


def time_hot_and_paced(calls: Iterator[Callable[[], object]], hot: int, paced: int) -> Timed:
    """Time ``hot`` calls one after the other, after WARM_UP_CALLS that do not count, then ``paced`` calls, if any."""
    return time_in_turn([calls], hot, paced)[0]


def time_in_turn(kinds: Sequence[Iterator[Callable[[], object]]], hot: int, paced: int) -> list[Timed]:
    """Time calls of several kinds as ``time_hot_and_paced`` does, one of each kind in turn: what the machine does meanwhile meets all."""
    calls, number = chain.from_iterable(zip(*kinds, strict=False)), len(kinds)
    _durations_ns(islice(calls, number * WARM_UP_CALLS), 0)
    hot_ns = _durations_ns(islice(calls, number * hot), 0)
    paced_ns = _durations_ns(islice(calls, number * paced), PACE_S)
    return [Timed(describe(hot_ns[kind::number]), describe(paced_ns[kind::number]) if paced else None) for kind in range(number)]


def compare_tenths(call: Callable[[], object], calls: int) -> LongRun:
    """Call ``calls`` times, ten or more, and compare the beginning with the end."""
    first_bytes = 0
    durations_ns = array("q", [-1]) * calls  # filled, so that all of its memory is there from the beginning
    for index in range(calls):
        begun_ns = time.perf_counter_ns()
        call()
        durations_ns[index] = time.perf_counter_ns() - begun_ns
        if index == calls // 10:
            first_bytes = resident_bytes(os.getpid())
    return describe_tenths(durations_ns, first_bytes)


def describe_tenths(durations_ns: Sequence[int], first_bytes: int, minutes: float | None = None) -> LongRun:
    """Compare ten durations or more, which have just passed; ``first_bytes`` was occupied after the first tenth of them."""
    growth_mb = round((resident_bytes(os.getpid()) - first_bytes) / MEGABYTE, 1)
    tenth = len(durations_ns) // 10
    first_ms, last_ms = median_ms(durations_ns[:tenth]), median_ms(durations_ns[-tenth:])
    return LongRun(len(durations_ns), minutes, first_ms, last_ms, round(last_ms / first_ms, 3), growth_mb)


def _durations_ns(calls: Iterable[Callable[[], object]], pace_s: float) -> list[int]:
    durations_ns = []
    for call in calls:
        if pace_s:
            time.sleep(pace_s)
        begun_ns = time.perf_counter_ns()
        call()
        durations_ns.append(time.perf_counter_ns() - begun_ns)
    return durations_ns
