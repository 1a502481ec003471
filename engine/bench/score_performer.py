"""``perf-bench score-performer``: what a note costs, over a long piece, and how soon what is said is heard.

- ``note``: one step of the decoder (``Stepper.step``), and all that it takes to decode a note (``OnsetDecoder``: the step, the choice of
  every field, the onset's time), hot, on one core and one thread; beside them, in the same run, the same network in eager PyTorch on one
  thread, in a process of its own because the engine never loads PyTorch (None where that is not installed). The ratios are of medians.
- ``piece``: 20,000 notes decoded one after the other, with chance; ``last_to_first`` compares the median cost of the last tenth with the
  first tenth's. ``memory_growth_mb`` is what the process occupies at the end more than after the first tenth. Target: constant.
- ``notes_per_s``: a score of 5,000 notes from the start of its performance on the virtual clock to its last event, with tempo, pedal and
  everything else that is heard, nothing written, on any core. Target: 1,000.
- ``read_notes_per_s``: reading its windows alone, which the former does beside the rest. ``first_note_s``: from when it, already read
  from its file, is given to the performer to its first note-on on the real clock. Target: 1 s.
- played for a while in real time, about ten notes a second, with a changed control every two seconds: ``decided_ahead``, how long before it
  was due each note was decided, after which a control changes nothing of it (target: 0.3 s at most); ``scheduler_error``, how long after it
  was due an event was sent.
"""

import json
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from engine.bench.measuring.eager_pytorch import is_installed, time_eager_pytorch, times_faster
from engine.bench.measuring.figures import Distribution, describe
from engine.bench.measuring.machine import Machine, describe_machine, one_core
from engine.bench.measuring.parameters import count_parameters
from engine.bench.measuring.score_playing import NOTES, made_up_piece, notes_for, play_in_time, play_offline, time_first_note
from engine.bench.measuring.timing import WARM_UP_CALLS, compare_tenths, time_calls
from engine.performers.score_performer.decoding import OnsetDecoder
from engine.performers.score_performer.performer import ScorePerformerPerformer, load_performer
from engine.performers.score_performer.score import ScoreReading
from engine.performers.score_playing.interpretation import Decided
from engine.performers.score_playing.stream import ScoreStream
from models.performance.decoder import DecodedNote

LONG_PIECE_NOTES, CALLS = 20_000, 3000
EAGER_PYTORCH = "training.score_performer.eager"


@dataclass(frozen=True)
class NoteCost:
    step: Distribution
    note: Distribution
    eager_pytorch: Distribution | None
    step_times_faster: float | None  # than eager PyTorch
    note_times_faster: float | None


@dataclass(frozen=True)
class PieceCost:
    notes: int
    first_tenth_ms: float  # a note, median
    last_tenth_ms: float
    last_to_first: float
    memory_growth_mb: float


@dataclass(frozen=True)
class ScorePerformerReport:
    machine: Machine
    on_one_core: bool  # note and piece
    precision: str
    parameters: int  # of the decoder
    note: NoteCost
    piece: PieceCost
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


def measure(model: Path | None, seconds: float, on_stage: Callable[[str], None] = lambda stage: None) -> ScorePerformerReport:
    """Run everything; ``seconds`` of it playing in real time. Raises PerfLiveError when the models cannot be used."""
    machine, performer = describe_machine(), load_performer(model, None)
    decoder = performer.networks.decoder
    with one_core() as alone:
        on_stage("one note")
        note = time_note(performer)
        on_stage("a long piece")
        piece = time_piece(performer, LONG_PIECE_NOTES)
    on_stage("a whole score, offline")
    read_per_s, notes_per_s = time_score(performer, NOTES)
    on_stage("playing in real time")
    return ScorePerformerReport(
        machine=machine,
        on_one_core=alone,
        precision=decoder.contract.precision,
        parameters=count_parameters(decoder.path.read_bytes()),
        note=note,
        piece=piece,
        notes=NOTES,
        notes_per_s=round(notes_per_s),
        read_notes_per_s=round(read_per_s),
        **play(performer, seconds),
    )


def time_note(performer: ScorePerformerPerformer, calls: int = CALLS) -> NoteCost:
    """Time a step, a note, and a note of eager PyTorch, ``calls`` times each."""
    step = time_calls(performer.networks.create_stepper().step, calls)
    note = time_calls(_decoding(performer, WARM_UP_CALLS + calls), calls)
    eager = _time_eager_pytorch(performer, calls) if is_installed() else None
    return NoteCost(step, note, eager, times_faster(eager, step), times_faster(eager, note))


def time_piece(performer: ScorePerformerPerformer, notes: int) -> PieceCost:
    """Decode ``notes``, ten or more, and compare the beginning with the end."""
    return PieceCost(notes, *compare_tenths(_decoding(performer, notes), notes))


def time_score(performer: ScorePerformerPerformer, notes: int) -> tuple[float, float]:
    """Return the notes a second of reading a score alone, and of performing it, which reads it too."""
    piece = made_up_piece(notes)
    begun_s = time.perf_counter()
    ScoreReading(performer.networks, piece.score).understand(slice(0, notes))
    read_s = time.perf_counter() - begun_s
    play_offline(performer, performer.perform(piece, 0, {"temperature": 1.0}, ahead=False))
    return notes / read_s, notes / (time.perf_counter() - begun_s - read_s)


def play(performer: ScorePerformerPerformer, seconds: float) -> dict[str, Any]:
    """Play for a while on the real clock, with a change every two seconds; return that part of the report."""
    piece = made_up_piece(notes_for(seconds))
    ahead_ns: list[float] = []

    def begin() -> ScoreStream:
        stream = performer.perform(piece, 0, {}, ahead=True)
        decide = stream.interpretation.decide

        def watched(now_sec: float, speed: float) -> list[Decided] | None:
            decided = decide(now_sec, speed)
            ahead_ns.extend((each.time_sec - now_sec) / speed * 1e9 for each in decided or () if isinstance(each, DecodedNote))
            return decided

        stream.interpretation.decide = watched  # type: ignore[method-assign]
        return stream

    first_note_s = time_first_note(performer, lambda score: performer.perform(score, 0, {}, ahead=True))
    _, figures = play_in_time(performer, begin, seconds)
    return figures | {"decided_ahead": describe(ahead_ns), "first_note_s": first_note_s}


def _time_eager_pytorch(performer: ScorePerformerPerformer, calls: int) -> Distribution:
    sizes = json.dumps(performer.networks.decoder.contract.constants["network"])
    return time_eager_pytorch(EAGER_PYTORCH, [sizes, str(calls)])


def _decoding(performer: ScorePerformerPerformer, notes: int) -> Callable[[], None]:
    """Return what decodes the next note of a made-up piece of so many."""
    reading = ScoreReading(performer.networks, made_up_piece(notes).score)
    decoder = OnsetDecoder(performer.networks, reading, lambda rows, expected: expected, 0)

    def decode() -> None:
        decoder.work()
        if decoder.complete:
            decoder.next_onset()

    return decode
