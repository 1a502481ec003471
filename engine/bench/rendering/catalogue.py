"""``perf-bench catalogue``: how much sooner a catalogue is performed by several processes than by one.

The command ``perf-render`` performs made-up takes of different length, as scores, with the performer of scores: from the start of its
process to its end, with one process and with more, in turn.
"""

import itertools
import statistics
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from engine.base.errors import PerfLiveError
from engine.bench.measuring.benchmark import Benchmark, OnStage, silent
from engine.bench.measuring.machine import Machine, describe_machine
from engine.bench.measuring.programs import PERF_RENDER
from engine.bench.measuring.tables import new_table, print_head
from engine.bench.measuring.takes import piano_take
from engine.midi.file import write_midi_file
from engine.systems import Kind, default_system

LENGTHS = (50, 100, 200, 400, 800)  # notes; the files take them in turn
NOTES_PER_S = 8

FilesOption = Annotated[int, typer.Option(metavar="NUMBER", min=1, help="How many files.")]
JobsOption = Annotated[int, typer.Option(metavar="NUMBER", min=2, help="How many processes, beside one.")]
TimesOption = Annotated[int, typer.Option(metavar="NUMBER", min=1, help="How often each is run, in turn.")]


@dataclass(frozen=True)
class CatalogueReport:
    """``alone_s`` and ``together_s`` are medians; ``ratio`` is the median of one by the other, run by run."""

    machine: Machine
    performer: str
    files: int
    notes: int
    jobs: int
    alone_s: float
    together_s: float
    ratio: float


def measure(*, files: FilesOption = 20, jobs: JobsOption = 2, times: TimesOption = 3, on_stage: OnStage = silent) -> CatalogueReport:
    """Perform everything ``times`` by one process and by ``jobs``. Raises PerfLiveError when perf-render fails."""
    machine, performer, pairs = describe_machine(), default_system(Kind.SCORES).name, []
    with tempfile.TemporaryDirectory(prefix="perf-bench-") as name:
        folder, lengths = Path(name) / "in", list(itertools.islice(itertools.cycle(LENGTHS), files))
        folder.mkdir()
        for number, length in enumerate(lengths):
            write_midi_file(folder / f"{number}.mid", piano_take(length, NOTES_PER_S))
        for _ in range(times):
            on_stage("one process")
            alone_s = _run_command(folder, performer, 1)
            on_stage(f"{jobs} processes")
            pairs.append((alone_s, _run_command(folder, performer, jobs)))
    return CatalogueReport(
        machine,
        performer,
        files,
        sum(lengths),
        jobs,
        round(statistics.median(alone_s for alone_s, _ in pairs), 2),
        round(statistics.median(together_s for _, together_s in pairs), 2),
        round(statistics.median(alone_s / together_s for alone_s, together_s in pairs), 2),
    )


def _run_command(folder: Path, performer: str, jobs: int) -> float:
    """Return the seconds that it took."""
    call = [sys.executable, "-c", PERF_RENDER, str(folder), "-o", str(folder.with_name(f"by {jobs}"))]
    begun_s = time.perf_counter()
    done = subprocess.run([*call, "--performer", performer, "--jobs", str(jobs)], stdout=subprocess.DEVNULL)  # noqa: S603
    if done.returncode:
        raise PerfLiveError(f"perf-render has failed with status {done.returncode}; the line above says why")
    return time.perf_counter() - begun_s


def print_table(report: CatalogueReport) -> None:
    console = Console()
    print_head(console, report.machine)
    table = new_table(f"{report.performer}, {report.files} files, {report.notes:,} notes", "")
    table.add_row("one process", f"{report.alone_s:.1f} s")
    table.add_row(f"{report.jobs} processes", f"{report.together_s:.1f} s")
    table.add_row("times as fast", f"{report.ratio:.2f}")
    console.print(table)


BENCHMARK = Benchmark("How much sooner several processes perform a catalogue.", measure, print_table)
