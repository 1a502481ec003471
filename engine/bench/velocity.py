"""``perf-bench velocity``: the cost of a note in the shipped causal velocity transformer, on one core.

- ``cost.step``: the network that a note waits for, alone (``Stepper.compute``). ``cost.whole``: all that the performer does for a note-on
  while it is waited for: describing it, the network, choosing the velocity. The note is remembered afterwards, untimed, as when playing.
  The two in turn, without rest (``hot``) and 30 ms apart (``paced``).
- ``beside_network_ms`` and ``note_to_network``: the paced medians' difference and ratio, what the performer adds to its network.
- ``reference``: NumPy float32 products of matrices and vectors, with as many weights in the matrices as the model of the step has
  parameters, in the same run: what the arithmetic alone costs here.
- ``cost.long_run``: a made-up take of an hour, more than 100,000 notes, goes through the whole engine on the virtual clock. The cost of a
  note is the time from one sent note to the next (its note-off and the pedals included). On a slow machine the take is shorter.

The figures are for one core where the system lets a process choose its cores (``on_one_core``); elsewhere ONNX Runtime keeps to one
thread, and NumPy may use more.
"""

import math
import os
import time
from array import array
from collections.abc import Callable
from dataclasses import dataclass
from itertools import repeat
from typing import TYPE_CHECKING

from rich.console import Console

from engine.bench.measuring.benchmark import Benchmark, OnStage, silent
from engine.bench.measuring.figures import DIGITS, MS_PER_S
from engine.bench.measuring.machine import Machine, describe_machine, one_core, resident_bytes
from engine.bench.measuring.tables import print_cost, print_head
from engine.bench.measuring.takes import NS_PER_S, piano_take
from engine.bench.measuring.timing import WARM_UP_CALLS, Cost, LongRun, Timed, describe_tenths, time_hot_and_paced, time_in_turn
from engine.midi.events import Event, is_note_on

if TYPE_CHECKING:
    from engine.performers.velocity.performer import VelocityPerformer

MODEL = "velocity.onnx"
TAKE_NOTES_PER_S = 30
TAKE_BUDGET_S = 100  # of computing: a take that would take longer is made shorter
FEWEST_TAKE_NOTES = 60 * TAKE_NOTES_PER_S
REFERENCE_SHAPE = (512, 128)


@dataclass(frozen=True)
class Amounts:
    hot_calls: int = 3000
    paced_calls: int = 400
    take_notes: int = 3600 * TAKE_NOTES_PER_S

    @property
    def all_calls(self) -> int:
        return WARM_UP_CALLS + self.hot_calls + self.paced_calls


@dataclass(frozen=True)
class VelocityReport:
    machine: Machine
    on_one_core: bool
    precision: str
    parameters: int  # of the step's model
    cost: Cost
    reference: Timed
    step_to_reference: float  # hot medians
    beside_network_ms: float  # paced medians, here and below
    note_to_network: float


def measure(*, on_stage: OnStage = silent) -> VelocityReport:
    """Run everything, two minutes or so. Raises PerfLiveError when the model cannot be used."""
    machine = describe_machine()
    with one_core() as alone:  # before NumPy is loaded, which then starts no thread for another core
        return _measure(machine, alone, on_stage)


def _measure(machine: Machine, on_one_core: bool, on_stage: OnStage) -> VelocityReport:
    from engine.bench.measuring.runs import note_calls
    from engine.performers.velocity.controls import CONTROLS
    from engine.performers.velocity.networks import VelocityModel
    from engine.performers.velocity.performer import VelocityPerformer
    from models.pretrained import pretrained

    model, amounts = VelocityModel.open(pretrained(MODEL)), Amounts()
    performer, contract = VelocityPerformer([model], CONTROLS), model.answer.contract
    on_stage("the network, and one note of the performer")
    notes = note_calls(performer.create_stream(0, {}), piano_take(amounts.all_calls, TAKE_NOTES_PER_S))
    step, note = time_in_turn([repeat(model.answer.create_stepper().compute), notes], amounts.hot_calls, amounts.paced_calls)
    on_stage("the reference, NumPy")
    products = repeat(_matrix_vector_products(contract.parameters))
    reference = time_hot_and_paced(products, amounts.hot_calls, amounts.paced_calls)
    step_to_reference = round(step.hot.median_ms / reference.hot.median_ms, 2)
    network_ms, note_ms = (timed.paced.median_ms if timed.paced else math.nan for timed in (step, note))
    on_stage("a long take")
    affordable = round(TAKE_BUDGET_S * MS_PER_S / note.hot.median_ms)
    take = _time_take(performer, max(FEWEST_TAKE_NOTES, min(amounts.take_notes, affordable)))
    cost = Cost("note", step, note, take)
    return VelocityReport(
        machine,
        on_one_core,
        contract.precision,
        contract.parameters,
        cost,
        reference,
        step_to_reference,
        round(note_ms - network_ms, DIGITS),
        round(note_ms / network_ms, 2),
    )


def _matrix_vector_products(parameters: int) -> Callable[[], object]:
    """Return a function that multiplies vectors by as many matrices as hold ``parameters`` weights."""
    import numpy as np

    random = np.random.default_rng(0)
    count = max(1, round(parameters / np.prod(REFERENCE_SHAPE)))
    matrices = random.standard_normal((count, *REFERENCE_SHAPE), np.float32)
    vector, result = random.standard_normal(REFERENCE_SHAPE[1], np.float32), np.empty(REFERENCE_SHAPE[0], np.float32)

    def multiply() -> None:
        for matrix in matrices:
            np.dot(matrix, vector, out=result)

    return multiply


class _NoteTimer:
    """A sink that takes down how long each note took, and how much memory was occupied after the first tenth."""

    def __init__(self, notes: int):
        self.durations_ns = array("q", [-1]) * notes  # filled, so that all of its memory is there from the beginning
        self.first_bytes = 0
        self._notes = 0
        self._passed_ns = 0

    def start(self, origin_ns: int) -> None:
        self._passed_ns = time.perf_counter_ns()

    def send(self, event: Event) -> None:
        if not is_note_on(event.message):
            return
        now_ns = time.perf_counter_ns()
        self.durations_ns[self._notes] = now_ns - self._passed_ns
        self._passed_ns = now_ns
        self._notes += 1
        if self._notes == len(self.durations_ns) // 10:
            self.first_bytes = resident_bytes(os.getpid())

    def close(self) -> None:
        pass

    def abort(self) -> None:
        pass


def _time_take(performer: "VelocityPerformer", notes: int) -> LongRun:
    from engine.bench.measuring.runs import render_events

    events, timer = piano_take(notes, TAKE_NOTES_PER_S), _NoteTimer(notes)
    render_events(performer, performer.create_stream(0, {}), events, timer)
    return describe_tenths(timer.durations_ns, timer.first_bytes, round(events[-1].time_ns / NS_PER_S / 60, 1))


def print_table(report: VelocityReport) -> None:
    console = Console()
    print_head(console, report.machine, "velocity transformer", report.precision, report.parameters)
    print_cost(console, report.cost, report.on_one_core, {"reference, NumPy": report.reference})
    console.print(f"step to reference: {report.step_to_reference:g}")
    beside = f"{report.beside_network_ms:.3f} ms beside its network, {report.note_to_network:g} times what that takes alone"
    console.print(f"a paced note takes {beside}", soft_wrap=True)


BENCHMARK = Benchmark("What a note costs in the velocity transformer, on one core, hot and paced, and over an hour.", measure, print_table)
