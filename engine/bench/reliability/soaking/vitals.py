"""What a process occupies: memory, descriptors, threads."""

import os
from dataclasses import dataclass
from pathlib import Path

from engine.bench.measuring.machine import MEGABYTE, resident_bytes


@dataclass(frozen=True)
class Vitals:
    memory_mb: float
    descriptors: int
    threads: int


def vitals(process_id: int) -> Vitals:
    """Look at a process now. Raises OSError when it has ended, or on a system without /proc."""
    process = Path("/proc") / str(process_id)
    memory_mb = round(resident_bytes(process_id) / MEGABYTE, 1)
    return Vitals(memory_mb, len(os.listdir(process / "fd")), len(os.listdir(process / "task")))
