"""``perf-bench render``: how fast the offline path performs a made-up take of 10,000 notes, on one core.

- ``notes_per_s``: what ``perf-render`` does for one file, in this process, after everything is loaded: read the MIDI file, perform it on
  the virtual clock, write the MIDI file. The notes of the take by the time of all three.
- ``start_up_s``: the command ``perf-render`` on a take of one note, from the start of its process to its end: the median of five runs,
  after one that compiles what is not compiled yet. ``start_up_processor_s``: the processor time of the system and of its own that it takes.
- ``command_s`` and ``peak_memory_mb``: the command on the whole take, and the most memory that its process occupied. (Linux counts the
  process that it was started from in; it is started while this one is still small.)

Everything runs on one core where the system lets a process choose its cores (``on_one_core``).
"""

import os
import statistics
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from rich.console import Console

from engine.base.errors import PerfLiveError
from engine.bench.measuring.benchmark import Benchmark, OnStage, silent
from engine.bench.measuring.machine import KIBIBYTE, MEGABYTE, Machine, describe_machine, one_core
from engine.bench.measuring.programs import PERF_RENDER
from engine.bench.measuring.tables import cores, megabytes, new_table, print_head
from engine.bench.measuring.takes import piano_take
from engine.midi.file import read_midi_file, write_midi_file
from engine.performers.setup import Wanted
from engine.systems import Kind, default_system

NOTES = 10_000
NOTES_PER_S = 10
START_UPS = 5


@dataclass(frozen=True)
class RenderReport:
    machine: Machine
    on_one_core: bool
    performer: str
    notes: int
    seconds: float
    notes_per_s: float
    start_up_s: float
    start_up_processor_s: float | None  # None where the system does not tell, as the memory
    command_s: float
    peak_memory_mb: float | None


def measure(*, on_stage: OnStage = silent) -> RenderReport:
    """Run everything, a quarter of a minute or so. Raises PerfLiveError when something cannot be run."""
    machine = describe_machine()
    with one_core() as alone, tempfile.TemporaryDirectory(prefix="perf-bench-") as folder:
        one, take, rendered = (Path(folder) / name for name in ("one.mid", "take.mid", "rendered.mid"))
        write_midi_file(one, piano_take(1, NOTES_PER_S))
        write_midi_file(take, piano_take(NOTES, NOTES_PER_S))
        on_stage("the command's start")
        _, *starts = (_run_command(one, rendered) for _ in range(1 + START_UPS))
        on_stage("the command on the whole take")
        whole = _run_command(take, rendered)
        on_stage("the take in this process")
        performed, seconds = _render(take, rendered)
    return RenderReport(
        machine=machine,
        on_one_core=alone,
        performer=default_system(Kind.NOTES).name,
        notes=performed,
        seconds=round(seconds, 3),
        notes_per_s=round(performed / seconds, 1),
        start_up_s=round(statistics.median(start.seconds for start in starts), 3),
        start_up_processor_s=round(statistics.median(start.processor_s for start in starts), 3) or None,
        command_s=round(whole.seconds, 3),
        peak_memory_mb=round(whole.peak_bytes / MEGABYTE, 1) or None,
    )


class _Run(NamedTuple):
    seconds: float
    processor_s: float  # 0 where the system does not tell, as the memory
    peak_bytes: int


def _run_command(take: Path, rendered: Path) -> _Run:
    """Run ``perf-render``, which keeps what it compiles, as it does where it is installed. Raises PerfLiveError when it fails."""
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    begun_s = time.perf_counter()
    process = subprocess.Popen(  # noqa: S603
        [sys.executable, "-c", PERF_RENDER, str(take), "-o", str(rendered)], stdout=subprocess.DEVNULL, env=environment
    )
    processor_s, peak_bytes = 0.0, 0
    if hasattr(os, "wait4"):
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        processor_s = usage.ru_utime + usage.ru_stime
        peak_bytes = usage.ru_maxrss * (1 if sys.platform == "darwin" else KIBIBYTE)  # macOS counts in bytes
    if process.wait():
        raise PerfLiveError(f"perf-render has failed with status {process.returncode}; the line above says why")
    return _Run(time.perf_counter() - begun_s, processor_s, peak_bytes)


def _render(take: Path, rendered: Path) -> tuple[int, float]:
    """Return how many notes were performed, and the seconds from the file to the file."""
    from engine.session import render_take  # with NumPy, which begins on one core now

    setup = Wanted(default_system(Kind.NOTES)).load()
    begun_s = time.perf_counter()
    report = render_take(setup, read_midi_file(take), [rendered], take.stem)
    return report.notes, time.perf_counter() - begun_s


def print_table(report: RenderReport) -> None:
    console = Console()
    print_head(console, report.machine)
    table = new_table(f"{report.performer}, {report.notes} notes, {cores(report.on_one_core)}", "")
    table.add_row("notes a second, after start-up", f"{report.notes_per_s:.0f}")
    table.add_row("the command's start and end, one note", f"{report.start_up_s:.2f} s")
    processor = "unknown" if report.start_up_processor_s is None else f"{report.start_up_processor_s:.2f} s"
    table.add_row("processor time of that", processor)
    table.add_row("the command on the whole take", f"{report.command_s:.2f} s")
    table.add_row("the command's peak memory", megabytes(report.peak_memory_mb))
    console.print(table)


BENCHMARK = Benchmark("How fast perf-render performs, on one core.", measure, print_table)
