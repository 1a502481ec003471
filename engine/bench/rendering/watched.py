"""A program that is run to its end, and what it and all that it starts occupy meanwhile."""

import subprocess
import tempfile
import time
from collections.abc import Sequence
from typing import NamedTuple

from engine.bench.measuring.machine import resident_bytes_with_children


class Watched(NamedTuple):
    status: int
    seconds: float
    said: str  # on standard output
    errors: str  # on standard error
    memory_bytes: list[int]  # at each look; empty where the system does not tell

    @property
    def peak_bytes(self) -> int:
        """The most that was seen; 0 where the system does not tell."""
        return max(self.memory_bytes, default=0)


def watch(call: Sequence[str], every_s: float) -> Watched:
    """Run a program to its end, and look at its memory every so often."""
    memory = []
    with tempfile.TemporaryFile() as written, tempfile.TemporaryFile() as complained:
        begun_s = time.perf_counter()
        process = subprocess.Popen(call, stdout=written, stderr=complained)  # noqa: S603
        try:
            while process.poll() is None:
                if occupied := resident_bytes_with_children(process.pid):
                    memory.append(occupied)
                time.sleep(every_s)
        finally:
            process.kill()
            status = process.wait()
        seconds = time.perf_counter() - begun_s
        written.seek(0)
        complained.seek(0)
        said, errors = (file.read().decode(errors="replace") for file in (written, complained))
    return Watched(status, seconds, said, errors, memory)
