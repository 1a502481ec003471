"""``perf-bench render-memory``: what perf-render occupies for a very long take, for many files, and within ``--memory``.

- ``long``: one take of a million notes, by one process.
- ``many``: a hundred takes by as many processes as ``--jobs``. ``early_mb`` and ``late_mb``: what all processes occupied, in the median, in
  the second and in the last quarter of the time. They are the same where memory does not grow from file to file.
- ``bounded``: the long take and a short one with ``--memory``. ``named``: the long one is refused in one line because of it;
  ``short_notes``: of the short one all the same.

Memory is that of perf-render and all that it has started, looked at ten times a second; what they share counts for each.
"""

import statistics
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from engine.base.errors import PerfLiveError
from engine.bench.measuring.benchmark import Benchmark, OnStage, silent
from engine.bench.measuring.machine import MEGABYTE, Machine, describe_machine
from engine.bench.measuring.programs import PERF_RENDER
from engine.bench.measuring.tables import new_table, print_head, word
from engine.bench.measuring.takes import piano_take
from engine.bench.rendering.watched import Watched, watch
from engine.midi.events import is_note_on
from engine.midi.file import read_midi_file, write_midi_file

NOTES_PER_S = 10
LOOK_EVERY_S = 0.1
SHORT_NOTES = 100

NotesOption = Annotated[int, typer.Option(metavar="NUMBER", min=1, help="Notes of the long take.")]
FilesOption = Annotated[int, typer.Option(metavar="NUMBER", min=1, help="How many files.")]
EachOption = Annotated[int, typer.Option(metavar="NUMBER", min=1, help="Notes of each of them.")]
JobsOption = Annotated[int, typer.Option(metavar="NUMBER", min=1, help="How many processes perform them.")]
PerformerOption = Annotated[str, typer.Option(metavar="NAME", help="Who performs; a performer of scores takes the notes for scores.")]
MemoryOption = Annotated[float, typer.Option(metavar="GIB", min=0.25, help="What the long take is refused for.")]


@dataclass(frozen=True)
class Long:
    notes: int
    seconds: float
    peak_mb: float


@dataclass(frozen=True)
class Many:
    files: int
    notes: int
    jobs: int
    seconds: float
    peak_mb: float
    early_mb: float
    late_mb: float


@dataclass(frozen=True)
class Bounded:
    gib: float
    named: bool
    short_notes: int
    peak_mb: float


@dataclass(frozen=True)
class RenderMemoryReport:
    machine: Machine
    performer: str
    long: Long
    many: Many
    bounded: Bounded


def measure(
    *,
    notes: NotesOption = 1_000_000,
    files: FilesOption = 100,
    each: EachOption = 2000,
    jobs: JobsOption = 2,
    memory: MemoryOption = 1.0,
    performer: PerformerOption = "velocity",
    on_stage: OnStage = silent,
) -> RenderMemoryReport:
    """Run everything, ten minutes or so. Raises PerfLiveError where perf-render fails, or the system does not tell about memory."""
    machine, by = describe_machine(), ["--performer", performer]
    with tempfile.TemporaryDirectory(prefix="perf-bench-") as name:
        folder = Path(name)
        take, catalogue = folder / "long.mid", folder / "in"
        on_stage("making the files")
        write_midi_file(take, piano_take(notes, NOTES_PER_S))
        catalogue.mkdir()
        for number in range(files):
            write_midi_file(catalogue / f"{number}.mid", piano_take(each, NOTES_PER_S, seed=number))
        on_stage("the long take")
        alone = _run([str(take), "-o", str(folder / "performed.mid"), *by])
        on_stage("many files")
        many = _run([str(catalogue), "-o", str(folder / "out"), "--jobs", str(jobs), *by])
        on_stage("the long take within bounds")
        bounded = _within(folder, take, memory, by)
    looks = [occupied / MEGABYTE for occupied in many.memory_bytes]
    quarter = max(len(looks) // 4, 1)
    return RenderMemoryReport(
        machine,
        performer,
        Long(notes, round(alone.seconds, 1), round(alone.peak_bytes / MEGABYTE, 1)),
        Many(
            files,
            files * each,
            jobs,
            round(many.seconds, 1),
            round(many.peak_bytes / MEGABYTE, 1),
            round(statistics.median(looks[quarter : 2 * quarter] or looks), 1),
            round(statistics.median(looks[-quarter:]), 1),
        ),
        bounded,
    )


def _within(folder: Path, take: Path, gib: float, by: Sequence[str]) -> Bounded:
    """Perform the long take and a short one, each of which may occupy so much, ``by`` whom the options say."""
    short, made = folder / "short.mid", folder / "bounded"
    write_midi_file(short, piano_take(SHORT_NOTES, NOTES_PER_S))
    ended = _run([str(take), str(short), "-o", str(made), "--jobs", "1", "--memory", f"{gib:g}", *by], may_refuse=True)
    refused = ended.errors.splitlines()
    named = len(refused) == 1 and repr(str(take)) in refused[0] and "--memory" in refused[0]
    performed = made / short.name
    notes = sum(is_note_on(event.message) for event in read_midi_file(performed).events) if performed.exists() else 0
    return Bounded(gib, named, notes, round(ended.peak_bytes / MEGABYTE, 1))


def _run(arguments: Sequence[str], may_refuse: bool = False) -> Watched:
    ended = watch([sys.executable, "-c", PERF_RENDER, *arguments], LOOK_EVERY_S)
    if ended.status and not (may_refuse and ended.status == 1):
        raise PerfLiveError(f"perf-render has failed with status {ended.status}: {ended.errors[-200:].strip()!r}")
    if not ended.memory_bytes:
        raise PerfLiveError("this system does not tell what a process occupies; measure on Linux")
    return ended


def print_table(report: RenderMemoryReport) -> None:
    console = Console()
    print_head(console, report.machine)
    long, many, bounded = report.long, report.many, report.bounded
    table = new_table(f"{report.performer}, memory", "")
    table.add_row(f"a take of {long.notes:,} notes, {long.seconds:.0f} s: at most", f"{long.peak_mb:.0f} MB")
    catalogue = f"{many.files:,} files, {many.notes:,} notes, {many.jobs} processes"
    table.add_row(f"{catalogue}, {many.seconds:.0f} s: at most", f"{many.peak_mb:.0f} MB")
    table.add_row("in the second quarter of the time", f"{many.early_mb:.0f} MB")
    table.add_row("in the last quarter", f"{many.late_mb:.0f} MB")
    table.add_row(f"the long take within {bounded.gib:g} GiB: at most", f"{bounded.peak_mb:.0f} MB")
    table.add_row("it is refused in one line", word(bounded.named))
    table.add_row(f"notes of the short one beside it, of {SHORT_NOTES}", str(bounded.short_notes))
    console.print(table)


BENCHMARK = Benchmark("What perf-render occupies for a very long take, for many files, and within --memory.", measure, print_table)
