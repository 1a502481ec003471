"""Real-time scheduling, as audio programs ask for it: a thread that sends runs as soon as it is ready, whatever else the machine does."""

import gc
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager

SWITCH_INTERVAL_S = 0.0005
PRIORITY = 5  # below JACK and its clients' driver threads (10), which bring what is played
SWITCH_INTERVAL_S = 0.0005


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


@contextmanager
def prompt_threads() -> Iterator[None]:
    """Keep Python itself from delaying the music while the block runs.

    The thread that brings a message waits for Python's lock half a millisecond at most, not five; and garbage collection does not go
    through everything that was loaded before.
    """
    interval_s = sys.getswitchinterval()
    sys.setswitchinterval(SWITCH_INTERVAL_S)
    gc.freeze()
    try:
        yield
    finally:
        gc.unfreeze()
        sys.setswitchinterval(interval_s)


@contextmanager
def one_core() -> Iterator[None]:
    """Keep the calling thread on one of its cores, where the system can.

    A model that a note waits for is faster where it last ran, as it may still lie in that core's caches. The first core is left out, as it
    serves most interrupts; several engines are spread over the others.
    """
    if not hasattr(os, "sched_setaffinity"):
        yield
        return
    cores = os.sched_getaffinity(0)
    others = sorted(cores)[1:] or list(cores)
    os.sched_setaffinity(0, {others[os.getpid() % len(others)]})
    try:
        yield
    finally:
        os.sched_setaffinity(0, cores)
