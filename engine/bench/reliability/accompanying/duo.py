"""``perf-bench duo``: a simulated soloist plays with an accompanist through real JACK ports, and whether anything is stuck or late.

Four processes: the JACK server, ``perf-live --score ... --follow ...``, a second perf-live with ``passthrough``, and this one, the prober.
The soloist plays takes of his part in stretches, with wrong, missing and additional notes, with halts and leaps (``soloist``), on a channel
of its own. Each moment goes to one program and 12 ms later to the other, as in ``perf-bench live``, and every four seconds the other goes
first. What comes back on the soloist's channel is his; all else is the accompaniment's.

- ``passing``: how much later a message of the soloist comes back from the duo than from ``passthrough``.
- ``late``: of what each program sent, how much went out more than 10 ms after it was due, by the program's own account, which
  ``perf-bench lateness`` holds against an observer's. ``passthrough`` computes nothing: what it has of them is the machine's.
- ``stuck``: what sounds some seconds after the last stroke, while the run still goes on, and what sounds when it has ended.
"""

import json
import time
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import numpy as np
import typer
from rich.console import Console

from engine import examples
from engine.base.errors import UsageError
from engine.bench.live import Difference, add_difference
from engine.bench.measuring.benchmark import Benchmark, OnStage, silent
from engine.bench.measuring.delivery import Answers, Delivery
from engine.bench.measuring.figures import DIGITS, Distribution, describe, median_interval_ms
from engine.bench.measuring.lateness import PERF_LIVE_TELLING_ALL
from engine.bench.measuring.machine import MEGABYTE, Machine, describe_machine, resident_bytes
from engine.bench.measuring.prober import Target, play
from engine.bench.measuring.programs import Program, jack_server, may_schedule_in_real_time
from engine.bench.measuring.tables import DISTRIBUTION, add_distribution, new_table, print_head, word
from engine.bench.measuring.takes import NS_PER_S
from engine.bench.reliability.accompanying.soloist import CHANNEL, Stroke, play_solo, take_of_file, take_of_rendition
from engine.midi.events import channel_of, is_channel_message, is_note_off, is_note_on
from engine.midi.ledger import NoteLedger
from engine.performers.registry import load_performer
from engine.performers.setup import Setup
from engine.runtime.following.parts import solo_rows
from engine.runtime.following.rendition import render_through
from engine.runtime.scheduler import LATE_NS
from engine.score.piece import read_piece
from engine.session import begin_performance
from engine.systems import Kind, default_system, find_system

SCORE, PART = Path(examples.__file__).parent / "brahms_lullaby.musicxml", "Voice"
PERFORMANCES = 4  # of the score, where no takes are given
SETTLING_S = 8.0  # an accompaniment ends what sounds four seconds after the soloist has stopped
Received = Sequence[tuple[int, bytes]]


@dataclass(frozen=True)
class Lateness:
    events: int  # that were sent
    late: int
    waits: Distribution  # of each from when it was due until it was sent


@dataclass(frozen=True)
class Accompanied:
    """What the accompaniment was."""

    notes: int
    stuck_notes: int  # sounding some seconds after the last stroke
    sounding_at_end: int  # notes and pedals, when the program has ended
    longest_note_s: float
    longest_silence_s: float


@dataclass(frozen=True)
class Passing(Difference):
    passthrough: Distribution
    duo: Distribution


@dataclass(frozen=True)
class DuoReport:
    machine: Machine
    real_time: bool
    score: str
    seconds: float
    strokes: int
    halts: int
    leaps: int
    duo: Delivery
    passthrough: Delivery
    passing: Passing
    lateness: dict[str, Lateness]
    accompanied: Accompanied
    memory_ready_mb: float
    memory_end_mb: float
    perf_live_says: str  # its last line


def measure(
    seconds: Annotated[float, typer.Option(metavar="SECONDS", min=10, help="How long to play.")] = 600,
    score: Annotated[Path, typer.Option(metavar="FILE", help="A score with several parts. (default: the bundled song)")] = SCORE,
    follow: Annotated[str, typer.Option(metavar="PART", help="The soloist's part.")] = PART,
    take: Annotated[
        list[Path] | None,
        typer.Option(metavar="FILE.mid", help="A take of the soloist's part; may be given again. (default: performances by a network)"),
    ] = None,
    *,
    on_stage: OnStage = silent,
    seed: int = 0,
) -> DuoReport:
    """Play. Raises UsageError for a part or a take that is not there, PerfLiveError where no server can be had or a program fails."""
    machine = describe_machine()
    on_stage("the soloist prepares")
    playing = play_solo(_takes(score, follow, take or []), seconds, seed)
    messages = [message for slot in playing.slots for message in slot.together]
    with ExitStack() as stack:
        stack.enter_context(jack_server())
        targets = [stack.enter_context(Target(name)) for name in ("duo", "pass")]
        own = (["--score", str(score), "--follow", follow], ["--performer", "passthrough"])
        programs = []
        for target, asked in zip(targets, own, strict=True):
            ends = ["--in", target.input_name, "--out", target.output_name, "--api", "jack"]
            programs.append(stack.enter_context(Program("perf-live", ["-c", PERF_LIVE_TELLING_ALL, *ends, *asked])))
        memory_ready_mb = _resident_mb(programs[0])
        begun_s = time.monotonic()

        def on_pause(done: int) -> None:
            for program in programs:
                program.check()
            on_stage(f"{done / len(playing.slots):.0%} of {seconds:g} s")

        play(playing.slots, targets, on_pause)
        time.sleep(SETTLING_S)
        until_then = [list(target.received) for target in targets]
        memory_end_mb, lasted_s = _resident_mb(programs[0]), time.monotonic() - begun_s
        said = [program.stop() for program in programs]
    answers = [Answers(messages, target.sent_ns, _of(came, soloist=True)) for target, came in zip(targets, until_then, strict=True)]
    return DuoReport(
        machine=machine,
        real_time=may_schedule_in_real_time(),
        score=score.name,
        seconds=round(lasted_s, 1),
        strokes=sum(map(is_note_on, messages)),
        halts=playing.halts,
        leaps=playing.leaps,
        duo=answers[0].delivery(),
        passthrough=answers[1].delivery(),
        passing=_passing(answers[1].latencies_ns, answers[0].latencies_ns),
        lateness={name: _lateness(lines[-1]) for name, lines in zip(("duo", "passthrough"), said, strict=True)},
        accompanied=_accompanied(until_then[0], targets[0].received),
        memory_ready_mb=memory_ready_mb,
        memory_end_mb=memory_end_mb,
        perf_live_says=said[0][-2],
    )


