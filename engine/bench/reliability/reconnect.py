"""``perf-bench reconnect``: how soon notes pass again when a port is back that was away.

perf-live stands between a keyboard and two sound modules at a JACK server, each a process of its own. The keyboard's port or a module's is
closed, is away for so long, and is opened again. From then on the keyboard plays a note every few milliseconds. The time begins when the
port is back and ends when the first note has come through: to the observer where the keyboard was away, to the module where that was.
"""

import statistics
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from itertools import cycle
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from engine.base.errors import PerfLiveError
from engine.bench.measuring.benchmark import Benchmark, OnStage, silent
from engine.bench.measuring.machine import Machine, describe_machine
from engine.bench.measuring.programs import jack_server
from engine.bench.measuring.tables import new_table, print_head
from engine.bench.measuring.takes import KEYS
from engine.bench.reliability.document import check_document, write_table
from engine.bench.reliability.stage.between_ports import PATIENCE_S, Peer, Stage
from engine.midi.events import is_note_on, note_off, note_on

COMMAND = "perf-bench reconnect"
HEAD = ("port", "away", "times", "first note after, median", "at most", "stuck")
AWAY_S = (0.1, 1.0, 10.0)
PORTS: dict[str, Callable[[Stage], tuple[Peer, Peer]]] = {  # who goes, and who hears that it is back
    "input": lambda stage: (stage.keys, stage.observer),
    "output": lambda stage: (stage.module, stage.module),
}
NOTE_S = 0.005


@dataclass(frozen=True)
class Row:
    port: str
    away_s: float
    after_ms: list[float]
    stuck: int  # notes that still sounded some seconds later


@dataclass(frozen=True)
class ReconnectReport:
    machine: Machine
    rows: list[Row]


def measure(
    times: Annotated[int, typer.Option(min=1, metavar="NUMBER", help="How often each port goes for each time.")] = 20,
    longest: Annotated[float, typer.Option(min=AWAY_S[0], metavar="SECONDS", help="Leave out longer absences.")] = AWAY_S[-1],
    document: Annotated[Path | None, typer.Option(metavar="FILE.md", help="A document whose table is written anew.")] = None,
    *,
    on_stage: OnStage = silent,
) -> ReconnectReport:
    """Let ports go and come, ten minutes or so. Raises PerfLiveError where no server can be had, or where nothing passes again."""
    if document:
        check_document(document, COMMAND)
    machine, rows = describe_machine(), []
    with jack_server(), tempfile.TemporaryDirectory(prefix="perf-bench-") as folder, Stage(Path(folder), "reconnect") as stage:
        stage.live("--performer", "velocity")
        stage.await_connection()
        stage.await_connection(stage.module)
        for port in PORTS:
            for away_s in (each for each in AWAY_S if each <= longest):
                on_stage(f"{port} away for {away_s:g} s")
                after_ms = [reconnect(stage, port, away_s) for _ in range(times)]
                stage.await_silence()
                rows.append(Row(port, away_s, after_ms, stage.delivered().stuck))
    report = ReconnectReport(machine, rows)
    if document:
        write_table(document, COMMAND, HEAD, _rows(report))
    return report


def reconnect(stage: Stage, port: str, away_s: float) -> float:
    """Let a port go and come back; return after how many milliseconds a note has come through. Raises PerfLiveError when none does."""
    peer, hears = PORTS[port](stage)
    stage.await_heard()
    peer.ask("close")
    time.sleep(away_s)
    before = len(hears.entries())
    peer.ask("open")
    back_ns = time.monotonic_ns()
    for pitch in cycle(KEYS):
        stage.keys.send(note_on(0, pitch, 64), note_off(0, pitch))
        time.sleep(NOTE_S)
        if heard := [entry.time_ns for entry in hears.entries()[before:] if is_note_on(entry.message)]:
            break
        if time.monotonic_ns() - back_ns > PATIENCE_S * 1e9:
            raise PerfLiveError(f"no note comes to {hears.port!r} again")
    stage.await_connection()
    stage.begin()  # what was played before the port was found again is not lost: nobody was there
    return (heard[0] - back_ns) / 1e6


def _rows(report: ReconnectReport) -> list[list[str]]:
    return [
        [
            each.port,
            f"{each.away_s:g} s",
            str(len(each.after_ms)),
            f"{statistics.median(each.after_ms):.0f} ms",
            f"{max(each.after_ms):.0f} ms",
            str(each.stuck),
        ]
        for each in report.rows
    ]


def print_table(report: ReconnectReport) -> None:
    console = Console()
    print_head(console, report.machine)
    table = new_table(*HEAD)
    for row in _rows(report):
        table.add_row(*row)
    console.print(table)


BENCHMARK = Benchmark("How soon notes pass again when a port is back that was away.", measure, print_table)
