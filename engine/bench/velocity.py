"""``perf-bench velocity``: the cost of a note in the shipped causal velocity transformer, on one core.

- ``step``: one step of the model that a note waits for (``Stepper.step``), nothing around it. ``note``: all that the performer does for
  a note-on: describing it, the step, choosing the velocity, and remembering the note before it, for which there is time when playing.
  ``reference``: NumPy float32 products of matrices and vectors, with as many weights in the matrices as the model of the step has
  parameters, in the same run: what the arithmetic alone costs here.
- ``hot``: one after the other without rest. ``paced``: 30 ms apart, as in playing, when the processor has slept and its caches have
  been used by others; a hot loop hides that.
- ``take``: a made-up take of an hour, more than 100,000 notes, goes through the whole engine on the virtual clock. The cost of a note is
  the time from one sent note to the next (its note-off and the pedals included): the medians of the first and of the last minute of music.
  ``memory_growth_mb`` is what the process occupies at the end more than after the first minute. On a slow machine the take is shorter.

The figures are for one core where the system lets a process choose its cores (``on_one_core``); elsewhere ONNX Runtime keeps to one
thread, and NumPy may use more.
"""

import os
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import partial
from itertools import islice, repeat

import numpy as np

from engine.base.clock import VirtualClock
from engine.bench.measuring.figures import MS_PER_S, Distribution, describe, median_ms
from engine.bench.measuring.machine import MEGABYTE, Machine, describe_machine, resident_bytes
from engine.bench.measuring.parameters import count_parameters
from engine.bench.measuring.takes import NS_PER_S, piano_take
from engine.midi.events import Event, is_note_on
from engine.midi.file import MidiTimeline
from engine.performers.velocity.networks import VelocityModel
from engine.performers.velocity.performer import VelocityPerformer
from engine.performers.velocity.stream import VelocityStream
from engine.runtime.loop import Engine
from engine.runtime.sources import FileSource
from models.pretrained import pretrained

MODEL = "velocity.onnx"
PACE_S = 0.030
WARM_UP_CALLS = 20
TAKE_NOTES_PER_S = 30
TAKE_BUDGET_S = 100  # of computing: a take that would take longer is made shorter
MINUTE_NOTES = 60 * TAKE_NOTES_PER_S
REFERENCE_SHAPE = (512, 128)


@dataclass(frozen=True)
class Amounts:
    hot_calls: int = 3000
    paced_calls: int = 400
    take_notes: int = 3600 * TAKE_NOTES_PER_S


@dataclass(frozen=True)
class Timed:
    hot: Distribution
    paced: Distribution


@dataclass(frozen=True)
class TakeCost:
    notes: int
    minutes: float  # of music
    first_minute_ms: float  # a note, median
    last_minute_ms: float
    last_to_first: float
    memory_growth_mb: float


@dataclass(frozen=True)
class VelocityReport:
    machine: Machine
    on_one_core: bool
    precision: str
    parameters: int
    step: Timed
    note: Timed
    reference: Timed
    step_to_reference: float  # hot medians
    take: TakeCost


def measure(on_one_core: bool, on_stage: Callable[[str], None] = lambda stage: None) -> VelocityReport:
    """Run everything, two minutes or so. ``on_stage`` learns what is measured next. Raises PerfLiveError when the model cannot be used."""
    machine, amounts = describe_machine(), Amounts()
    model = VelocityModel.open(pretrained(MODEL))
    performer = VelocityPerformer(model)
    parameters = count_parameters(model.answer.path.read_bytes())
    on_stage("one step of the model")
    step = _time(repeat(model.answer.create_stepper().step), amounts)
    on_stage("one note of the performer")
    notes = piano_take(WARM_UP_CALLS + amounts.hot_calls + amounts.paced_calls, TAKE_NOTES_PER_S)
    note = _time(_note_calls(performer.create_stream(0, {}), notes), amounts)
    on_stage("the reference, NumPy")
    reference = _time(repeat(_matrix_vector_products(parameters)), amounts)
    on_stage("a long take")
    take = _time_take(performer, min(amounts.take_notes, round(TAKE_BUDGET_S * MS_PER_S / note.hot.median_ms)))
    ratio = round(step.hot.median_ms / reference.hot.median_ms, 2)
    return VelocityReport(machine, on_one_core, model.answer.contract.precision, parameters, step, note, reference, ratio, take)


