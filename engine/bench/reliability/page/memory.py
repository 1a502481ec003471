"""``perf-bench page-memory``: what a run, the program that serves its page and the browser that draws it occupy over time.

perf-live plays the pattern of ``perf-bench live`` between ports of JACK while Chromium, without a window, draws its page. Now and then the
resident memory is noted of perf-live, of the program that serves the page, of the process of Chromium in which the page's script runs, and
of all of Chromium's processes together, in which what they share counts for each. ``growth_mb_an_hour`` is the slope of a line through the
second half, when caches are full.

With ``--pace`` the hours are simulated (``hours``): the engine of this process on a virtual clock, without ports, so many times as fast as
real. Times are those of the music then.
"""

import os
import socket
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import typer
from rich.console import Console

from engine.base.errors import PerfLiveError
from engine.base.files import check_writable, whole_file
from engine.base.matplotlib_loader import load_matplotlib
from engine.bench.measuring.benchmark import Benchmark, OnStage, silent
from engine.bench.measuring.machine import MEGABYTE, Machine, describe_machine, resident_bytes, resident_bytes_with_children, with_children
from engine.bench.measuring.prober import Target, play
from engine.bench.measuring.programs import jack_server
from engine.bench.measuring.tables import new_table, print_head
from engine.bench.measuring.takes import live_pattern
from engine.bench.reliability.page.hours import simulate
from engine.bench.reliability.viewing import ASKED, Viewer, in_terminal
from engine.midi.events import is_note_on
from engine.systems import Kind, default_system, find_system, performers

SERVER_SIGN, SCRIPT_SIGN = b"engine.output.viewing.page", b"--type=renderer"
NOTED = 200  # times in all, at most, and not more often than
SHORTEST_S = 5.0
ROWS = ("perf-live", "page's program", "page in Chromium", "all of Chromium")
COLOURS = ("#c8442e", "#2f6f9f", "#5fbf77", "#9b7ede")

PictureOption = Annotated[Path | None, typer.Option("--picture", metavar="FILE.png", help="Draw memory over time.")]


@dataclass(frozen=True)
class Noted:
    """``memory_mb`` of ROWS."""

    time_s: float
    memory_mb: tuple[float, ...]


@dataclass(frozen=True)
class PageMemoryReport:
    machine: Machine
    performer: str
    pace: float | None  # times as fast as real, of simulated hours
    notes: int
    noted: list[Noted]
    growth_mb_an_hour: list[float]


def measure(
    seconds: Annotated[float, typer.Option(metavar="SECONDS", min=30, help="How long to play.")] = 600,
    performer: Annotated[str, typer.Option(help=f"{', '.join(performers())}.")] = default_system(Kind.NOTES).name,
    picture: PictureOption = None,
    pace: Annotated[
        float | None, typer.Option(metavar="TIMES", min=1, help="Simulate it, so many times as fast, without ports.")
    ] = None,
    *,
    on_stage: OnStage = silent,
) -> PageMemoryReport:
    """Play for about ``seconds``. Raises UsageError for an unknown performer, PerfLiveError where no server is had or a program fails."""
    system = find_system(performer)
    if picture:
        check_writable(picture)
    machine, noted = describe_machine(), list[Noted]()

    def note(now_s: float, run: int, browser: int) -> None:
        on_stage(f"{now_s / seconds:.0%} of {seconds:g} s")
        if not noted or now_s - noted[-1].time_s >= max(seconds / NOTED, SHORTEST_S):
            noted.append(Noted(round(now_s, 1), _look(run, browser)))

    if pace:
        notes = simulate(seconds, pace, system, lambda now_s, browser: note(now_s, os.getpid(), browser))
    else:
        notes = _play(seconds, performer, note)
    report = PageMemoryReport(machine, performer, pace, notes, noted, _growth(noted))
    if picture:
        draw(picture, report)
    return report


