"""The machine under a benchmark: what it is, one core of it, and the memory of a process."""

import os
import platform
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

MEGABYTE = 1_000_000
KIBIBYTE = 1024
STOLEN = 7


@dataclass(frozen=True)
class Machine:
    processor: str
    cores: int
    system: str
    python: str
    load: float | None  # processes that wanted a core in the last minute, on average: over about 0.5 the machine was not quiet


def describe_machine() -> Machine:
    load = round(os.getloadavg()[0], 2) if hasattr(os, "getloadavg") else None
    return Machine(_processor(), os.cpu_count() or 1, f"{platform.system()} {platform.release()}", platform.python_version(), load)


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        lines = []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor() or platform.machine()


class StolenTime:
    """Counts, from its making on, the processor time that the host of a virtual machine gave to others."""

    def __init__(self) -> None:
        self._began = _processor_times()

    def share(self) -> float | None:
        """Return the share of all time that was taken, 0 to 1; None where the system does not tell."""
        now = _processor_times()
        if self._began is None or now is None:
            return None
        passed = [after - before for before, after in zip(self._began, now, strict=True)]
        return passed[STOLEN] / max(sum(passed), 1)


def _processor_times() -> list[int] | None:
    """Return the time spent so far by kind: user, nice, system, idle, input, two kinds of interrupts, stolen."""
    try:
        with Path("/proc/stat").open(encoding="ascii") as file:
            return [int(ticks) for ticks in file.readline().split()[1 : STOLEN + 2]]
    except OSError:
        return None


@contextmanager
def one_core() -> Iterator[bool]:
    """Keep this process, and what it starts, on one core while the block runs; give whether the system can."""
    if not hasattr(os, "sched_setaffinity"):
        yield False
        return
    allowed = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {max(allowed)})
    try:
        yield True
    finally:
        os.sched_setaffinity(0, allowed)


def resident_bytes(process_id: int) -> int:
    """Return the memory that a process occupies now, in bytes."""
    try:
        pages = int(Path(f"/proc/{process_id}/statm").read_text(encoding="ascii").split()[1])
        return pages * os.sysconf("SC_PAGE_SIZE")
    except FileNotFoundError:  # a system without /proc
        listed = subprocess.run(["ps", "-o", "rss=", "-p", str(process_id)], capture_output=True, text=True, check=True)  # noqa: S603, S607
        return int(listed.stdout) * KIBIBYTE


def resident_bytes_with_children(process_id: int) -> int | None:
    """Return the memory that a process and all that it has started occupy now together, in bytes; None on a system without /proc.

    What they share counts for each. Those that have ended meanwhile count nothing.
    """
    if not Path("/proc/self").exists():
        return None
    total = 0
    for own in with_children(process_id):
        try:
            total += resident_bytes(own)
        except (OSError, subprocess.CalledProcessError):
            continue
    return total


def with_children(process_id: int) -> list[int]:
    """Return a process and all that it has started, as they are now, on a system that has /proc."""
    found, waiting = [], [process_id]
    while waiting:
        found.append(own := waiting.pop())
        try:
            for children in Path(f"/proc/{own}/task").glob("*/children"):
                waiting += map(int, children.read_text(encoding="ascii").split())
        except OSError:
            continue
    return found
