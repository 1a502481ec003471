"""``perf-bench drums``: the cost of a live stroke, beside a note of ``velocity``, and how fast a file's strokes are performed; one core.

- ``stroke`` and ``note``: all that ``drums`` does for a stroke on a pad, and ``velocity`` for a note, while it is waited for: the two in
  turn, without rest (``hot``) and 30 ms apart (``paced``). What is remembered afterwards is not timed.
- ``stroke_to_note``: the paced medians' ratio. ``whole_to_whole``: the ratio of the processor time of many, what is remembered included.
- ``strokes_per_s``: a made-up groove on the virtual clock, velocities and timing, everything loaded.
"""

import math
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import count, islice

from rich.console import Console

from engine.bench.measuring.benchmark import Benchmark, OnStage, silent
from engine.bench.measuring.machine import Machine, describe_machine, one_core
from engine.bench.measuring.tables import DISTRIBUTION, add_timed, cores, new_table, print_head
from engine.bench.measuring.timing import WARM_UP_CALLS, Timed, time_in_turn
from engine.midi.events import Event, note_off, note_on

HOT_CALLS, PACED_CALLS = 3000, 400
NOTES_PER_S = 30
SIXTEENTH_NS = 125_000_000  # of 120 quarters a minute
DRUM_CHANNEL = 9
KICK, SNARE, HI_HAT = 36, 38, 42
BAR = ((KICK, HI_HAT), (), (HI_HAT,), (), (SNARE, HI_HAT), (), (HI_HAT,), (KICK,))  # keys by sixteenth, half a bar
GROOVE_BARS = 250


@dataclass(frozen=True)
class DrumsReport:
    machine: Machine
    on_one_core: bool
    stroke: Timed
    note: Timed
    stroke_to_note: float
    whole_to_whole: float
    strokes: int  # of the groove
    strokes_per_s: float


def measure(*, on_stage: OnStage = silent) -> DrumsReport:
    """Run everything, a minute or so. Raises PerfLiveError when a model cannot be used."""
    machine = describe_machine()
    with one_core() as alone:  # before NumPy is loaded, which then starts no thread for another core
        return _measure(machine, alone, on_stage)


def _measure(machine: Machine, on_one_core: bool, on_stage: OnStage) -> DrumsReport:
    from itertools import chain

    from engine.bench.measuring.runs import note_calls
    from engine.bench.measuring.takes import piano_take
    from engine.performers.drums.networks import open_networks
    from engine.performers.drums.performer import DrumsPerformer
    from engine.performers.velocity.controls import CONTROLS
    from engine.performers.velocity.networks import VelocityModel
    from engine.performers.velocity.performer import VelocityPerformer
    from models.pretrained import pretrained

    drummer = DrumsPerformer(open_networks(None))
    pianist = VelocityPerformer([VelocityModel.open(pretrained("velocity.onnx"))], CONTROLS)
    on_stage("a stroke, and a note")
    strokes = chain.from_iterable(_bar(number) for number in count())
    notes = piano_take(WARM_UP_CALLS + HOT_CALLS + PACED_CALLS, NOTES_PER_S)
    calls = [note_calls(drummer.create_stream(0, {}), strokes), note_calls(pianist.create_stream(0, {}), notes)]
    stroke, note = time_in_turn(calls, HOT_CALLS, PACED_CALLS)
    stroke_ms, note_ms = (timed.paced.median_ms if timed.paced else math.nan for timed in (stroke, note))
    notes = piano_take(HOT_CALLS, NOTES_PER_S)
    again = [note_calls(drummer.create_stream(1, {}), strokes), note_calls(pianist.create_stream(1, {}), notes)]
    whole_stroke_s, whole_note_s = map(_whole_s, again)
    on_stage("a groove from a file")
    performed, seconds = _perform_groove()
    ratios = round(stroke_ms / note_ms, 2), round(whole_stroke_s / whole_note_s, 2)
    return DrumsReport(machine, on_one_core, stroke, note, *ratios, performed, round(performed / seconds, 1))


def _whole_s(calls: Iterator[Callable[[], object]]) -> float:
    """Return the processor time of HOT_CALLS calls and of what is done after each."""
    begun_s = time.process_time()
    for call in islice(calls, HOT_CALLS):
        call()
    return time.process_time() - begun_s


def _bar(number: int) -> Iterator[Event]:
    """Yield the strokes of half a bar and their ends, in order."""
    for sixteenth, keys in enumerate(BAR, number * len(BAR)):
        time_ns = sixteenth * SIXTEENTH_NS
        yield from (Event(time_ns, note_on(DRUM_CHANNEL, key, 80)) for key in keys)
        yield from (Event(time_ns + SIXTEENTH_NS // 2, note_off(DRUM_CHANNEL, key)) for key in keys)


def _perform_groove() -> tuple[int, float]:
    """Return how many strokes a file had, and the seconds in which it was read, performed and written."""
    import tempfile
    from pathlib import Path

    from engine.midi.file import write_midi_file
    from engine.performers.setup import Wanted
    from engine.session import render_file
    from engine.systems import find_system

    setup = Wanted(find_system("drums")).load()
    with tempfile.TemporaryDirectory(prefix="perf-bench-") as folder:
        groove, performed = Path(folder) / "groove.mid", Path(folder) / "performed.mid"
        write_midi_file(groove, [event for number in range(2 * GROOVE_BARS) for event in _bar(number)])
        begun_s = time.perf_counter()
        notes = render_file(setup, groove, [performed]).notes
        return notes, time.perf_counter() - begun_s


def print_table(report: DrumsReport) -> None:
    console = Console()
    print_head(console, report.machine)
    table = new_table(f"{cores(report.on_one_core)}, milliseconds", *DISTRIBUTION)
    add_timed(table, "a stroke of drums", report.stroke)
    add_timed(table, "a note of velocity", report.note)
    console.print(table)
    console.print(f"a paced stroke takes {report.stroke_to_note:g} times what a note of velocity takes", soft_wrap=True)
    console.print(f"with what is remembered after it, {report.whole_to_whole:g} times its processor time", soft_wrap=True)
    console.print(f"a groove of {report.strokes:,} strokes from a file: {report.strokes_per_s:,.0f} strokes a second", soft_wrap=True)


BENCHMARK = Benchmark("What a stroke of the drummer costs, beside a note of velocity, on one core.", measure, print_table)
