"""Runs cases in a process that may crash or hang.

``python -m engine.bench.reliability.fuzzing.worker SEED FIRST STEP LAST FOLDER [KIND]``. It says ``begin NUMBER KIND`` before each case, so
that who reads it knows which one it was, and ``end VERDICT LINE`` after it, as JSON. The input of a case stands in FOLDER while it runs.
"""

import gc
import json
import os
import sys
import threading
import traceback
from pathlib import Path
from typing import Any, TextIO

from engine.base.errors import PerfLiveError
from engine.bench.reliability.fuzzing.kinds import KINDS, kind_of, make_case

OK, REFUSED, DEFECT = "ok", "refused", "defect"
COLLECT = 200  # cases after which what they left is collected: a run that has ended hangs together in circles, with what its models take
MOST_PROCESSOR_S = 60
MOST_ADDRESSES = 12 << 30  # bytes of memory, so that a case that wants all of it fails alone


def main() -> None:
    seed, first, step, last = map(int, sys.argv[1:5])
    folder, kinds = Path(sys.argv[5]), sys.argv[6:] or list(KINDS)
    out = os.fdopen(os.dup(1), "w")
    quiet = os.open(os.devnull, os.O_WRONLY)
    os.dup2(quiet, 1)  # whatever a library prints
    os.dup2(quiet, 2)
    _limit_memory()
    _stay_in(folder)
    said: list[str] = []
    threading.excepthook = lambda given: said.append(f"in a thread: {given.exc_type.__name__}: {given.exc_value}")
    sys.unraisablehook = lambda given: said.append(f"unraisable: {given.exc_type.__name__}: {given.exc_value}")
    for number in range(first, last, step):
        kind = kind_of(number) if len(kinds) == len(KINDS) else kinds[number % len(kinds)]
        if number // step % COLLECT == 0:
            gc.collect()
        _say(out, "begin", number, kind)
        _limit_time()
        _say(out, "end", *_run(kind, make_case(kind, seed, number), folder, said))


def _run(kind: str, data: bytes, folder: Path, said: list[str]) -> tuple[str, str]:
    """Return how a case ended, and its line."""
    path = folder / f"case{KINDS[kind].suffix}"
    path.write_bytes(data)
    said.clear()
    try:
        KINDS[kind].run(path)
    except PerfLiveError as error:
        verdict = (REFUSED, str(error)) if _is_one_line(str(error)) else (DEFECT, f"not one line: {error}")
    except BaseException as error:
        place = traceback.extract_tb(error.__traceback__)[-1]
        verdict = DEFECT, f"{type(error).__name__}: {error} ({Path(place.filename).name}, line {place.lineno})"
    else:
        verdict = OK, ""
    return (DEFECT, said[0]) if said else verdict


def _is_one_line(text: str) -> bool:
    return bool(text.strip()) and "\n" not in text


def _say(out: TextIO, *words: Any) -> None:
    out.write(json.dumps(words) + "\n")
    out.flush()


def _stay_in(folder: Path) -> None:
    """Let what a case writes without saying where be written in the folder."""
    os.chdir(folder)
    os.environ.update({name: str(folder) for name in ("HOME", "XDG_CONFIG_HOME", "XDG_CACHE_HOME", "XDG_DATA_HOME")})


def _limit_time() -> None:
    """Let this process be killed by SIGXCPU when a case computes for too long, however busy the machine is."""
    try:
        import resource

        used = resource.getrusage(resource.RUSAGE_SELF)
        resource.setrlimit(resource.RLIMIT_CPU, (int(used.ru_utime + used.ru_stime) + MOST_PROCESSOR_S, resource.RLIM_INFINITY))
    except (ImportError, ValueError, OSError):
        pass


def _limit_memory() -> None:
    try:
        import resource

        resource.setrlimit(resource.RLIMIT_AS, (MOST_ADDRESSES, MOST_ADDRESSES))
    except (ImportError, ValueError, OSError):
        pass


if __name__ == "__main__":
    main()
