"""``perf-bench kills``: whether a catalogue that is killed again and again ends in the same bytes as one that is not.

``perf-render --manifest`` performs made-up takes, once undisturbed. Then it is begun again and again, and at a moment drawn from as long as
the undisturbed one took something is killed (SIGKILL): perf-render with its workers, perf-render alone, or one of its workers, after which
it goes on. When it gets to its end first, what it made is compared, and it begins from nothing. At most one worker is killed of a
perf-render: a file whose worker dies twice is named and left out, as it should be.

``different`` and ``told_differently``: files that were missing, left over or of other bytes at an end, and lines of the manifest but for
the seconds that a file took and their order.
"""

import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from itertools import cycle, islice
from pathlib import Path
from random import Random
from typing import Annotated

import typer
from rich.console import Console

from engine.base.errors import PerfLiveError
from engine.bench.measuring.benchmark import Benchmark, OnStage, silent
from engine.bench.measuring.machine import Machine, describe_machine, with_children
from engine.bench.measuring.programs import PERF_RENDER
from engine.bench.measuring.tables import new_table, print_head
from engine.bench.measuring.takes import piano_take
from engine.midi.file import write_midi_file

LENGTHS, NOTES_PER_S = (50, 100, 200, 400, 800), 8
ALL, PROGRAM, WORKER = "perf-render and its workers", "perf-render alone", "a worker"
MADE, ACCOUNT = "out", "made.jsonl"
PATIENCE_S = 60  # for what a killed program has left to end

FilesOption = Annotated[int, typer.Option(metavar="NUMBER", min=1, help="How many files.")]
JobsOption = Annotated[int, typer.Option(metavar="NUMBER", min=2, help="How many processes.")]
TimesOption = Annotated[int, typer.Option(metavar="NUMBER", min=1, help="How often something is killed.")]
SeedOption = Annotated[int, typer.Option(metavar="NUMBER", min=0, help="Draws what is killed, and when.")]


@dataclass(frozen=True)
class KillsReport:
    machine: Machine
    files: int
    notes: int
    jobs: int
    undisturbed_s: float
    killed: dict[str, int]
    ends: int  # to which it came, each of them compared
    different: list[str]
    told_differently: list[str]


def measure(
    *, files: FilesOption = 40, jobs: JobsOption = 2, times: TimesOption = 10, seed: SeedOption = 0, on_stage: OnStage = silent
) -> KillsReport:
    """Perform the files, undisturbed and killed. Raises PerfLiveError when an undisturbed perf-render fails."""
    machine, random, killed = describe_machine(), Random(seed), Counter[str]()
    different: list[str] = []
    told_differently: list[str] = []
    ends = 0
    with tempfile.TemporaryDirectory(prefix="perf-bench-") as name:
        undisturbed, disturbed, lengths = Path(name) / "undisturbed", Path(name) / "disturbed", list(islice(cycle(LENGTHS), files))
        for folder in (Path(name) / "in", undisturbed, disturbed):
            folder.mkdir()
        for number, length in enumerate(lengths):
            write_midi_file(Path(name) / "in" / f"{number}.mid", piano_take(length, NOTES_PER_S, seed=number))
        on_stage("undisturbed")
        begun_s = time.perf_counter()
        with _begun(undisturbed, jobs) as process:
            _check_ended(process)
        lasts_s = time.perf_counter() - begun_s
        while not ends or killed.total() < times:
            on_stage(f"killed {killed.total()} of {times} times")
            with _begun(disturbed, jobs) as process:
                if killed.total() < times and (what := _kill(process, random, lasts_s)):
                    killed[what] += 1
                    if what != WORKER:
                        continue
                _check_ended(process)
            ends += 1
            different += _differences(_contents(undisturbed), _contents(disturbed))
            told_differently += _differences(_told(undisturbed), _told(disturbed))
            shutil.rmtree(disturbed / MADE)
            (disturbed / ACCOUNT).unlink()
    return KillsReport(machine, files, sum(lengths), jobs, round(lasts_s, 2), dict(killed), ends, different, told_differently)


