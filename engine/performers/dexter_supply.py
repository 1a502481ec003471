"""Windows in the order in which they are played: computed when they are asked for, or ahead of that in a worker."""

import threading
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np

from models.dexter.windows import Settings, State, Window, WindowSampler

AHEAD_WINDOWS = 4
URGENT_EVALUATIONS = 4  # with fewer the expression is half of what it should be


@dataclass(frozen=True)
class Route:
    """From ``first`` to before ``stop`` (notes), then from ``again`` on and so forth; None: once."""

    first: int
    stop: int
    again: int | None = None


@dataclass
class Counts:
    """What became of the windows. ``reduced``: with fewer evaluations than asked for; ``carried``: not sampled at all, as time was up."""

    windows: int = 0
    evaluations: int = 0
    reduced: int = 0
    carried: int = 0
    seconds: float = 0.0  # of computing


class Taken(NamedTuple):
    """A window and the state after it."""

    window: Window
    state: State


class Supply:
    """Computes a window when it is taken: for files. Also the base of the one that works ahead."""

    def __init__(self, sampler: WindowSampler, written: np.ndarray):
        """``written`` (N, 8), normalised: the notes as written, for ``carry``."""
        self._sampler = sampler
        self._written = written
        self.counts = Counts()
        self.on_window: Callable[[Window], None] = lambda window: None  # told of each when it has been computed, by who computes
        self._settings = Settings()
        self._route = Route(0, 0)
        self._last = sampler.begin()  # after the last window that was taken

    def begin(self, route: Route, settings: Settings) -> None:
        """Forget everything; the next window is the first of ``route``."""
        self._route, self._settings, self._last = route, settings, self._sampler.begin(route.first)

    def change(self, settings: Settings, keep: bool) -> None:
        """Sample with other settings from now on; ``keep`` the next window if it is there already."""
        self._settings = settings

    def leave_loop(self, stop: int) -> None:
        """Do not begin again after this time, but go on to before the note ``stop``."""
        self._route = Route(self._route.first, stop)

    def take(self) -> Window | None:
        """Return the next window, or None while it is not ready. There must be one."""
        taken = self._compute(self._following(self._last), self._settings)
        self._last = taken.state
        return taken.window

    def carry(self) -> Window:
        """Return a few notes at once, without sampling; what was on its way is dropped."""
        window, self._last = self._sampler.carry(self._following(self._last), self._written)
        self.counts.carried += 1
        return window

    def close(self) -> None:
        """End the worker."""

    def snapshot(self) -> tuple[Route, Settings, State]:
        return self._route, self._settings, self._last

    def restore(self, snapshot: tuple[Route, Settings, State]) -> None:
        self._route, self._settings, self._last = snapshot

    def _following(self, state: State) -> State:
        if state.next_note < self._route.stop or self._route.again is None:
            return state
        return self._sampler.begin(self._route.again)

    def _ended(self, state: State) -> bool:
        return self._route.again is None and state.next_note >= self._route.stop

    def _compute(self, state: State, settings: Settings) -> Taken:
        begun_s = time.perf_counter()
        window, after = self._sampler.next(state, settings)
        self.counts.windows += 1
        self.counts.evaluations += window.evaluations
        self.counts.seconds += time.perf_counter() - begun_s
        self.on_window(window)
        return Taken(window, after)


class WorkerSupply(Supply):
    """Computes up to AHEAD_WINDOWS ahead in a thread; ONNX Runtime lets go of Python's lock meanwhile."""

    def __init__(self, sampler: WindowSampler, written: np.ndarray):
        super().__init__(sampler, written)
        self._ready: deque[Taken] = deque()
        self._changed = threading.Condition()
        self._generation = 0  # what was begun in an earlier one is dropped
        self._urgent = self._closing = False
        self._failure: BaseException | None = None
        self._thread = threading.Thread(target=self._work, name="windows", daemon=True)
        self._thread.start()

    def begin(self, route: Route, settings: Settings) -> None:
        with self._changed:
            super().begin(route, settings)
            self._drop()

    def change(self, settings: Settings, keep: bool) -> None:
        with self._changed:
            super().change(settings, keep)
            kept = [self._ready[0]] if keep and self._ready else []
            self._drop()
            self._ready.extend(kept)

    def leave_loop(self, stop: int) -> None:
        with self._changed:
            super().leave_loop(stop)
            self._drop()

    def take(self) -> Window | None:
        """As the base says; a window that is asked for before it is ready is sampled in fewer evaluations if it is not begun yet.

        Raises what the worker failed with.
        """
        with self._changed:
            if self._failure:
                raise self._failure
            self._urgent = not self._ready
            if not self._ready:
                return None
            taken = self._ready.popleft()
            self._last = taken.state
            self._changed.notify()
            return taken.window

    def carry(self) -> Window:
        with self._changed:
            self._drop()
            return super().carry()

    def close(self) -> None:
        with self._changed:
            self._closing = True
            self._changed.notify()
        self._thread.join()

    def restore(self, snapshot: tuple[Route, Settings, State]) -> None:
        with self._changed:
            super().restore(snapshot)
            self._drop()

    def _drop(self) -> None:
        self._ready.clear()
        self._generation += 1
        self._changed.notify()

    def _next(self) -> State | None:
        """Return the state of the next window to compute, or None when there is nothing to do."""
        last = self._ready[-1].state if self._ready else self._last
        if len(self._ready) >= AHEAD_WINDOWS or self._ended(last):
            return None
        return self._following(last)

    def _work(self) -> None:
        try:
            while True:
                with self._changed:
                    while (state := self._next()) is None and not self._closing:
                        self._changed.wait()
                    if state is None or self._closing:
                        return
                    settings, generation, urgent = self._settings, self._generation, self._urgent
                hurried = urgent and len(state.columns) > 0 and settings.evaluations > URGENT_EVALUATIONS
                taken = self._compute(state, replace(settings, evaluations=URGENT_EVALUATIONS) if hurried else settings)
                with self._changed:
                    if generation == self._generation:
                        self._ready.append(taken)
                        self.counts.reduced += hurried
        except BaseException as error:  # whoever takes the next window raises it
            self._failure = error
