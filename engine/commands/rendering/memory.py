"""How much memory a process may occupy."""

import sys

from engine.base.errors import UsageError

GIBIBYTE = 1024**3


def check_bounded(gibibytes: float | None) -> None:
    """Raise UsageError where a bound is asked for and the system has none that holds: Linux alone counts all of a process's data."""
    if gibibytes is not None and sys.platform != "linux":
        raise UsageError(f"--memory {gibibytes:g}: this system cannot bound it; leave --memory out and give fewer --jobs")


def bound_memory(gibibytes: float) -> None:
    """Let this process's data occupy so much from now on: more is refused to it, which raises MemoryError in Python."""
    import resource

    _, most = resource.getrlimit(resource.RLIMIT_DATA)
    wanted = int(gibibytes * GIBIBYTE)
    resource.setrlimit(resource.RLIMIT_DATA, (wanted if most == resource.RLIM_INFINITY else min(wanted, most), most))
