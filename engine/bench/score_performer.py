"""``perf-bench score-performer``: what a note costs, over a long piece, and how soon what is said is heard.

- ``cost.step``: one step of the decoder (``Stepper.step``). ``cost.whole``: all that it takes to decode a note (``OnsetDecoder``: the
  step, the choice of every field, the onset's time). Both without rest, on one core and one thread; ``perf-eval eager score-performer``
  says what the same network takes in eager PyTorch.
- ``cost.long_run``: 20,000 notes decoded one after the other, with chance. Target: the last tenth costs what the first costs, and memory
  does not grow.
- ``notes_per_s``: a score of 5,000 notes from the start of its performance on the virtual clock to its last event, with tempo, pedal and
  everything else that is heard, nothing written, on any core. Target: 1,000.
- ``read_notes_per_s``: reading its windows alone, which the former does beside the rest. ``first_note_s``: from when it, already read
  from its file, is given to the performer to its first note-on on the real clock. Target: 1 s.
- played for a while in real time, about ten notes a second, with a changed control every two seconds: ``decided_ahead``, how long before it
  was due each note was decided, after which a control changes nothing of it (target: 0.3 s at most); ``scheduler_error``, how long after it
  was due an event was sent.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console

from engine.bench.measuring.benchmark import Benchmark, OnStage, silent
from engine.bench.measuring.figures import Distribution, describe
from engine.bench.measuring.machine import Machine, describe_machine, one_core
from engine.bench.measuring.runs import render_score
from engine.bench.measuring.score_playing import NOTES, TimedSink, made_up_piece, notes_for, play_in_time, time_first_note
from engine.bench.measuring.tables import DISTRIBUTION, add_distribution, new_table, print_cost, print_head
from engine.bench.measuring.timing import WARM_UP_CALLS, Cost, Timed, compare_tenths, time_calls
from engine.performers.score_performer.decoding import OnsetDecoder
from engine.performers.score_performer.performer import ScorePerformerPerformer, load_performer
from engine.performers.score_performer.score import ScoreReading
from engine.performers.score_playing.interpretation import Decided
from engine.performers.score_playing.stream import ScoreStream
from models.performance.decoder import DecodedNote

LONG_PIECE_NOTES, CALLS = 20_000, 3000


@dataclass(frozen=True)
class ScorePerformerReport:
    machine: Machine
    on_one_core: bool  # for the cost
    precision: str
    parameters: int  # of the decoder
    cost: Cost
    notes: int
    notes_per_s: float
    read_notes_per_s: float
    first_note_s: float
    played_s: float
    played_notes_per_s: float
    decided_ahead: Distribution
    scheduler_error: Distribution
    late: int  # events more than 10 ms
    late_while_running: int | None  # without the time in which the machine stood still


def measure(
    seconds: Annotated[float, typer.Option(metavar="SECONDS", min=4, help="How long to play in real time.")] = 60,
    model: Annotated[Path | None, typer.Option(metavar="FOLDER", help="Another model. (default: the one that ships)")] = None,
    *,
    on_stage: OnStage = silent,
) -> ScorePerformerReport:
    """Run everything; ``seconds`` of it playing in real time. Raises PerfLiveError when the models cannot be used."""
    machine, performer = describe_machine(), load_performer(model, None)
    decoder = performer.networks.decoder
    with one_core() as alone:
        on_stage("a note, and a long piece")
        cost = time_notes(performer, CALLS, LONG_PIECE_NOTES)
    on_stage("a whole score, offline")
    read_per_s, notes_per_s = time_score(performer, NOTES)
    on_stage("playing in real time")
    return ScorePerformerReport(
        machine=machine,
        on_one_core=alone,
        precision=decoder.contract.precision,
        parameters=decoder.contract.parameters,
        cost=cost,
        notes=NOTES,
        notes_per_s=round(notes_per_s),
        read_notes_per_s=round(read_per_s),
        **play(performer, seconds),
    )


def time_notes(performer: ScorePerformerPerformer, calls: int, long_run_notes: int = 10) -> Cost:
    """Time a step and a note ``calls`` times each, then ``long_run_notes``, ten or more, one after the other."""
    step = time_calls(performer.networks.create_stepper().step, calls)
    note = time_calls(_decoding(performer, WARM_UP_CALLS + calls), calls)
    return Cost("note", Timed(step), Timed(note), compare_tenths(_decoding(performer, long_run_notes), long_run_notes))


def time_score(performer: ScorePerformerPerformer, notes: int) -> tuple[float, float]:
    """Return the notes a second of reading a score alone, and of performing it, which reads it too."""
    piece = made_up_piece(notes)
    begun_s = time.perf_counter()
    ScoreReading(performer.networks, piece.score).understand(slice(0, notes))
    read_s = time.perf_counter() - begun_s
    render_score(performer, piece, performer.perform_score(piece, 0, {"temperature": 1.0}, ahead=False), TimedSink())
    return notes / read_s, notes / (time.perf_counter() - begun_s - read_s)


def play(performer: ScorePerformerPerformer, seconds: float) -> dict[str, Any]:
    """Play for a while on the real clock, with a change every two seconds; return that part of the report."""
    piece = made_up_piece(notes_for(seconds))
    ahead_ns: list[float] = []

    def begin() -> ScoreStream:
        stream = performer.perform_score(piece, 0, {}, ahead=True)
        decide = stream.interpretation.decide

        def watched(now_sec: float, speed: float) -> list[Decided] | None:
            decided = decide(now_sec, speed)
            ahead_ns.extend((each.time_sec - now_sec) / speed * 1e9 for each in decided or () if isinstance(each, DecodedNote))
            return decided

        stream.interpretation.decide = watched  # type: ignore[method-assign]
        return stream

    first_note_s = time_first_note(performer, lambda score: performer.perform_score(score, 0, {}, ahead=True))
    _, figures = play_in_time(performer, begin, seconds)
    return figures | {"decided_ahead": describe(ahead_ns), "first_note_s": first_note_s}


def _decoding(performer: ScorePerformerPerformer, notes: int) -> Callable[[], None]:
    """Return what decodes the next note of a made-up piece of so many."""
    reading = ScoreReading(performer.networks, made_up_piece(notes).score)
    decoder = OnsetDecoder(performer.networks, reading, lambda rows, expected: expected, 0)

    def decode() -> None:
        decoder.work()
        if decoder.complete:
            decoder.next_onset()

    return decode


def print_table(report: ScorePerformerReport) -> None:
    console = Console()
    print_head(console, report.machine, "ScorePerformer's decoder", report.precision, report.parameters)
    print_cost(console, report.cost, report.on_one_core)
    rates = f"{report.notes_per_s:g} notes a second performed, {report.read_notes_per_s:g} read"
    console.print(f"score of {report.notes} notes, offline: {rates}; first note after {report.first_note_s:.2f} s", soft_wrap=True)
    played = f"{report.played_s:g} s in real time, {report.played_notes_per_s:g} notes a second, milliseconds"
    table = new_table(played, *DISTRIBUTION)
    add_distribution(table, "decided before it was due", report.decided_ahead)
    late = f"{report.late} over 10 ms, {report.late_while_running} while the machine ran"
    add_distribution(table, f"scheduler error ({late})", report.scheduler_error)
    console.print(table)


BENCHMARK = Benchmark("What a note costs in ScorePerformer, over a long piece too, and how soon a control is heard.", measure, print_table)
