"""Real-time scheduling, as audio programs ask for it: a thread that sends runs as soon as it is ready, whatever else the machine does."""

import os
from collections.abc import Iterator
from contextlib import contextmanager

PRIORITY = 5  # below JACK and its clients' driver threads (10), which bring what is played


@contextmanager
def real_time() -> Iterator[bool]:
    """While the block runs, let the calling thread run before all threads of the usual kind; yield whether the system permits that.

    Linux permits it where the limit ``rtprio`` is at least ``PRIORITY``, as it is set for JACK. It is not done on a single core, where the
    thread would hold up those that bring what is played. Threads that it starts are of the usual kind.
    """
    if not hasattr(os, "sched_setscheduler") or len(os.sched_getaffinity(0)) < 2:
        yield False
        return
    usual, priority = os.sched_getscheduler(0), os.sched_getparam(0)
    try:
        os.sched_setscheduler(0, os.SCHED_FIFO | os.SCHED_RESET_ON_FORK, os.sched_param(PRIORITY))
    except PermissionError:
        yield False
        return
    try:
        yield True
    finally:
        os.sched_setscheduler(0, usual | os.SCHED_RESET_ON_FORK, priority)  # the flag cannot be taken back without privileges
