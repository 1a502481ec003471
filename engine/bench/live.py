"""``perf-bench live``: what perf-live adds to a bare echo, through real JACK ports, while it is played to as a pianist plays.

Four processes: the JACK server, the real ``perf-live --in ... --out ... --api jack``, a bare python-rtmidi callback echo (``echo``), and
this one, the prober. Every moment of the same seeded pattern (``takes.live_pattern``) goes to one program and, 12 ms later, to the other,
so that neither works while the other is timed; 12 ms are nine whole periods of JACK, so both meet the server at the same phase. Every
four seconds the other goes first. A time is taken just before a message is handed to rtmidi and in the callback that brings it back, so
it contains both ways through JACK (periods of 1.33 ms), which the echo needs as well: what perf-live adds is the difference.

- Note-ons: ``first_note_ons`` are single notes and those that begin a chord, ``note_ons`` all of them; a chord's other notes are performed
  one after the other, see the chord spread.
- Added latency: the two programs' distributions, the difference of their 99th percentiles, and the distribution of the differences
  message by message, with an interval of its median. A note whose answer is ready too late for JACK's period adds a whole one.
- ``others``: everything that is not a note-on. Those of ``others_apart`` left 6 ms after the notes before them, the rest right before
  or after note-ons, which perf-live performs one by one and in order.
- Chord spread: from the first to the last note-on of a ten-note chord as they come back.
- Deliveries are compared until the last answer, before perf-live is stopped and would release what still sounds.
- ``ready_s``: from the start of the process to perf-live's line "ready". Memory: resident, when ready and after the last message.
- ``prober_late``: how long after its time the prober sent. It is the same for both and counts in no latency; where it is not far below 6 ms
  the machine was too busy to measure on.
"""

from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import asdict, dataclass
from typing import Annotated, NamedTuple

import numpy as np
import typer
from rich.console import Console
from rich.table import Table

from engine.base.errors import PerfLiveError
from engine.bench.measuring.benchmark import Benchmark, OnStage, silent
from engine.bench.measuring.delivery import LOST, Answers, Delivery
from engine.bench.measuring.figures import DIGITS, Distribution, describe, median_interval_ms
from engine.bench.measuring.machine import MEGABYTE, Machine, StolenTime, describe_machine, resident_bytes
from engine.bench.measuring.prober import Target, play
from engine.bench.measuring.programs import PERF_LIVE, Program, jack_server, may_schedule_in_real_time
from engine.bench.measuring.tables import DISTRIBUTION, add_distribution, new_table, print_head, share, word
from engine.bench.measuring.takes import BIG_CHORD_NOTES, NS_PER_S, Slot, live_pattern
from engine.midi.events import is_note_on
from engine.systems import Kind, default_system, find_system, performers


@dataclass(frozen=True)
class Difference:
    """The same durations of two programs, those of the one less those of the other, message by message."""

    difference: Distribution
    difference_median_95_ms: tuple[float, float]  # where the median of the differences lies with 95% confidence
    added_p99_ms: float  # the 99th percentile of the one less that of the other


@dataclass(frozen=True)
class Compared(Difference):
    """perf-live's less the echo's."""

    echo: Distribution
    perf_live: Distribution


@dataclass(frozen=True)
class LiveReport:
    machine: Machine
    real_time: bool  # whether the JACK server and its clients' driver threads could be scheduled before all others
    stolen: float | None  # share of the processors' time that a virtual machine's host took: from about 0.005 on, it shows in the figures
    performer: str
    seconds: float  # that the pattern took
    notes_per_s: float
    big_chords: int
    echo: Delivery
    perf_live: Delivery
    first_note_ons: Compared | None  # here and below None: there was none
    note_ons: Compared | None
    others: Compared | None
    others_apart: Compared | None
    chord_spread: Compared | None
    prober_late: Distribution
    ready_s: float
    memory_ready_mb: float
    memory_end_mb: float
    perf_live_says: str  # its last line: notes, late, degraded


class Sent(NamedTuple):
    message: bytes
    slot: int
    apart: bool


class _Run(NamedTuple):
    """What came of a run."""

    targets: tuple[Target, Target]  # of the echo, of perf-live
    seconds: float
    ready_s: float
    memory_ready_mb: float
    memory_end_mb: float
    says: str


