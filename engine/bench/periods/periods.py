"""``perf-bench periods``: how JACK's period blurs the times of notes, through a bare echo over rtmidi and through one with frame times.

A prober sends notes at known frames, at random phases of the period, and reads at which frames they come back. Over rtmidi, as perf-live
plays, an event is heard and sent at the beginning of a period, so that its delay is anything up to a period. With frame times it is sent
exactly a period after it was heard, unless Python was too late for the callback. ``busy``: beside a thread that computes in Python.

- ``delay``: from when a note was sent to when it came back. ``spread``: from the 5th to the 95th percentile of the delays.
- ``moved``: notes whose delay differs by more than a millisecond from the median.
- ``xruns``: periods that the server could not complete in time. ``lost``: notes that did not come back.
"""

import random
import time
from dataclasses import dataclass
from typing import Annotated

import numpy as np
import typer
from rich.console import Console

from engine.base.errors import PerfLiveError
from engine.bench.measuring.benchmark import Benchmark, OnStage, silent
from engine.bench.measuring.machine import Machine, describe_machine
from engine.bench.measuring.programs import RATE_HZ, Program, jack_server_of, may_schedule_in_real_time
from engine.bench.measuring.tables import new_table, print_head, word
from engine.bench.periods.frames import FrameClient, Timed
from engine.midi.events import note_on

PERIODS = (64, 256, 1024, 2048)  # frames, at 48 kHz 1.3 to 43 ms
WAYS = {  # client names and arguments
    "rtmidi": ("perf-bench-echo", ["-m", "engine.bench.measuring.echo", "prober:out", "prober:in"]),
    "frames": ("perf-bench-frames", ["-m", "engine.bench.periods.echo"]),
    "frames, busy": ("perf-bench-frames", ["-m", "engine.bench.periods.echo", "busy"]),
}
GAP_S = 0.02  # between two notes, on average
MOVED_MS = 1.0
SETTLE_S = 0.3


@dataclass(frozen=True)
class Way:
    """Figures of one way through one period, in milliseconds. ``lost`` of ``notes`` did not come back."""

    period_frames: int
    way: str
    notes: int
    lost: int
    moved: int
    xruns: int
    delay_ms: float
    spread_ms: float


@dataclass(frozen=True)
class PeriodsReport:
    machine: Machine
    real_time: bool
    ways: list[Way]


def measure(
    seconds: Annotated[float, typer.Option(metavar="SECONDS", min=1, help="How long each way is played through.")] = 10,
    *,
    on_stage: OnStage = silent,
    seed: int = 0,
) -> PeriodsReport:
    """Play through each way at each period. Raises PerfLiveError where no server can be had."""
    machine, ways = describe_machine(), []
    for period in PERIODS:
        with jack_server_of(period):
            for name in WAYS:
                on_stage(f"{period} frames, {name}")
                ways.append(_through(period, name, seconds, seed))
    return PeriodsReport(machine, may_schedule_in_real_time(), ways)


class _Prober:
    """Sends numbered notes at known frames once it is ``playing``, and keeps at which frames they come back."""

    def __init__(self, gaps: list[int]):
        """``gaps`` are frames from each note to the next."""
        self.playing = False
        self.sent: list[int] = []  # frames, by number of the note
        self.heard: dict[int, int] = {}
        self._gaps = gaps
        self._next_frame = 0

    def on_period(self, first: int, frames: int, heard: list[Timed]) -> list[Timed]:
        self.heard.update((message[1] + 128 * (message[2] - 1), frame) for frame, message in heard)
        due: list[Timed] = []
        while self.playing and len(self.sent) < len(self._gaps):
            self._next_frame = self._next_frame or first + frames
            if self._next_frame >= first + frames:
                break
            number = len(self.sent)
            due.append((self._next_frame, note_on(0, number % 128, number // 128 + 1)))
            self.sent.append(self._next_frame)
            self._next_frame += self._gaps[number]
        return due


def _through(period: int, name: str, seconds: float, seed: int) -> Way:
    rng = random.Random(seed)
    gaps = [int((0.5 + rng.random()) * GAP_S * RATE_HZ) for _ in range(int(seconds / GAP_S))]
    prober = _Prober(gaps)
    client_name, arguments = WAYS[name]
    client = FrameClient("prober", prober.on_period)
    try:
        with Program(name, arguments) as program:
            if name != "rtmidi":  # which connects itself
                client.connect("prober:out", f"{client_name}:in")
                client.connect(f"{client_name}:out", "prober:in")
            time.sleep(SETTLE_S)
            xruns, prober.playing = client.xruns, True
            time.sleep(sum(gaps) / RATE_HZ + SETTLE_S)
            program.check()
            xruns = client.xruns - xruns
    finally:
        client.close()
    delays = np.array([prober.heard[number] - frame for number, frame in enumerate(prober.sent) if number in prober.heard])
    if not len(delays):
        raise PerfLiveError("nothing came back through the JACK server; look whether it runs freely (jackd -r)")
    delays_ms = delays * 1e3 / RATE_HZ
    low, median, high = np.percentile(delays_ms, [5, 50, 95])
    moved = int((np.abs(delays_ms - median) > MOVED_MS).sum())
    lost = len(prober.sent) - len(delays)
    return Way(period, name, len(prober.sent), lost, moved, xruns, round(float(median), 2), round(float(high - low), 2))


def print_table(report: PeriodsReport) -> None:
    console = Console()
    console.print("Notes through JACK at several periods: an echo over rtmidi, and with frame times", soft_wrap=True)
    print_head(console, report.machine)
    console.print(f"JACK in real time: {word(report.real_time)}")
    table = new_table("period", "way", "notes", "lost", "moved", "xruns", "delay, ms", "spread, ms")
    for way in report.ways:
        figures = (way.notes, way.lost, way.moved, way.xruns)
        table.add_row(str(way.period_frames), way.way, *map(word, figures), f"{way.delay_ms:.2f}", f"{way.spread_ms:.2f}")
    console.print(table)


BENCHMARK = Benchmark("How JACK's period blurs the times of notes, over rtmidi and with frame times.", measure, print_table)
