"""``perf-bench reading``: how long a made-up string quartet of a hundred pages is read, and how much memory that takes.

- ``seconds``: a process of its own that reads the score, from its start to its end. ``processor_s``: the processor time of it and of those
  that it starts for partitura and verovio, which run beside it.
- ``peak_memory_mb``: the most that the three processes occupied at one time, looked at fifty times a second.
"""

import os
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from engine.base.errors import PerfLiveError
from engine.bench.measuring.benchmark import Benchmark, OnStage, silent
from engine.bench.measuring.machine import MEGABYTE, Machine, describe_machine
from engine.bench.measuring.tables import megabytes, new_table, print_head
from engine.bench.rendering.long_score import MEASURES_A_PAGE, Form, quartet
from engine.bench.rendering.watched import watch

READ = """
import sys
from engine.score.files import read_score
print(len(read_score(sys.argv[1]).notes))
"""
LOOK_EVERY_S = 0.02

PagesOption = Annotated[int, typer.Option(metavar="N", min=1, max=1000, help="Pages of the score.")]
FormOption = Annotated[Form, typer.Option("--format", help="What the score is written in.")]


@dataclass(frozen=True)
class ReadingReport:
    machine: Machine
    form: Form
    pages: int
    measures: int
    notes: int
    seconds: float
    processor_s: float | None  # None where the system does not tell, as the memory
    peak_memory_mb: float | None


def measure(*, pages: PagesOption = 100, form: FormOption = "musicxml", on_stage: OnStage = silent) -> ReadingReport:
    """Run everything, half a minute or so. Raises PerfLiveError when something cannot be run."""
    machine = describe_machine()
    with tempfile.TemporaryDirectory(prefix="perf-bench-") as folder:
        score = Path(folder) / f"score.{form}"
        score.write_text(quartet(pages, form), encoding="utf-8")
        on_stage("reading")
        before_s = _processor_s()
        read = watch([sys.executable, "-c", READ, str(score)], LOOK_EVERY_S)
        processor_s = _processor_s() - before_s
    if read.status:
        raise PerfLiveError(f"reading has failed with status {read.status}; {read.errors.strip()}")
    return ReadingReport(
        machine=machine,
        form=form,
        pages=pages,
        measures=pages * MEASURES_A_PAGE,
        notes=int(read.said),
        seconds=round(read.seconds, 2),
        processor_s=round(processor_s, 2) if processor_s else None,
        peak_memory_mb=round(read.peak_bytes / MEGABYTE, 1) if read.peak_bytes else None,
    )


def _processor_s() -> float:
    """Return the processor time of all processes that this one has waited for."""
    times = os.times()
    return times.children_user + times.children_system


def print_table(report: ReadingReport) -> None:
    console = Console()
    print_head(console, report.machine)
    table = new_table(
        f"a string quartet of {report.pages} pages ({report.form}): {report.measures} measures, {report.notes} notes as played", ""
    )
    table.add_row("read", f"{report.seconds:.1f} s")
    table.add_row("processor time", "unknown" if report.processor_s is None else f"{report.processor_s:.1f} s")
    table.add_row("peak memory", megabytes(report.peak_memory_mb))
    console.print(table)


BENCHMARK = Benchmark("How fast a long score is read.", measure, print_table)
