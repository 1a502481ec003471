"""``perf-bench catalogue``: how much sooner a catalogue is performed by several processes than by one.

The command ``perf-render`` performs made-up takes of different length, as scores, with the performer of scores: from the start of its
process to its end, with one process and with more, in turn; when asked, with as many on a Ray cluster of this machine's own as well. One
process reads ahead in a second thread, so that it is measured kept to one core, too, where the operating system can do that.
"""

import itertools
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, NamedTuple

import typer
from rich.console import Console

from engine.base.errors import PerfLiveError
from engine.bench.measuring.benchmark import Benchmark, OnStage, silent
from engine.bench.measuring.machine import Machine, describe_machine, one_core
from engine.bench.measuring.programs import PERF_RENDER
from engine.bench.measuring.tables import new_table, print_head
from engine.bench.measuring.takes import piano_take
from engine.midi.file import write_midi_file
from engine.systems import Kind, default_system

LENGTHS = (800, 1_450, 2_250, 3_400, 5_700)  # notes, the 10th to 90th percentile of the scores of (n)ASAP; the files take them in turn
NOTES_PER_S = 8

FilesOption = Annotated[int, typer.Option(metavar="NUMBER", min=1, help="How many files.")]
JobsOption = Annotated[int, typer.Option(metavar="NUMBER", min=2, help="How many processes, beside one.")]
RayOption = Annotated[bool, typer.Option("--ray", help="Do it on a Ray cluster of this machine's own, too.")]
TimesOption = Annotated[int, typer.Option(metavar="NUMBER", min=1, help="How often each is run, in turn.")]


@dataclass(frozen=True)
class CatalogueReport:
    """Seconds are medians; ``ratio``, ``core_ratio`` and ``ray_ratio`` are medians of ``alone_s``, ``one_core_s`` and ``by_ray_s`` by
    ``together_s``, run by run. Both of one core are None where a process cannot be kept to one, both of Ray's where it was not asked for.
    """

    machine: Machine
    performer: str
    files: int
    notes: int
    jobs: int
    alone_s: float
    together_s: float
    ratio: float
    one_core_s: float | None
    core_ratio: float | None
    by_ray_s: float | None
    ray_ratio: float | None


def measure(
    *, files: FilesOption = 20, jobs: JobsOption = 2, times: TimesOption = 3, ray: RayOption = False, on_stage: OnStage = silent
) -> CatalogueReport:
    """Perform everything ``times`` by one process and by ``jobs``. Raises PerfLiveError when perf-render fails."""
    machine, performer = describe_machine(), default_system(Kind.SCORES).name
    alone, many, kept, by_ray = _ways(jobs)
    ways = [alone, many, *([kept] if hasattr(os, "sched_setaffinity") else []), *([by_ray] if ray else [])]
    seconds: dict[Way, list[float]] = {way: [] for way in ways}
    with tempfile.TemporaryDirectory(prefix="perf-bench-") as name:
        folder, lengths = Path(name) / "in", list(itertools.islice(itertools.cycle(LENGTHS), files))
        folder.mkdir()
        for number, length in enumerate(lengths):
            write_midi_file(folder / f"{number}.mid", piano_take(length, NOTES_PER_S))
        for way in itertools.chain.from_iterable(itertools.repeat(ways, times)):
            on_stage(way.title)
            seconds[way].append(_run_command(folder, way, performer))

    def by_many(way: Way) -> tuple[float | None, float | None]:
        own = seconds.get(way)
        return (_median(own), _median(one / other for one, other in zip(own, seconds[many], strict=True))) if own else (None, None)

    alone_s, ratio = by_many(alone)
    assert alone_s is not None and ratio is not None  # noqa: S101 (it is always run)
    counted = files, sum(lengths), jobs
    return CatalogueReport(machine, performer, *counted, alone_s, _median(seconds[many]), ratio, *by_many(kept), *by_many(by_ray))


class Way(NamedTuple):
    """How perf-render is called."""

    title: str
    options: tuple[str, ...]
    one_core: bool = False


def _ways(jobs: int) -> tuple[Way, Way, Way, Way]:
    """Return one process, ``jobs`` of them, one on one core, ``jobs`` by Ray."""
    one, many = ("--jobs", "1"), ("--jobs", str(jobs))
    by_ray = Way(f"{jobs} by Ray", (*many, "--ray", "local"))
    return Way("one process", one), Way(f"{jobs} processes", many), Way("one process on one core", one, one_core=True), by_ray


def _median(values: Iterable[float]) -> float:
    return round(statistics.median(values), 2)


def _run_command(folder: Path, way: Way, performer: str) -> float:
    """Return the seconds that it took."""
    call = [sys.executable, "-c", PERF_RENDER, str(folder), "-o", str(folder.with_name(way.title)), "--performer", performer, *way.options]
    with one_core() if way.one_core else nullcontext():  # which the process that is begun keeps to as well
        begun_s = time.perf_counter()
        done = subprocess.run(call, stdout=subprocess.DEVNULL)  # noqa: S603
        took_s = time.perf_counter() - begun_s
    if done.returncode:
        raise PerfLiveError(f"perf-render has failed with status {done.returncode}; the line above says why")
    return took_s


def print_table(report: CatalogueReport) -> None:
    console = Console()
    print_head(console, report.machine)
    table = new_table(f"{report.performer}, {report.files} files, {report.notes:,} notes", "")
    table.add_row("one process", f"{report.alone_s:.1f} s")
    table.add_row(f"{report.jobs} processes", f"{report.together_s:.1f} s")
    table.add_row("times as fast", f"{report.ratio:.2f}")
    if report.one_core_s is not None:
        table.add_row("one process on one core", f"{report.one_core_s:.1f} s")
        table.add_row("times as fast as one core", f"{report.core_ratio:.2f}")
    if report.by_ray_s is not None:
        table.add_row(f"{report.jobs} by Ray", f"{report.by_ray_s:.1f} s")
        table.add_row("times as long as the processes", f"{report.ray_ratio:.2f}")
    console.print(table)


BENCHMARK = Benchmark("How much sooner several processes perform a catalogue.", measure, print_table)