def measure(
    seconds: Annotated[float, typer.Option(metavar="SECONDS", min=1, help="How long to play.")] = 600,
    performer: Annotated[str, typer.Option(help=f"{', '.join(performers())}.")] = default_system(Kind.NOTES).name,
    *,
    on_stage: OnStage = silent,
    seed: int = 0,
) -> LiveReport:
    """Play for about ``seconds`` (the pauses come on top). Raises UsageError for an unknown performer, PerfLiveError where no server can be
    had or a program under test fails.
    """
    find_system(performer)
    machine = describe_machine()  # before we are a load ourselves
    slots = live_pattern(seconds, seed)
    stolen_time = StolenTime()
    run = _run(slots, performer, lambda done: on_stage(f"{done:.0%} of {seconds:g} s"))
    stolen = stolen_time.share()
    sent = flatten(slots)
    messages = [each.message for each in sent]
    echo, live = (Answers(messages, target.sent_ns, target.received) for target in run.targets)
    is_note = np.array([is_note_on(message) for message in messages])
    is_first = first_notes(sent)
    apart = np.array([each.apart for each in sent])
    return LiveReport(
        machine=machine,
        real_time=may_schedule_in_real_time(),
        stolen=None if stolen is None else round(stolen, 4),
        performer=performer,
        seconds=round(run.seconds, 1),
        notes_per_s=round(float(is_note.sum()) / run.seconds, 1),
        big_chords=len(_big_chords(sent)),
        echo=echo.delivery(),
        perf_live=live.delivery(),
        first_note_ons=compare(echo.latencies_ns[is_first], live.latencies_ns[is_first]),
        note_ons=compare(echo.latencies_ns[is_note], live.latencies_ns[is_note]),
        others=compare(echo.latencies_ns[~is_note], live.latencies_ns[~is_note]),
        others_apart=compare(echo.latencies_ns[~is_note & apart], live.latencies_ns[~is_note & apart]),
        chord_spread=compare(*(_spreads(_big_chords(sent), answers.arrivals_ns) for answers in (echo, live))),
        prober_late=describe([late_ns for target in run.targets for late_ns in target.late_ns]),
        ready_s=round(run.ready_s, 3),
        memory_ready_mb=run.memory_ready_mb,
        memory_end_mb=run.memory_end_mb,
        perf_live_says=run.says,
    )


def _run(slots: Sequence[Slot], performer: str, on_progress: Callable[[float], None]) -> _Run:
    """``on_progress`` learns the share that is done, 0 to 1, in the pauses, where nothing is measured."""
    with ExitStack() as stack:
        stack.enter_context(jack_server())
        for_echo, for_live = stack.enter_context(Target("echo")), stack.enter_context(Target("live"))
        echo = stack.enter_context(Program("the echo", ["-m", "engine.bench.measuring.echo", for_echo.input_name, for_echo.output_name]))
        ends = ["--in", for_live.input_name, "--out", for_live.output_name, "--api", "jack"]
        live = stack.enter_context(Program("perf-live", ["-c", PERF_LIVE, *ends, "--performer", performer]))
        memory_ready_mb = _resident_mb(live)

        def on_pause(slots_done: int) -> None:
            echo.check()
            live.check()
            on_progress(slots_done / len(slots))

        play(slots, (for_echo, for_live), on_pause)
        if not for_echo.received or not for_live.received:
            raise PerfLiveError("nothing came back through the JACK server; look whether it runs freely (jackd -S -r)")
        seconds = (for_live.sent_ns[-1] - for_live.sent_ns[0]) / NS_PER_S
        return _Run((for_echo, for_live), seconds, live.ready_s, memory_ready_mb, _resident_mb(live), live.stop()[-1])


def _resident_mb(program: Program) -> float:
    return round(resident_bytes(program.process_id) / MEGABYTE, 1)


def flatten(slots: Sequence[Slot]) -> list[Sent]:
    """Every message, in the order in which each program gets them."""
    sent: list[Sent] = []
    for number, slot in enumerate(slots):
        sent += [Sent(message, number, False) for message in slot.together]
        sent += [Sent(message, number, True) for message in slot.between]
    return sent


