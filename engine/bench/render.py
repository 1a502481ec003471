"""``perf-bench render``: how fast the offline path performs a made-up take of 10,000 notes, on one core.

- ``notes_per_s``: what ``perf-render`` does for one file, in this process, after everything is loaded: read the MIDI file, run the engine
  on the virtual clock, write the MIDI file. The notes of the take by the time of all three.
- ``start_up_s``: the command ``perf-render`` on a take of one note, from the start of its process to its end: the median of three runs.
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
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from engine.base.clock import VirtualClock
from engine.base.errors import PerfLiveError
from engine.bench.measuring.machine import KIBIBYTE, MEGABYTE, Machine, describe_machine
from engine.bench.measuring.takes import piano_take
from engine.commands import options
from engine.midi.file import read_midi_file, write_midi_file
from engine.runtime.sinks import MidiFileSink
from engine.runtime.sources import FileSource

NOTES = 10_000
NOTES_PER_S = 10
START_UPS = 3
PERF_RENDER = "from engine.commands.render import main; main()"


@dataclass(frozen=True)
class RenderReport:
    machine: Machine
    on_one_core: bool
    performer: str
    notes: int
    seconds: float
    notes_per_s: float
    start_up_s: float
    command_s: float
    peak_memory_mb: float | None  # None where the system does not tell


def measure(on_one_core: bool, on_stage: Callable[[str], None] = lambda stage: None) -> RenderReport:
    """Run everything. ``on_stage`` learns what is measured next. Raises PerfLiveError when something cannot be run."""
    machine = describe_machine()
    with tempfile.TemporaryDirectory(prefix="perf-bench-") as folder:
        one, take, rendered = (Path(folder) / name for name in ("one.mid", "take.mid", "rendered.mid"))
        write_midi_file(one, piano_take(1, NOTES_PER_S))
        write_midi_file(take, piano_take(NOTES, NOTES_PER_S))
        on_stage("the command's start")
        start_up_s = statistics.median(_run_command(one, rendered)[0] for _ in range(START_UPS))
        on_stage("the command on the whole take")
        command_s, peak_bytes = _run_command(take, rendered)
        on_stage("the take in this process")
        performer, performed, seconds = _render(take, rendered)
    return RenderReport(
        machine=machine,
        on_one_core=on_one_core,
        performer=performer,
        notes=performed,
        seconds=round(seconds, 3),
        notes_per_s=round(performed / seconds, 1),
        start_up_s=round(start_up_s, 3),
        command_s=round(command_s, 3),
        peak_memory_mb=None if peak_bytes is None else round(peak_bytes / MEGABYTE, 1),
    )


def _run_command(take: Path, rendered: Path) -> tuple[float, int | None]:
    """Run ``perf-render``; return the seconds that it took and the most bytes that it occupied. Raises PerfLiveError when it fails."""
    begun_s = time.perf_counter()
    process = subprocess.Popen(  # noqa: S603
        [sys.executable, "-c", PERF_RENDER, str(take), "-o", str(rendered)], stdout=subprocess.DEVNULL
    )
    peak_bytes = None
    if hasattr(os, "wait4"):
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        peak_bytes = usage.ru_maxrss * (1 if sys.platform == "darwin" else KIBIBYTE)  # macOS counts in bytes
    if process.wait():
        raise PerfLiveError(f"perf-render has failed with status {process.returncode}; the line above says why")
    return time.perf_counter() - begun_s, peak_bytes


def _render(take: Path, rendered: Path) -> tuple[str, int, float]:
    """Return the performer's name, how many notes it performed, and the seconds from the file to the file."""
    setup = options.prepare(None, options.PlayingOptions(), None, None)
    begun_s = time.perf_counter()
    timeline, clock = read_midi_file(take), VirtualClock()
    sink = MidiFileSink(rendered, timeline)
    report = setup.create_engine(FileSource(timeline, clock), [sink], clock, keep_incomplete=False).run()
    return setup.performer.name, report.notes, time.perf_counter() - begun_s
