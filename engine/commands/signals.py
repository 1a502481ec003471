"""Ctrl-C, SIGTERM and a closed terminal while a session runs."""

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from engine.session import Session


STOP_SIGNALS = [getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name)]  # Windows has no SIGHUP


@contextmanager
def stop_on_signals(session: "Session") -> Iterator[None]:
    """Let a signal end the run as if the music had ended; what nohup ignores stays ignored.

    The run is asked to stop rather than interrupted: an exception in the middle of a queue's own code can leave its lock taken. Only a
    second signal interrupts, for whoever cannot wait.
    """

    def stop(number: int, frame: FrameType | None) -> None:
        session.stop()
        signal.signal(number, signal.default_int_handler)

    before = {number: signal.getsignal(number) for number in STOP_SIGNALS}
    for number, handler in before.items():
        if handler is not signal.SIG_IGN:
            signal.signal(number, stop)
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