def first_notes(sent: Sequence[Sent]) -> np.ndarray:
    """Say of each message whether it is the first note-on of its moment: a single note, or the note that begins a chord."""
    begun: set[int] = set()
    first = np.zeros(len(sent), bool)
    for index, each in enumerate(sent):
        if is_note_on(each.message) and each.slot not in begun:
            begun.add(each.slot)
            first[index] = True
    return first


def _big_chords(sent: Sequence[Sent]) -> list[list[int]]:
    """Return the indices of the note-ons of each ten-note chord."""
    by_slot: dict[int, list[int]] = {}
    for index, each in enumerate(sent):
        if is_note_on(each.message):
            by_slot.setdefault(each.slot, []).append(index)
    return [indices for indices in by_slot.values() if len(indices) == BIG_CHORD_NOTES]


def _spreads(chords: Sequence[Sequence[int]], arrivals_ns: np.ndarray) -> np.ndarray:
    """Return for each chord how long after its first note its last one came; NaN where one is missing."""
    arrived = [arrivals_ns[indices] for indices in chords]
    return np.array([np.nan if LOST in times_ns else times_ns.max() - times_ns.min() for times_ns in arrived])


def compare(echo_ns: np.ndarray, live_ns: np.ndarray) -> Compared | None:
    """Compare two durations of each message; one that is NaN for either program counts for neither. None when nothing is left."""
    both = ~(np.isnan(echo_ns) | np.isnan(live_ns))
    if not both.any():
        return None
    echo, live = describe(echo_ns[both]), describe(live_ns[both])
    added_ns = live_ns[both] - echo_ns[both]
    return Compared(describe(added_ns), median_interval_ms(added_ns), round(live.p99_ms - echo.p99_ms, DIGITS), echo, live)


def print_table(report: LiveReport) -> None:
    console = Console()
    played = f"{report.seconds:g} s, {report.notes_per_s:g} notes a second, {report.big_chords} ten-note chords"
    console.print(f"perf-live with {report.performer} beside a bare echo through JACK: {played}", soft_wrap=True)
    print_head(console, report.machine)
    console.print(f"taken by the host meanwhile: {share(report.stolen)}; JACK in real time: {word(report.real_time)}", soft_wrap=True)
    console.print(_deliveries(report))
    table = new_table("milliseconds", *DISTRIBUTION)
    for title, compared in (
        ("note-ons, single or first of a chord", report.first_note_ons),
        ("note-ons, all", report.note_ons),
        ("others", report.others),
        ("others, 6 ms after the notes", report.others_apart),
        ("spread of ten-note chords", report.chord_spread),
    ):
        _add_compared(table, title, compared)
    add_distribution(table, "prober: sent late by", report.prober_late)
    console.print(table)
    memory = f"{report.memory_ready_mb:g} MB resident then, {report.memory_end_mb:g} MB at the end"
    console.print(f"perf-live: ready in {report.ready_s:.2f} s; {memory}; {report.perf_live_says!r}", highlight=False, soft_wrap=True)


def _deliveries(report: LiveReport) -> Table:
    echo, live = asdict(report.echo), asdict(report.perf_live)
    table = new_table("messages", "echo", "perf-live")
    for name, value in echo.items():
        table.add_row(name.replace("_", " "), word(value), word(live[name]))
    return table


def _add_compared(table: Table, title: str, compared: Compared | None) -> None:
    sides = {"echo": compared.echo, "perf-live": compared.perf_live} if compared else {}
    add_difference(table, title, sides, compared)


def add_difference(table: Table, title: str, sides: Mapping[str, Distribution], found: Difference | None) -> None:
    """Add the rows of what two ``sides`` took, by name, and of what they differ by; a row of 0 where there is nothing."""
    table.add_row(f"[bold]{title}", "" if found else "0")
    if found:
        for name, side in sides.items():
            add_distribution(table, f"  {name}", side)
        add_distribution(table, "  added, each by itself", found.difference)
        for bound, value in zip(("least", "most"), found.difference_median_95_ms, strict=True):
            table.add_row(f"  its median at {bound}", "", f"{value:.3f}")
        table.add_row("  added, percentiles", "", "", f"{found.added_p99_ms:.3f}")
    table.add_section()


BENCHMARK = Benchmark("What perf-live adds to a bare echo through real JACK ports, and whether everything arrives.", measure, print_table)
