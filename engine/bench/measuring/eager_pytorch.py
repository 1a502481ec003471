"""The networks in eager PyTorch, to compare with: each in a process of its own, because the engine never loads PyTorch."""

import json
import os
import subprocess
import sys
from collections.abc import Sequence
from importlib.util import find_spec
from typing import Any

from engine.base.errors import PerfLiveError
from engine.bench.measuring.figures import Distribution


def is_installed() -> bool:
    return bool(find_spec("torch") and find_spec("training"))


def time_eager_pytorch(module: str, arguments: Sequence[str]) -> Distribution:
    """Return the distribution that a module measures on one thread. Raises PerfLiveError."""
    return Distribution(**run_eager_pytorch(module, arguments))


def run_eager_pytorch(module: str, arguments: Sequence[str], threads: int = 1) -> dict[str, Any]:
    """Run a module as a program; return the JSON that it prints. Raises PerfLiveError when it fails."""
    environment = os.environ | {"OMP_NUM_THREADS": str(threads)}
    command = [sys.executable, "-m", module, *arguments]
    ended = subprocess.run(command, env=environment, capture_output=True, text=True)  # noqa: S603
    if ended.returncode:
        reason = (ended.stderr.strip().splitlines() or ["it said nothing"])[-1]
        raise PerfLiveError(f"eager PyTorch, run beside, has failed with status {ended.returncode}: {reason}")
    measured: dict[str, Any] = json.loads(ended.stdout)
    return measured


def times_faster(eager: Distribution | None, ours: Distribution) -> float | None:
    """Return the ratio of the medians, None where nothing was measured to compare with."""
    return round(eager.median_ms / ours.median_ms, 2) if eager else None