def _play(seconds: float, performer: str, note: Callable[[float, int, int], None]) -> int:
    """Play through ports; ``note`` is told now and then how long, and the process ids of perf-live and the browser."""
    slots = live_pattern(seconds)
    with ExitStack() as stack:
        stack.enter_context(jack_server())
        target = stack.enter_context(Target("page"))
        ends = ["--in", target.input_name, "--out", target.output_name, "--api", "jack", "--performer", performer]
        program, browser = stack.enter_context(in_terminal([*ends, *ASKED[Viewer.PAGE], "--page-port", _free_port()], Viewer.PAGE))
        begun_s = time.monotonic()

        def on_pause(slots_done: int) -> None:
            if program.poll() is not None:
                raise PerfLiveError(f"perf-live has ended with status {program.returncode}")
            if browser:
                note(time.monotonic() - begun_s, program.pid, browser.pid)

        play(slots, [target], on_pause)
    return sum(is_note_on(message) for slot in slots for message in slot.together)


def _free_port() -> str:
    with socket.socket() as endpoint:
        endpoint.bind(("127.0.0.1", 0))
        return str(endpoint.getsockname()[1])


def _look(run: int, browser: int) -> tuple[float, ...]:
    """Return the memory of ROWS now, in MB; 0 of what is not there."""
    serving = sum(resident_bytes(own) for own in with_children(run) if SERVER_SIGN in _command(own))
    scripts = sum(resident_bytes(own) for own in with_children(browser) if SCRIPT_SIGN in _command(own))
    every = (resident_bytes(run), serving, scripts, resident_bytes_with_children(browser) or 0)
    return tuple(round(each / MEGABYTE, 1) for each in every)


def _command(process_id: int) -> bytes:
    try:
        return Path(f"/proc/{process_id}/cmdline").read_bytes()
    except OSError:  # it has ended meanwhile
        return b""


def _growth(noted: Sequence[Noted]) -> list[float]:
    """Return the slopes of ROWS in the second half, in MB an hour; none of too few points."""
    half = noted[len(noted) // 2 :]
    if len(half) < 3:
        return []
    hours = np.array([each.time_s for each in half]) / 3600
    return [round(float(np.polyfit(hours, [each.memory_mb[row] for each in half], 1)[0]), 1) for row in range(len(ROWS))]


def draw(path: Path, report: PageMemoryReport) -> None:
    """Write a PNG. Raises PerfLiveError when the file cannot be written."""
    load_matplotlib()
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(10, 5), dpi=110, facecolor="white", layout="constrained")
    FigureCanvasAgg(figure)
    axes: Any = figure.subplots()
    minutes = [each.time_s / 60 for each in report.noted]
    for row, (name, colour) in enumerate(zip(ROWS, COLOURS, strict=True)):
        axes.plot(minutes, [each.memory_mb[row] for each in report.noted], color=colour, label=name)
    axes.set_ylim(bottom=0)
    axes.set_xlabel("minutes")
    axes.set_ylabel("resident memory, MB")
    axes.spines[["top", "right"]].set_visible(False)
    axes.grid(alpha=0.3)
    axes.legend(frameon=False, ncols=2)
    with whole_file(path) as temporary:
        figure.savefig(temporary, format="png")


def print_table(report: PageMemoryReport) -> None:
    console = Console()
    simulated = f", simulated {report.pace:g} times as fast" if report.pace else ""
    console.print(f"perf-live with {report.performer} and its page in Chromium: {report.notes:,} notes{simulated}", soft_wrap=True)
    print_head(console, report.machine)
    noted = report.noted
    shown = [noted[0], noted[len(noted) // 4], noted[len(noted) // 2], noted[-1]]
    table = new_table("resident memory, MB", *(f"{each.time_s / 60:.1f} min" for each in shown), "MB an hour")
    for row, name in enumerate(ROWS):
        growth = f"{report.growth_mb_an_hour[row]:g}" if report.growth_mb_an_hour else "too short"
        table.add_row(name, *(f"{each.memory_mb[row]:.1f}" for each in shown), growth)
    console.print(table)


BENCHMARK = Benchmark("Memory of a run, its page's program and a browser over time; --seconds 3600 for an hour.", measure, print_table)
