"""``perf-bench broken``: whether a catalogue with broken files is performed all the same, and each broken file is named.

``perf-render --manifest`` performs small files of which it is known what becomes of them (``broken_files``).

- ``not_performed``: good files without a performance of as many notes, or of which the manifest says otherwise.
- ``not_named``: broken ones that are not named in one line on standard error and one of the manifest, without being called a defect.
- ``unexpected``: what is in the folder, on standard error or in the manifest beyond that.
- ``peak_memory_mb``: the most that perf-render and all that it starts occupied at one time, looked at five times a second.
"""

import json
import sys
import tempfile
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console

from engine.base.errors import PerfLiveError
from engine.bench.measuring.benchmark import Benchmark, OnStage, silent
from engine.bench.measuring.machine import MEGABYTE, Machine, describe_machine
from engine.bench.measuring.programs import PERF_RENDER
from engine.bench.measuring.tables import megabytes, new_table, print_head
from engine.bench.rendering.broken_files import make_files
from engine.bench.rendering.watched import Watched, watch
from engine.midi.events import is_note_on
from engine.midi.file import read_midi_file

LOOK_EVERY_S = 0.2
DEFECT = "this is a defect"

FilesOption = Annotated[int, typer.Option(metavar="NUMBER", min=1, help="How many files.")]
BrokenOption = Annotated[int, typer.Option(metavar="NUMBER", min=0, help="How many of them are broken, in ten ways in turn.")]
JobsOption = Annotated[int, typer.Option(metavar="NUMBER", min=1, help="How many processes.")]


@dataclass(frozen=True)
class BrokenReport:
    machine: Machine
    files: int
    broken: int
    jobs: int
    notes: int  # of the good ones
    seconds: float
    files_per_s: float
    peak_memory_mb: float | None  # None where the system does not tell
    not_performed: list[str]
    not_named: list[str]
    unexpected: list[str]


def measure(*, files: FilesOption = 10_000, broken: BrokenOption = 100, jobs: JobsOption = 2, on_stage: OnStage = silent) -> BrokenReport:
    """Make the files, perform them, and look what has become of each. Raises PerfLiveError when perf-render ends as it should not."""
    machine = describe_machine()
    with tempfile.TemporaryDirectory(prefix="perf-bench-") as name:
        given, made, account = (Path(name) / part for part in ("in", "out", "made.jsonl"))
        on_stage("making the files")
        good, bad = make_files(given, files, min(broken, files))
        on_stage("performing them")
        options = ["--jobs", str(jobs), "--manifest", str(account)]
        ended = watch([sys.executable, "-c", PERF_RENDER, str(given), "-o", str(made), *options], LOOK_EVERY_S)
        if ended.status != bool(bad):
            raise PerfLiveError(f"perf-render has ended with status {ended.status}: {ended.errors[-200:].strip()!r}")
        on_stage("looking what has become of them")
        found = _compare(given, made, good, bad, ended, [json.loads(line) for line in account.read_text().splitlines()])
    return BrokenReport(
        machine,
        files,
        len(bad),
        jobs,
        sum(good.values()),
        round(ended.seconds, 1),
        round(files / ended.seconds, 1),
        round(ended.peak_bytes / MEGABYTE, 1) if ended.peak_bytes else None,
        *found,
    )


def _compare(
    given: Path, made: Path, good: Mapping[Path, int], bad: Sequence[Path], ended: Watched, lines: Sequence[Mapping[str, Any]]
) -> tuple[list[str], list[str], list[str]]:
    """Return what was not performed, what was not named, and what was not to be expected."""
    told: dict[Path, list[Mapping[str, Any]]] = {}
    for line in lines:
        told.setdefault(Path(line["input"]), []).append(line)
    outputs = {path: made / path.relative_to(given).with_suffix(".mid") for path in good}
    not_performed = [
        str(path)
        for path, notes in good.items()
        if [(line["notes"], line["error"]) for line in told.get(path, [])] != [(notes, "")] or _notes_of(outputs[path]) != notes
    ]
    said = Counter(ended.errors.splitlines())
    naming = {path: [line for line in said.elements() if path.name in line] for path in bad}
    not_named = [
        str(path)
        for path in bad
        if [f"perf-render: {line['error']}" for line in told.get(path, [])] != naming[path]
        or len(naming[path]) != 1
        or DEFECT in naming[path][0]
    ]
    unexpected = [str(path) for path in made.rglob("*") if path.is_file() and path not in outputs.values()]
    unexpected += [line for line in said if line not in {each for lines in naming.values() for each in lines}]
    unexpected += [str(path) for path in told if path not in good and path not in bad]
    return not_performed, not_named, unexpected


def _notes_of(path: Path) -> int:
    """Return how many notes a file has; -1 where there is none that can be read."""
    try:
        return sum(is_note_on(event.message) for event in read_midi_file(path).events)
    except PerfLiveError:
        return -1


def print_table(report: BrokenReport) -> None:
    console = Console()
    print_head(console, report.machine)
    table = new_table(f"{report.files:,} files, {report.broken:,} of them broken, {report.jobs} processes", "")
    table.add_row("seconds", f"{report.seconds:.1f} s")
    table.add_row("files a second", f"{report.files_per_s:.1f}")
    table.add_row("peak memory of all processes", megabytes(report.peak_memory_mb))
    table.add_row("good ones not performed", str(len(report.not_performed)))
    table.add_row("broken ones not named", str(len(report.not_named)))
    table.add_row("unexpected", str(len(report.unexpected)))
    console.print(table)
    for text in (*report.not_performed, *report.not_named, *report.unexpected):
        console.print(text, highlight=False, soft_wrap=True)


BENCHMARK = Benchmark("Whether a catalogue with broken files is performed, and each of those is named.", measure, print_table)
