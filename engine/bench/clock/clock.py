"""``perf-bench clock``: how well MIDI clock is heard through an audio server, and what it does to onsets.

- ``rows``: see ``engine.bench.clock.tempos``.
- ``microseconds``: of processor time that a clock takes.
- ``onsets``: see ``engine.bench.clock.onsets``.
"""

from dataclasses import dataclass

from rich.console import Console

from engine.bench.clock.onsets import OnsetRow, measure_onsets
from engine.bench.clock.tempos import HAPPENINGS, Row, measure_microseconds, measure_tempos
from engine.bench.measuring.benchmark import Benchmark, OnStage, silent
from engine.bench.measuring.machine import Machine, describe_machine
from engine.bench.measuring.tables import new_table, print_head


@dataclass(frozen=True)
class ClockReport:
    machine: Machine
    rows: list[Row]
    microseconds: float
    onsets: list[OnsetRow]


def measure(*, on_stage: OnStage = silent) -> ClockReport:
    """Simulate everything, some minutes."""
    machine, rows = describe_machine(), []
    for happens in HAPPENINGS:
        on_stage(happens)
        rows += measure_tempos(happens)
    microseconds = measure_microseconds()
    on_stage("onsets")
    return ClockReport(machine, rows, microseconds, measure_onsets())


def print_table(report: ClockReport) -> None:
    console = Console()
    print_head(console, report.machine)
    table = new_table("frames, ms", "bars", "most", "later", "mean", "known", "new", "place")
    for row in report.rows:
        shares = (f"{100 * share:.2f}" for share in (*row.errors, row.plain.largest))
        followed = "" if row.beats_to_follow is None else f"{row.beats_to_near:.2g}, {row.beats_to_follow:.2g}"
        title = f"{row.happens} {row.frames}, {row.jitter_ms}"
        table.add_row(title, *shares, f"{row.known_beats:g}", followed, f"{row.place_ms:g}")
    console.print(table)
    units = "of the mean of 24; beats, until it is known, and a new tempo to 5% and to 3%; ms"
    console.print(f"errors in percent: after two bars, at most, at most from two bars on, {units}", soft_wrap=True)
    console.print(f"a clock takes {report.microseconds:g} microseconds of processor time")
    onsets = new_table("frames, ms", "onsets moved by, ms")
    for onset in report.onsets:
        onsets.add_row("no clock" if onset.frames is None else f"{onset.frames}, {onset.jitter_ms}", f"{onset.deviation_ms:.1f}")
    console.print(onsets)


BENCHMARK = Benchmark("What is heard of MIDI clock, through periods, jitter, gaps and changes of tempo.", measure, print_table)
