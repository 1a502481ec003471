"""A thread that computes one thing after another, for whoever cannot wait for it."""

import queue
import threading
import weakref
from collections.abc import Callable
from concurrent.futures import Future
from typing import Any, TypeVar

PATIENCE_S = 2.0  # for what is being computed when the worker is closed

Result = TypeVar("Result")
Task = tuple[Future[Any], Callable[..., Any], tuple[Any, ...]]


class Worker:
    """Computes in the order in which it is asked. The thread ends with ``close``, or when nothing refers to the worker any more.

    Unlike an executor of the standard library it does not keep the process from ending: a computation that hangs is left behind.
    """

    def __init__(self, name: str, begin: Callable[[], None] = lambda: None):
        """``begin`` is called first, in the thread."""
        self._tasks: queue.SimpleQueue[Task | None] = queue.SimpleQueue()
        self._closed = threading.Event()
        self._thread = threading.Thread(target=_compute_all, args=(self._tasks, self._closed, begin), name=name, daemon=True)
        self._thread.start()
        weakref.finalize(self, self._tasks.put, None)

    def submit(self, compute: Callable[..., Result], *arguments: Any) -> "Future[Result]":
        future: Future[Result] = Future()
        self._tasks.put((future, compute, arguments))
        return future

    def close(self) -> None:
        """Compute nothing more. What is being computed is waited for, but not for long."""
        self._closed.set()
        self._tasks.put(None)
        self._thread.join(PATIENCE_S)


def _compute_all(tasks: "queue.SimpleQueue[Task | None]", closed: threading.Event, begin: Callable[[], None]) -> None:
    begin()
    while task := tasks.get():
        _compute(*task, closed)
        del task  # what it refers to may be the worker itself


def _compute(future: Future[Any], compute: Callable[..., Any], arguments: tuple[Any, ...], closed: threading.Event) -> None:
    if closed.is_set():
        future.cancel()
    if future.set_running_or_notify_cancel():
        try:
            future.set_result(compute(*arguments))
        except BaseException as error:  # whoever asks for the result raises it
            future.set_exception(error)
