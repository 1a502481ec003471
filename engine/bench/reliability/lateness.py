"""``perf-bench lateness``: whether perf-live is as late as it says, by an observer who hears the same events.

perf-live with ``velocity`` stands between a keyboard and a sound module at a JACK server, and is played to: first as a pianist plays, then
with every key of the piano struck at once, so that the last notes wait for the first ones. It tells of each event when that was due, which
is when the driver brought it, and when it was sent: what its figures at the end of a run are made of. The observer's lateness is the time
from just before the keyboard sent an event until it was heard, less what a controller alone takes, which waits for nothing: the way through
JACK. Its periods of 1.33 ms, one on either side, make a single event's lateness unsure by as much. The keyboard runs in real time, where it
may: no instrument is stopped by a busy machine.
"""

import json
import statistics
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, NamedTuple

import typer
from rich.console import Console

from engine.bench.measuring.benchmark import Benchmark, OnStage, silent
from engine.bench.measuring.figures import NS_PER_MS
from engine.bench.measuring.lateness import PERF_LIVE_TELLING_ALL
from engine.bench.measuring.machine import Machine, describe_machine
from engine.bench.measuring.programs import jack_server
from engine.bench.measuring.tables import new_table, print_head
from engine.bench.measuring.takes import KEYS
from engine.bench.reliability.document import check_document, write_table
from engine.bench.reliability.stage.between_ports import Stage, await_
from engine.bench.reliability.stage.log import Entry
from engine.bench.reliability.stage.outcome import play
from engine.midi.events import control_change, note_off, note_on
from engine.midi.ports import echoes
from engine.runtime.scheduler import LATE_NS

COMMAND = "perf-bench lateness"
HEAD = ("playing", "lateness", "perf-live says", "the observer", "apart")
PROBES, PROBE_CONTROLLER, PROBE_S = 100, 21, 0.0211  # an undefined controller (MIDI 1.0 detailed specification, table 3); no whole periods
CHORDS = 10
LOOKING_FOR_LOOPS = control_change(0, echoes.PROBE_CONTROLLER, 0)[:2]
SETTLING_S = 0.3
PATIENCE_S = 10.0
SHARE = 0.99
ALONE = "controllers alone"


class Wait(NamedTuple):
    """How late an event was, nanoseconds: as perf-live says, and from the keyboard to the observer."""

    told_ns: int
    heard_ns: int


@dataclass(frozen=True)
class Figure:
    """The same of many events, by both."""

    playing: str
    name: str
    unit: str
    perf_live: float
    observer: float


@dataclass(frozen=True)
class LatenessReport:
    """``way_ms``: what JACK takes; ``events``: how many each figure is of."""

    machine: Machine
    way_ms: float
    events: dict[str, int]
    figures: list[Figure]
    says: str  # perf-live's last words


def measure(
    seconds: Annotated[float, typer.Option(metavar="SECONDS", min=1, help="How long to play as a pianist does.")] = 60,
    document: Annotated[Path | None, typer.Option(metavar="FILE.md", help="A document whose table is written anew.")] = None,
    *,
    on_stage: OnStage = silent,
) -> LatenessReport:
    """Play. Raises PerfLiveError where no server can be had, or where not all that was sent was heard."""
    if document:
        check_document(document, COMMAND)
    machine = describe_machine()
    parts: dict[str, Callable[[Stage], None]] = {
        ALONE: _probe,
        "as a pianist": lambda stage: play(stage, seconds),
        "all keys at once": _strike_all_keys,
    }
    with jack_server(), tempfile.TemporaryDirectory(prefix="perf-bench-") as folder, Stage(Path(folder), "lateness") as stage:
        run = stage.live("--performer", "velocity", both=False, program=PERF_LIVE_TELLING_ALL)
        stage.keys.ask("prompt")
        stage.await_connection()
        time.sleep(SETTLING_S)
        begun = _counted(stage)
        ends = []
        for name, part in parts.items():
            on_stage(name)
            part(stage)
            ends.append(_await_all(stage, begun))
        heard_ns = [came.time_ns - left.time_ns for left, came in zip(*_entries(stage, begun), strict=True)]
        ended = run.stop()
    told_ns = [sent_ns - due_ns for due_ns, sent_ns in json.loads(ended.output[-1])[begun[1] : begun[1] + len(heard_ns)]]
    waits = [Wait(*each) for each in zip(told_ns, heard_ns, strict=True)]
    played = {name: waits[first:end] for name, first, end in zip(parts, [0, *ends], ends, strict=False)}
    report = _report(machine, played, ended.output[-2])
    if document:
        write_table(document, COMMAND, HEAD, _rows(report))
    return report


