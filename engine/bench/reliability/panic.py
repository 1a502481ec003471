"""``perf-bench panic``: how soon everything is silent when panic is typed, in each live mode.

perf-live stands between a keyboard and a sound module at a JACK server, each a process of its own. A chord sounds with the pedal down, and
panic is typed. The time ends when the module has heard the last release of what sounds: through standard input, the loop, the thread that
sends, and JACK.
"""

import statistics
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from engine import examples
from engine.base.errors import UsageError
from engine.bench.measuring.benchmark import Benchmark, OnStage, silent
from engine.bench.measuring.machine import Machine, describe_machine
from engine.bench.measuring.programs import jack_server
from engine.bench.measuring.tables import new_table, print_head
from engine.bench.reliability.stage.between_ports import Stage, await_
from engine.bench.reliability.stage.log import Entry, sounding
from engine.midi.events import ALL_NOTES_OFF, SUSTAIN_PEDAL, control_change, is_note_on, note_off, note_on

SCORE = Path(examples.__file__).parent / "bach_prelude_in_c.mid"
MODES = {
    "at once (velocity)": ("--performer", "velocity"),
    "look-ahead (velocity, 0.5 s)": ("--performer", "velocity", "--lookahead", "0.5"),
    "duet (performance-rnn)": ("--mode", "duet"),
    "score (dexter)": ("--score", str(SCORE)),
}
PITCHES = (48, 55, 64, 72)
SOUNDS_S = 0.3  # how long the chord sounds before panic is typed


@dataclass(frozen=True)
class PanicReport:
    machine: Machine
    silent_ms: dict[str, list[float]]  # by mode: from the typed line to the last release


def measure(
    times: Annotated[int, typer.Option(min=1, metavar="NUMBER", help="How often panic is typed in each mode.")] = 20,
    only: Annotated[str | None, typer.Option(metavar="WORDS", help="Only modes that have this in their names.")] = None,
    *,
    on_stage: OnStage = silent,
) -> PanicReport:
    """Type panic again and again. Raises PerfLiveError where no server can be had, or where something goes on sounding."""
    names = [name for name in MODES if only is None or only.casefold() in name.casefold()]
    if not names:
        raise UsageError(f"--only {only!r}: no mode has that in its name; there are: {', '.join(MODES)}")
    machine, found = describe_machine(), {}
    with jack_server(), tempfile.TemporaryDirectory(prefix="perf-bench-") as folder, Stage(Path(folder), "panic") as stage:
        for name in names:
            on_stage(name)
            stage.live(*MODES[name], both=False)
            found[name] = [_panic(stage, "score" in name) for _ in range(times)]
            stage.live_run.stop()
    return PanicReport(machine, found)


def _panic(stage: Stage, plays_itself: bool) -> float:
    """Let a chord sound with the pedal down, type panic, and return after how many milliseconds nothing sounds."""
    before = len(stage.observer.entries())
    if plays_itself:
        stage.live_run.type("play")
    else:
        stage.keys.send(control_change(0, SUSTAIN_PEDAL, 127), *(note_on(0, pitch, 64) for pitch in PITCHES))
    await_(lambda: any(is_note_on(message) for _, message in stage.observer.entries()[before:]), "no note comes")
    time.sleep(SOUNDS_S)
    typed_ns = time.monotonic_ns()
    stage.live_run.type("panic")
    await_(lambda: any(_ends_panic(entry, typed_ns) for entry in stage.observer.entries()[before:]), "panic is not heard")
    heard = stage.observer.entries()
    last = next(index for index, entry in enumerate(heard) if index >= before and _ends_panic(entry, typed_ns))
    await_(lambda: not any(sounding(message for _, message in heard[: last + 1])), "something goes on sounding after panic", 0.0)
    stage.keys.send(*(note_off(0, pitch) for pitch in PITCHES), control_change(0, SUSTAIN_PEDAL, 0))
    return (heard[last].time_ns - typed_ns) / 1e6


def _ends_panic(entry: Entry, typed_ns: int) -> bool:
    """Return whether this is All Notes Off, the last that panic sends on a channel."""
    return entry.time_ns > typed_ns and entry.message[0] & 0xF0 == 0xB0 and entry.message[1] == ALL_NOTES_OFF


def print_table(report: PanicReport) -> None:
    console = Console()
    print_head(console, report.machine)
    table = new_table("mode", "times", "silent after, median", "at most")
    for name, found in report.silent_ms.items():
        table.add_row(name, str(len(found)), f"{statistics.median(found):.1f} ms", f"{max(found):.1f} ms")
    console.print(table)


BENCHMARK = Benchmark("How soon everything is silent when panic is typed.", measure, print_table)
