"""``perf-bench performance-rnn``: what an event of the improviser costs, and how it plays beside somebody.

- ``cost.step``: one step of the model (``Stepper.step``). ``cost.whole``: all that a sampled event takes (``Improvisation.sample``: the
  step, what may come next, the choice). Both without rest, on one core and one thread; ``perf-eval eager performance-rnn`` says what the
  same network takes in eager PyTorch. Target: an event 0.35 ms median, ten times faster than eager PyTorch.
- ``cost.long_run``: 40,000 events one after the other. Target: the last tenth costs what the first costs, and memory does not grow.
- ``agreement``, with ``--float-model``: see ``engine.bench.improviser.agreement``.
- ``response``: a duet in this process, see ``engine.bench.improviser.response``.
- ``duet``: through JACK, see ``engine.bench.improviser.duet``.

Cost and agreement are measured on one core where the system lets a process choose its cores (``on_one_core``).
"""

from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from engine.bench.improviser.agreement import Agreement, agreement_line, compare
from engine.bench.improviser.duet import DuetReport, play_duet, print_duet
from engine.bench.improviser.response import ResponseReport, measure_response, print_response
from engine.bench.measuring.benchmark import Benchmark, ModelOption, OnStage, silent
from engine.bench.measuring.machine import Machine, describe_machine, one_core
from engine.bench.measuring.tables import print_cost, print_head
from engine.bench.measuring.timing import Cost, Timed, compare_tenths, time_calls
from engine.onnx.model import Model
from engine.performers.performance_rnn.controls import DEFAULT_PREFERENCES
from engine.performers.performance_rnn.improvisation import Improvisation
from engine.performers.performance_rnn.networks import open_model
from models.pretrained import pretrained

MODEL = "performance_rnn.onnx"
LONGEST_RESPONSE_S = 60  # of the real time in this process; JACK's is as long as asked for


@dataclass(frozen=True)
class Amounts:
    calls: int = 3000
    take_events: int = 40_000
    compared_events: int = 10_000


@dataclass(frozen=True)
class PerformanceRNNReport:
    machine: Machine
    on_one_core: bool
    precision: str
    parameters: int
    cost: Cost
    agreement: Agreement | None  # None: not asked for
    response: ResponseReport
    duet: DuetReport


def measure(
    seconds: Annotated[
        float, typer.Option(metavar="SECONDS", min=2, help="How long to play a duet; up to a minute of it in this process too.")
    ] = 60,
    model: ModelOption = None,
    float_model: Annotated[Path | None, typer.Option(metavar="FILE.onnx", help="The same in float32, to compare with.")] = None,
    *,
    on_stage: OnStage = silent,
    seed: int = 0,
) -> PerformanceRNNReport:
    """Run everything; ``seconds`` of it a duet through JACK. Raises PerfLiveError when a model cannot be used or no server can be had."""
    machine, amounts, path = describe_machine(), Amounts(), model or pretrained(MODEL)
    loaded, loaded_float = open_model(path), open_model(float_model) if float_model else None
    with one_core() as alone:
        on_stage("an event, and a long take")
        cost = time_events(loaded, amounts.calls, amounts.take_events, seed)
        if loaded_float:
            on_stage("the same events in float")
        agreement = compare(loaded, loaded_float, amounts.compared_events, seed) if loaded_float else None
    on_stage("a duet in this process")
    response = measure_response(loaded, min(seconds, LONGEST_RESPONSE_S), seed)
    on_stage(f"a duet of {seconds:g} s through JACK")
    duet = play_duet(path, seconds, seed)
    return PerformanceRNNReport(machine, alone, loaded.contract.precision, loaded.contract.parameters, cost, agreement, response, duet)


def time_events(model: Model, calls: int, long_run_events: int = 10, seed: int = 0) -> Cost:
    """Time a step and a sampled event ``calls`` times each, then ``long_run_events``, ten or more, one after the other."""
    step = time_calls(model.create_stepper().step, calls)
    event = time_calls(partial(Improvisation(model, 0).sample, DEFAULT_PREFERENCES), calls)
    improvisation = Improvisation(model, seed)
    long_run = compare_tenths(partial(improvisation.sample, DEFAULT_PREFERENCES), long_run_events)
    minutes = round(improvisation.step * improvisation.codec.step_s / 60, 1)
    return Cost("event", Timed(step), Timed(event), replace(long_run, minutes=minutes))


def print_table(report: PerformanceRNNReport) -> None:
    console = Console()
    print_head(console, report.machine, "Performance RNN", report.precision, report.parameters)
    print_cost(console, report.cost, report.on_one_core)
    if report.agreement:
        console.print(agreement_line(report.agreement), soft_wrap=True)
    print_response(console, report.response)
    print_duet(console, report.duet)


BENCHMARK = Benchmark(
    "What an event costs in Performance RNN, how soon it hears, and whether a duet through JACK loses or leaves anything.",
    measure,
    print_table,
)