def _counted(stage: Stage) -> tuple[int, int]:
    """Return how much the keyboard has sent and the observer has heard: as much as perf-live has sent."""
    return len(stage.keys.entries()), len(stage.observer.entries())


def _entries(stage: Stage, begun: tuple[int, int]) -> tuple[list[Entry], list[Entry]]:
    """Return what was sent since ``begun`` and heard of it: what comes in as it went out makes perf-live look for a loop."""
    heard = [entry for entry in stage.observer.entries()[begun[1] :] if entry.message[:2] != LOOKING_FOR_LOOPS]
    return stage.keys.entries()[begun[0] :], heard


def _await_all(stage: Stage, begun: tuple[int, int]) -> int:
    """Wait until as much was heard as was sent since ``begun``, which the order of neither changes; return how much."""
    stage.keys.ask("sync")
    sent, _ = _entries(stage, begun)
    await_(lambda: len(_entries(stage, begun)[1]) >= len(sent), "not all that was sent is heard", PATIENCE_S)
    return len(sent)


def _probe(stage: Stage) -> None:
    for number in range(PROBES):
        stage.keys.send(control_change(0, PROBE_CONTROLLER, number))
        time.sleep(PROBE_S)


def _strike_all_keys(stage: Stage) -> None:
    for _ in range(CHORDS):
        stage.keys.send(*(note_on(0, key, 64) for key in KEYS))
        stage.await_heard()
        stage.keys.send(*(note_off(0, key) for key in KEYS))
        stage.await_silence()


def _report(machine: Machine, played: dict[str, list[Wait]], says: str) -> LatenessReport:
    way_ns = statistics.median(wait.heard_ns - wait.told_ns for wait in played.pop(ALONE))
    figures = []
    for playing, waits in played.items():
        both = [wait.told_ns for wait in waits], [wait.heard_ns - way_ns for wait in waits]
        figures.append(Figure(playing, "more than 10 ms late", "", *(sum(value > LATE_NS for value in values) for values in both)))
        for name, place in (("the median", 0.5), ("of 99 of 100, at most", SHARE), ("the longest", 1.0)):
            figures.append(Figure(playing, name, " ms", *(round(_percentile(values, place) / NS_PER_MS, 2) for values in both)))
    return LatenessReport(machine, round(way_ns / NS_PER_MS, 2), {name: len(waits) for name, waits in played.items()}, figures, says)


def _percentile(values: Sequence[float], place: float) -> float:
    return sorted(values)[round(place * (len(values) - 1))]


def _rows(report: LatenessReport) -> list[list[str]]:
    rows = []
    for each in report.figures:
        shown = (each.perf_live, each.observer, round(abs(each.perf_live - each.observer), 2))
        rows.append([f"{each.playing}, {report.events[each.playing]:,} events", each.name, *(f"{value:g}{each.unit}" for value in shown)])
    return rows


def print_table(report: LatenessReport) -> None:
    console = Console()
    print_head(console, report.machine)
    table = new_table("lateness", "perf-live says", "the observer", "apart")
    for playing, *row in _rows(report):
        table.add_row(f"{playing}: {row[0]}", *row[1:])
    console.print(table)
    console.print(f"the way through JACK takes {report.way_ms:g} ms; {report.says!r}", highlight=False, soft_wrap=True)


BENCHMARK = Benchmark("Whether perf-live is as late as it says, by an observer.", measure, print_table)
