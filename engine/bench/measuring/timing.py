"""What a call costs: one after the other without rest, and over many of them."""

import os
import time
from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from engine.bench.measuring.figures import Distribution, describe, median_ms
from engine.bench.measuring.machine import MEGABYTE, resident_bytes

WARM_UP_CALLS = 20


class Tenths(NamedTuple):
    """The beginning and the end of many calls. ``memory_growth_mb``: what is occupied at the end more than after the first tenth."""

    first_tenth_ms: float  # a call, median
    last_tenth_ms: float
    last_to_first: float
    memory_growth_mb: float


def time_calls(call: Callable[[], object], calls: int) -> Distribution:
    """Return how long each of ``calls`` took, one after the other, after WARM_UP_CALLS that do not count."""
    durations_ns = []
    for _ in range(WARM_UP_CALLS + calls):
        begun_ns = time.perf_counter_ns()
        call()
        durations_ns.append(time.perf_counter_ns() - begun_ns)
    return describe(durations_ns[WARM_UP_CALLS:])


def compare_tenths(call: Callable[[], object], calls: int) -> Tenths:
    """Call ``calls`` times, ten or more, and compare the beginning with the end."""
    tenth, first_bytes = calls // 10, 0
    durations_ns = np.full(calls, -1, np.int64)  # filled, so that all of its memory is there from the beginning
    for index in range(calls):
        begun_ns = time.perf_counter_ns()
        call()
        durations_ns[index] = time.perf_counter_ns() - begun_ns
        if index == tenth:
            first_bytes = resident_bytes(os.getpid())
    growth_mb = round((resident_bytes(os.getpid()) - first_bytes) / MEGABYTE, 1)
    first_ms, last_ms = median_ms(durations_ns[:tenth]), median_ms(durations_ns[-tenth:])
    return Tenths(first_ms, last_ms, round(last_ms / first_ms, 3), growth_mb)
