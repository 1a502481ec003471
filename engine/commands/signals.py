"""Ctrl-C, Ctrl-\\, SIGTERM and a closed terminal while a session runs."""

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from engine.session import Session


STOP_SIGNALS = [getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP", "SIGQUIT") if hasattr(signal, name)]  # not all on Windows


@contextmanager
def stop_on_signals(session: "Session") -> Iterator[None]:
    """Let a signal end the run as if the music had ended; what nohup ignores stays ignored.

    The run is asked to stop rather than interrupted: an exception in the middle of a queue's own code can leave its lock taken. After a
    second signal no file is waited for, and a third one interrupts, for whoever cannot wait at all.
    """
    steps = [session.stop, session.hurry]

    def stop(number: int, frame: FrameType | None) -> None:
        if not steps:
            raise KeyboardInterrupt
        steps.pop(0)()

    before = {number: signal.getsignal(number) for number in STOP_SIGNALS}
    for number, handler in before.items():
        if handler is not signal.SIG_IGN:
            signal.signal(number, stop)
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
