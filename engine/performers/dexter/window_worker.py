"""A worker computes windows ahead, in the order in which they are played."""

import os
import sys
import threading
import time
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np

from engine.base.worker import Worker
from engine.performers.counts import WindowCounts
from models.dexter.representation import Settings, State, Window
from models.dexter.windows import WindowSampler

AHEAD_WINDOWS = 4
NICENESS = 10  # of the worker: what it computes is due in seconds, what the other threads send is due now
URGENT_EVALUATIONS = 4  # with fewer the expression is half of what it should be


@dataclass(frozen=True)
class Route:
    """The order of notes: from ``first`` to before ``stop``, then again and again from ``again`` to before ``stop``, or once (None)."""

    first: int
    stop: int
    again: int | None = None


class Computed(NamedTuple):
    """A window and the state after it."""

    window: Window
    state: State
    reduced: bool


class WindowWorker:
    """Computes up to AHEAD_WINDOWS ahead in a thread; ONNX Runtime releases Python's lock meanwhile. For files a second thread reads the
    window after the one that is computed.

    All methods are for one thread to call. The computing thread ends with ``close``, or when nothing refers to the worker any more.
    """

    def __init__(self, sampler: WindowSampler, written: np.ndarray, waits: bool):
        """``written`` (N, 8), normalised, are the notes as written, for ``carry``.

        With ``waits``, for files, ``take`` waits for its window, and windows are the same as if each was computed when it is taken.
        """
        self._sampler = sampler
        self._written = written
        self._waits = waits
        self.counts = WindowCounts()
        self.on_window: Callable[[Window], None] = lambda window: None  # told of each when it has been computed, by the worker
        self._settings = Settings()
        self._route = Route(0, 0)
        self._last = sampler.begin()  # after the last window that was taken
        self._begun: tuple[Route, Settings] | None = None  # how, while no window has been taken
        self._urgent = False
        self._coming: deque[Future[Computed | None]] = deque()  # the windows that follow; None: there is none
        self._worker = Worker("windows") if waits else Worker("windows", _give_way)
        self._reader = Worker("reading ahead") if waits else None
        self._read_first = 0  # from which note on ``_read`` reads; it says where that ends
        self._read: Future[int] | None = None

    def begin(self, route: Route, settings: Settings) -> None:
        """Forget everything; the next window is the first of ``route``. Where it has just begun so, it goes on."""
        if self._begun == (route, settings):
            return
        self._route, self._settings, self._last = route, settings, self._sampler.begin(route.first)
        self._compute_anew()
        self._begun = route, settings

    def change(self, settings: Settings, keep: bool) -> None:
        """Sample with other settings from now on; ``keep`` the next window if it is there already, and not waited for."""
        self._settings = settings
        self._compute_anew(1 if keep and not self._waits and self._coming and self._coming[0].done() else 0)

    def leave_loop(self, stop: int) -> None:
        """Do not begin again after this time, but go on to before the note ``stop``."""
        self._route = Route(self._route.first, stop)
        self._compute_anew()

    def take(self) -> Window | None:
        """Return the next window, of which there must be one; None while it is not ready, unless this waits.

        A window that is asked for before it is ready is sampled in fewer evaluations if it is not begun yet. One that cannot be computed is
        done without (see ``carry``) or, with ``waits``, raises what the computing thread failed with.
        """
        coming = self._coming[0]
        self._urgent = not (self._waits or coming.done())
        if self._urgent:
            return None
        failure = None if self._waits else coming.exception()
        if isinstance(failure, Exception):
            self.counts.fail(failure)
            return self.carry()
        computed = coming.result()
        if computed is None:
            raise ValueError("no window is left")
        self._coming.popleft()
        self._begun = None
        self._last = computed.state
        self._compute_more()
        self.counts.windows += 1
        self.counts.evaluations += computed.window.evaluations
        self.counts.reduced += computed.reduced
        return computed.window

    def carry(self) -> Window:
        """Return a few notes at once, without sampling; what was on its way is dropped."""
        window, self._last = self._sampler.carry(self._following(self._last, self._route), self._written)
        self._compute_anew()
        self.counts.carried += 1
        return window

    def close(self) -> None:
        """End the worker."""
        self._worker.close()
        if self._reader:
            self._reader.close()

    def snapshot(self) -> tuple[Route, Settings, State]:
        return self._route, self._settings, self._last

    def restore(self, snapshot: tuple[Route, Settings, State]) -> None:
        self._route, self._settings, self._last = snapshot
        self._compute_anew()

    def _compute_anew(self, kept: int = 0) -> None:
        """Drop what is coming but for the first ``kept`` windows."""
        self._begun = None
        while len(self._coming) > kept:
            self._coming.pop().cancel()
        self._compute_more()

    def _compute_more(self) -> None:
        while len(self._coming) < AHEAD_WINDOWS:
            before = self._coming[-1] if self._coming else self._last
            self._coming.append(self._worker.submit(self._compute, before, self._route, self._settings))

    def _compute(self, before: Future[Computed | None] | State, route: Route, settings: Settings) -> Computed | None:
        """Return the window that follows another one, or a state. The thread computes in order, so the other one is there."""
        if isinstance(before, Future):
            computed = before.result()
            if computed is None:
                return None
            before = computed.state
        if route.again is None and before.next_note >= route.stop:
            return None
        begun_s = time.perf_counter()
        state = self._following(before, route)
        if self._reader:
            self._read_next(self._reader, state.next_note, route)
        reduced = self._urgent and len(state.columns) > 0 and settings.evaluations > URGENT_EVALUATIONS
        window, after = self._sampler.next(state, replace(settings, evaluations=URGENT_EVALUATIONS) if reduced else settings)
        self.counts.seconds += time.perf_counter() - begun_s
        self.on_window(window)
        return Computed(window, after, reduced and window.evaluations > 0)

    def _read_next(self, reader: Worker, first: int, route: Route) -> None:
        """Have the window from the note ``first`` on read, and begin to read the one after it."""
        if self._read and self._read_first != first:
            self._read.exception()  # what nobody needs now; two threads must not read at a time
            self._read = None
        end = (self._read or reader.submit(self._sampler.read_ahead, first)).result()
        if end >= route.stop:
            end = route.stop if route.again is None else route.again
        self._read_first, self._read = end, reader.submit(self._sampler.read_ahead, end) if end < route.stop else None

    def _following(self, state: State, route: Route) -> State:
        if state.next_note < route.stop or route.again is None:
            return state
        return self._sampler.begin(route.again)


def _give_way() -> None:
    """Lower the calling thread's priority below that of the process's others, where threads have priorities of their own."""
    if sys.platform == "linux":
        thread = threading.get_native_id()
        os.setpriority(os.PRIO_PROCESS, thread, os.getpriority(os.PRIO_PROCESS, thread) + NICENESS)
