"""The errors that a user may cause, each with one line for standard error, and what is done about the one that may pass."""

import time
from collections.abc import Callable
from typing import TypeVar

ATTEMPTS, PAUSE_S = 3, 0.5  # at what was refused

Result = TypeVar("Result")


def one_line(said: object) -> str:
    """Return a text, or what an error says, in one line."""
    return " ".join(str(said).split())


class PerfLiveError(Exception):
    """A run that failed. The command line prints it as one line and exits with status 1."""

    exit_status = 1
    reported = False  # True when the line is on standard error already, because it could not wait until the end of the run


class UsageError(PerfLiveError):
    """A wrong call: an unknown name, a value out of range. The command line exits with status 2."""

    exit_status = 2


class RefusedError(PerfLiveError):
    """A server that has much to do has refused something. What was opened is closed again, and another try may succeed."""


def patiently(work: Callable[[], Result]) -> Result:
    """Return what ``work`` returns, and do it again where it is refused. Raises what it raises at last."""
    for _ in range(ATTEMPTS - 1):
        try:
            return work()
        except RefusedError:
            time.sleep(PAUSE_S)
    return work()