@contextmanager
def _begun(folder: Path, jobs: int) -> "Iterator[subprocess.Popen[bytes]]":
    """Begin perf-render in a folder; at the end of the block it and all that it has started are gone."""
    call = [sys.executable, "-c", PERF_RENDER, os.path.join("..", "in"), "-o", MADE, "--manifest", ACCOUNT, "--jobs", str(jobs)]
    process = subprocess.Popen(call, cwd=folder, stdout=subprocess.DEVNULL, start_new_session=True)  # noqa: S603
    try:
        yield process
    except BaseException:
        _end_group(process.pid)
        raise
    finally:
        process.wait()
        deadline_s = time.monotonic() + PATIENCE_S
        while _is_group_there(process.pid) and time.monotonic() < deadline_s:
            time.sleep(0.01)
        _end_group(process.pid)


def _kill(process: "subprocess.Popen[bytes]", random: Random, lasts_s: float) -> str | None:
    """Wait for a moment within ``lasts_s``, kill something and return what; None where the program came to its end before."""
    what = random.choice((ALL, PROGRAM, WORKER))
    with suppress(subprocess.TimeoutExpired):
        process.wait(random.uniform(0, lasts_s))
        return None
    if what == WORKER:
        if not (workers := _workers(process.pid)):
            return None
        with suppress(ProcessLookupError):
            os.kill(random.choice(workers), signal.SIGKILL)
    elif what == PROGRAM:
        process.kill()
    else:
        _end_group(process.pid)
    return what


def _workers(process_id: int) -> list[int]:
    """Return the processes that perform files, on a system that has /proc; at the beginning and at the end there are none."""
    found = []
    for each in with_children(process_id)[1:]:
        with suppress(OSError):
            if b"spawn_main" in Path(f"/proc/{each}/cmdline").read_bytes():
                found.append(each)
    return found


def _end_group(process_id: int) -> None:
    with suppress(ProcessLookupError):
        os.killpg(process_id, signal.SIGKILL)


def _is_group_there(process_id: int) -> bool:
    try:
        os.killpg(process_id, 0)
    except ProcessLookupError:
        return False
    return True


def _check_ended(process: "subprocess.Popen[bytes]") -> None:
    if status := process.wait():
        raise PerfLiveError(f"perf-render has failed with status {status}; the line above says why")


def _contents(folder: Path) -> dict[str, bytes]:
    """Return what was made, temporary files that were left included."""
    return {str(path.relative_to(folder)): path.read_bytes() for path in (folder / MADE).rglob("*") if path.is_file()}


def _told(folder: Path) -> dict[str, list[str]]:
    """Return the lines of the manifest by input, without the seconds."""
    lines = [json.loads(line) for line in (folder / ACCOUNT).read_text(encoding="utf-8").splitlines()]
    told: dict[str, list[str]] = {}
    for line in lines:
        told.setdefault(line["input"], []).append(json.dumps({**line, "seconds": 0}))
    return told


def _differences(expected: Mapping[str, object], found: Mapping[str, object]) -> list[str]:
    return sorted(name for name in expected.keys() | found.keys() if expected.get(name) != found.get(name))


def print_table(report: KillsReport) -> None:
    console = Console()
    print_head(console, report.machine)
    table = new_table(f"{report.files} files, {report.notes:,} notes, {report.jobs} processes", "")
    table.add_row("undisturbed", f"{report.undisturbed_s:.1f} s")
    for what in (ALL, PROGRAM, WORKER):
        table.add_row(f"killed: {what}", str(report.killed.get(what, 0)))
    table.add_row("came to its end", str(report.ends))
    table.add_row("files that differ", str(len(report.different)))
    table.add_row("lines of the manifest that differ", str(len(report.told_differently)))
    console.print(table)
    for text in (*report.different, *report.told_differently):
        console.print(text, highlight=False, soft_wrap=True)


BENCHMARK = Benchmark("Whether a catalogue that is killed again and again ends in the same bytes.", measure, print_table)
