"""``perf-bench performance-rnn``: what an event of the improviser costs, and how it plays beside somebody.

- ``event``: one step of the model (``Stepper.step``), and all that a sampled event takes (``Improvisation.sample``: the step, what may come
  next, the choice), hot, on one core and one thread; beside them, in the same run, the same network in eager PyTorch on one thread, in a
  process of its own because the engine never loads PyTorch (None where that is not installed). The ratios are of medians.
  Target: an event 0.35 ms median, ten times faster than eager PyTorch.
- ``take``: 40,000 events one after the other; ``last_to_first`` compares the median cost of the last tenth with the first tenth's.
  ``memory_growth_mb`` is what the process occupies at the end more than after the first tenth. Target: constant.
- ``agreement``, with ``--float-model``: see ``engine.bench.improviser.agreement``.
- ``response``: a duet in this process, see ``engine.bench.improviser.response``.
- ``duet``: through JACK, see ``engine.bench.improviser.duet``.

The first three are measured on one core where the system lets a process choose its cores (``on_one_core``).
"""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from engine.bench.improviser.agreement import Agreement, compare
from engine.bench.improviser.duet import DuetReport, play_duet
from engine.bench.improviser.response import ResponseReport, measure_response
from engine.bench.measuring.eager_pytorch import is_installed, time_eager_pytorch, times_faster
from engine.bench.measuring.figures import Distribution
from engine.bench.measuring.machine import Machine, describe_machine, one_core
from engine.bench.measuring.parameters import count_parameters
from engine.bench.measuring.timing import compare_tenths, time_calls
from engine.onnx.model import Model
from engine.performers.performance_rnn.improvisation import Improvisation
from engine.performers.performance_rnn.networks import codec_of, open_model
from engine.performers.performance_rnn.voice import Wishes
from models.pretrained import pretrained

MODEL = "performance_rnn.onnx"
EAGER_PYTORCH = "training.performance_rnn.eager"
LONGEST_RESPONSE_S = 60  # of the real time in this process; JACK's is as long as asked for


@dataclass(frozen=True)
class Amounts:
    calls: int = 3000
    take_events: int = 40_000
    compared_events: int = 10_000


@dataclass(frozen=True)
class EventCost:
    step: Distribution
    event: Distribution
    eager_pytorch: Distribution | None
    step_times_faster: float | None  # than eager PyTorch
    event_times_faster: float | None


@dataclass(frozen=True)
class TakeCost:
    events: int
    minutes: float  # of music
    first_tenth_ms: float  # an event, median
    last_tenth_ms: float
    last_to_first: float
    memory_growth_mb: float


@dataclass(frozen=True)
class PerformanceRNNReport:
    machine: Machine
    on_one_core: bool
    precision: str
    parameters: int
    event: EventCost
    take: TakeCost
    agreement: Agreement | None  # None: not asked for
    response: ResponseReport
    duet: DuetReport


def measure(
    model_path: Path | None, float_path: Path | None, seconds: float, on_stage: Callable[[str], None] = lambda stage: None, seed: int = 0
) -> PerformanceRNNReport:
    """Run everything; ``seconds`` of it a duet through JACK. Raises PerfLiveError when a model cannot be used or no server can be had."""
    machine, amounts = describe_machine(), Amounts()
    model_path = model_path or pretrained(MODEL)
    model = open_model(model_path)
    float_model = open_model(float_path) if float_path else None
    with one_core() as alone:
        on_stage("one event")
        event = time_event(model, amounts.calls)
        on_stage("a long take")
        take = time_take(model, amounts.take_events, seed)
        if float_model:
            on_stage("the same events in float")
        agreement = compare(model, float_model, amounts.compared_events, seed) if float_model else None
    on_stage("a duet in this process")
    response = measure_response(model, min(seconds, LONGEST_RESPONSE_S), seed)
    on_stage(f"a duet of {seconds:g} s through JACK")
    duet = play_duet(model_path, seconds, seed)
    parameters = count_parameters(model_path.read_bytes())
    return PerformanceRNNReport(machine, alone, model.contract.precision, parameters, event, take, agreement, response, duet)


def time_event(model: Model, calls: int) -> EventCost:
    """Time a step, a sampled event, and an event of eager PyTorch, ``calls`` times each."""
    improvisation, wishes = Improvisation(model, 0), Wishes()
    step = time_calls(model.create_stepper().step, calls)
    event = time_calls(lambda: improvisation.sample(wishes), calls)
    eager = time_eager_pytorch(EAGER_PYTORCH, [*map(str, (*network_sizes(model), calls))]) if is_installed() else None
    return EventCost(step, event, eager, times_faster(eager, step), times_faster(eager, event))


def network_sizes(model: Model) -> tuple[int, int, int]:
    """Return steps a second, width and layers: each layer has its hidden values and its cell among the states."""
    states = model.initial_state()
    return codec_of(model).steps_per_second, next(iter(states.values())).shape[-1], -(-len(states) // 2)


def time_take(model: Model, events: int, seed: int) -> TakeCost:
    """Sample ``events``, ten or more, and compare the beginning with the end."""
    improvisation, wishes = Improvisation(model, seed), Wishes()
    tenths = compare_tenths(lambda: improvisation.sample(wishes), events)
    return TakeCost(events, round(improvisation.step * improvisation.codec.step_s / 60, 1), *tenths)
