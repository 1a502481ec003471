"""``perf-bench catalogue``: how much sooner a catalogue is performed by several processes than by one.

The command ``perf-render`` performs made-up takes of different length, as scores, with the performer of scores: from the start of its
process to its end, with one process and with more, in turn; when asked, with as many on a Ray cluster of this machine's own as well.
"""

import itertools
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable, Sequence
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
RayOption = Annotated[bool, typer.Option("--ray", help="Do it on a Ray cluster of this machine's own, too.")]
TimesOption = Annotated[int, typer.Option(metavar="NUMBER", min=1, help="How often each is run, in turn.")]


@dataclass(frozen=True)
class CatalogueReport:
    """``alone_s``, ``together_s`` and ``by_ray_s`` are medians; ``ratio`` is the median of the first by the second, run by run.

    ``ray_ratio`` is that of the third by the second. Both of Ray's are None where it was not asked for.
    """

    machine: Machine
    performer: str
    files: int
    notes: int
    jobs: int
    alone_s: float
    together_s: float
    ratio: float
    by_ray_s: float | None
    ray_ratio: float | None


def measure(
    *, files: FilesOption = 20, jobs: JobsOption = 2, times: TimesOption = 3, ray: RayOption = False, on_stage: OnStage = silent
) -> CatalogueReport:
    """Perform everything ``times`` by one process and by ``jobs``. Raises PerfLiveError when perf-render fails."""
    machine, performer, runs = describe_machine(), default_system(Kind.SCORES).name, list[tuple[float, ...]]()
    many = ["--jobs", str(jobs)]
    ways = {"one process": ["--jobs", "1"], f"{jobs} processes": many, **({f"{jobs} by Ray": [*many, "--ray", "local"]} if ray else {})}
    with tempfile.TemporaryDirectory(prefix="perf-bench-") as name:
        folder, lengths = Path(name) / "in", list(itertools.islice(itertools.cycle(LENGTHS), files))
        folder.mkdir()
        for number, length in enumerate(lengths):
            write_midi_file(folder / f"{number}.mid", piano_take(length, NOTES_PER_S))
        for _ in range(times):
            runs.append(tuple(_run_command(folder, way, [*options, "--performer", performer], on_stage) for way, options in ways.items()))
    alone_s, together_s, *by_ray_s = zip(*runs, strict=True)
    return CatalogueReport(
        machine,
        performer,
        files,
        sum(lengths),
        jobs,
        _median(alone_s),
        _median(together_s),
        _median(alone / together for alone, together in zip(alone_s, together_s, strict=True)),
        _median(by_ray_s[0]) if by_ray_s else None,
        _median(by_ray / together for by_ray, together in zip(by_ray_s[0], together_s, strict=True)) if by_ray_s else None,
    )


def _median(values: Iterable[float]) -> float:
    return round(statistics.median(values), 2)


def _run_command(folder: Path, way: str, options: Sequence[str], on_stage: OnStage) -> float:
    """Return the seconds that it took."""
    on_stage(way)
    call = [sys.executable, "-c", PERF_RENDER, str(folder), "-o", str(folder.with_name(way)), *options]
    begun_s = time.perf_counter()
    done = subprocess.run(call, stdout=subprocess.DEVNULL)  # noqa: S603
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
    if report.by_ray_s is not None:
        table.add_row(f"{report.jobs} by Ray", f"{report.by_ray_s:.1f} s")
        table.add_row("times as long as the processes", f"{report.ray_ratio:.2f}")
    console.print(table)


BENCHMARK = Benchmark("How much sooner several processes perform a catalogue.", measure, print_table)