def _takes(score: Path, follow: str, files: Sequence[Path]) -> list[list[Stroke]]:
    """Return what the soloist has to choose from."""
    piece = read_piece(score)
    rows = solo_rows(piece, follow)
    if (piece.channels == CHANNEL).any():
        raise UsageError(f"--score {str(score)!r} plays on channel {CHANNEL + 1}, which is the soloist's here; give another one")
    if files:
        return [take_of_file(path) for path in files]
    system = default_system(Kind.SCORES)
    performer, request = load_performer(system.name, None), find_system(system.name).request()
    setups = [Setup(performer, seed, {}, request=request) for seed in range(1, PERFORMANCES + 1)]
    return [take_of_rendition(render_through(piece, begin_performance(setup, piece).stream), rows) for setup in setups]


def _resident_mb(program: Program) -> float:
    return round(resident_bytes(program.process_id) / MEGABYTE, 1)


def _of(received: Received, soloist: bool) -> list[tuple[int, bytes]]:
    """Return the soloist's notes, or all that is not on his channel."""
    found = []
    for time_ns, message in received:
        his = is_channel_message(message) and channel_of(message) == CHANNEL
        if his == soloist and (not soloist or is_note_on(message) or is_note_off(message)):
            found.append((time_ns, message))
    return found


def _passing(passthrough_ns: np.ndarray, duo_ns: np.ndarray) -> Passing:
    both = ~(np.isnan(passthrough_ns) | np.isnan(duo_ns))
    before, after = passthrough_ns[both], duo_ns[both]
    shared, own, added = describe(before), describe(after), after - before
    return Passing(describe(added), median_interval_ms(added), round(own.p99_ms - shared.p99_ms, DIGITS), shared, own)


def _lateness(told: str) -> Lateness:
    waits_ns = [sent_ns - due_ns for due_ns, sent_ns in json.loads(told)]
    return Lateness(len(waits_ns), sum(wait_ns > LATE_NS for wait_ns in waits_ns), describe(waits_ns or [0]))


def _accompanied(until_then: Received, received: Received) -> Accompanied:
    """Say what sounded and for how long, ``until_then`` while the run went on and in all."""
    begun: dict[tuple[int, int], int] = {}
    onsets_ns, longest_ns = [], 0
    for time_ns, message in _of(received, soloist=False):
        if not is_channel_message(message):
            continue
        key = channel_of(message), message[1]
        if is_note_on(message) or is_note_off(message):
            longest_ns = max(longest_ns, time_ns - begun.pop(key, time_ns))
        if is_note_on(message):
            begun[key] = time_ns
            onsets_ns.append(time_ns)
    ledger = NoteLedger()
    for _, message in _of(until_then, soloist=False):
        ledger.observe(message)
    stuck = ledger.sounding
    for _, message in _of(received[len(until_then) :], soloist=False):
        ledger.observe(message)
    silence_ns = int(np.diff(onsets_ns).max()) if len(onsets_ns) > 1 else 0
    return Accompanied(len(onsets_ns), stuck, len(ledger.releases(0)), round(longest_ns / NS_PER_S, 2), round(silence_ns / NS_PER_S, 2))


def print_table(report: DuoReport) -> None:
    console = Console()
    played = f"{report.seconds:g} s, {report.strokes} strokes, {report.halts} halts, {report.leaps} leaps"
    console.print(f"a duo at {report.score} through JACK: {played}", soft_wrap=True)
    print_head(console, report.machine)
    table = new_table("the soloist's messages", "passthrough", "duo")
    for name in ("sent", "lost", "changed", "extra", "out_of_order", "stuck_notes"):
        table.add_row(name.replace("_", " "), *(word(getattr(each, name)) for each in (report.passthrough, report.duo)))
    console.print(table)
    times = new_table("milliseconds", *DISTRIBUTION)
    sides = {"passthrough": report.passing.passthrough, "duo": report.passing.duo}
    add_difference(times, "until a message of the soloist is back", sides, report.passing)
    for name, each in report.lateness.items():
        add_distribution(times, f"sent after it was due, {name}: {each.late} late", each.waits)
    console.print(times)
    own = report.accompanied
    console.print(
        f"the accompaniment: {own.notes} notes, the longest {own.longest_note_s:g} s, the longest silence {own.longest_silence_s:g} s; "
        f"stuck: {own.stuck_notes}, at the end {own.sounding_at_end}",
        highlight=False,
        soft_wrap=True,
    )
    memory = f"{report.memory_ready_mb:g} MB resident when ready, {report.memory_end_mb:g} MB at the end"
    console.print(f"{memory}; {report.perf_live_says!r}", highlight=False, soft_wrap=True)


BENCHMARK = Benchmark("A soloist with errors, halts and leaps and who accompanies him, through real JACK ports.", measure, print_table)
