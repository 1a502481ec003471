"""Cores of this machine, and which of them a worker keeps to.

A performer's threads take turns, and lose time when they do so between two cores. So where there are as many workers as cores, each keeps
to one.
"""

import os


def core_count() -> int:
    """Return how many cores this process may use."""
    return len(_allowed()) or os.cpu_count() or 1


def core_of(place: int, workers: int) -> int | None:
    """Return the core of one of so many ``workers``, whose place is from 0 on; None where it may use all."""
    return sorted(_allowed())[place] if workers == len(_allowed()) else None


def keep_to(core: int | None) -> None:
    """Keep this process, and what it begins, to one core if it is named."""
    if core is not None:
        os.sched_setaffinity(0, {core})


def _allowed() -> set[int]:
    """Return the numbers of the cores that this process may use; none where the system does not say."""
    return os.sched_getaffinity(0) if hasattr(os, "sched_getaffinity") else set()