def _time(calls: Iterator[Callable[[], object]], amounts: Amounts) -> Timed:
    """Time calls one after the other, then paced, after a few that do not count."""

    def take(count: int, pace_s: float) -> Distribution:
        return describe(_durations_ns(islice(calls, count), pace_s))

    take(WARM_UP_CALLS, 0)
    return Timed(take(amounts.hot_calls, 0), take(amounts.paced_calls, PACE_S))


def _durations_ns(calls: Iterable[Callable[[], object]], pace_s: float) -> list[int]:
    durations_ns = []
    for call in calls:
        if pace_s:
            time.sleep(pace_s)
        begun_ns = time.perf_counter_ns()
        call()
        durations_ns.append(time.perf_counter_ns() - begun_ns)
    return durations_ns


def _note_calls(stream: VelocityStream, events: Iterable[Event]) -> Iterator[Callable[[], object]]:
    """Yield a call for each note-on; everything else is fed on the way, untimed."""
    for event in events:
        if is_note_on(event.message):
            yield partial(stream.feed, event)
        else:
            stream.feed(event)


def _matrix_vector_products(parameters: int) -> Callable[[], object]:
    """Return a function that multiplies vectors by as many matrices as hold ``parameters`` weights."""
    random = np.random.default_rng(0)
    count = max(1, round(parameters / np.prod(REFERENCE_SHAPE)))
    matrices = random.standard_normal((count, *REFERENCE_SHAPE), np.float32)
    vector, result = random.standard_normal(REFERENCE_SHAPE[1], np.float32), np.empty(REFERENCE_SHAPE[0], np.float32)

    def multiply() -> None:
        for matrix in matrices:
            np.dot(matrix, vector, out=result)

    return multiply


class _NoteTimer:
    """A sink that takes down when each note passed and how much memory was occupied after the first minute."""

    def __init__(self, notes: int):
        self.passed_ns = np.full(notes, -1, np.int64)  # filled, so that all of its memory is there from the beginning
        self.notes = 0
        self.first_minute_bytes = 0

    def start(self, origin_ns: int) -> None:
        pass

    def send(self, event: Event) -> None:
        if not is_note_on(event.message):
            return
        self.passed_ns[self.notes] = time.perf_counter_ns()
        self.notes += 1
        if self.notes == MINUTE_NOTES:
            self.first_minute_bytes = resident_bytes(os.getpid())

    def close(self) -> None:
        pass

    def abort(self) -> None:
        pass


def _time_take(performer: VelocityPerformer, notes: int) -> TakeCost:
    notes = max(notes, MINUTE_NOTES)
    events = piano_take(notes, TAKE_NOTES_PER_S)
    clock, timer = VirtualClock(), _NoteTimer(notes)
    source = FileSource(MidiTimeline(events), clock)
    Engine(source, performer, performer.create_stream(0, {}), [timer], clock).run()
    growth_bytes = resident_bytes(os.getpid()) - timer.first_minute_bytes
    costs_ns = np.diff(timer.passed_ns)
    first_ms, last_ms = median_ms(costs_ns[:MINUTE_NOTES]), median_ms(costs_ns[-MINUTE_NOTES:])
    minutes = events[-1].time_ns / NS_PER_S / 60
    return TakeCost(timer.notes, round(minutes, 1), first_ms, last_ms, round(last_ms / first_ms, 3), round(growth_bytes / MEGABYTE, 1))
