"""``perf-bench conducting``: how near to the taps of a simulated conductor the performed beats are.

The bundled prelude is performed by the default performer of scores on a virtual clock. Two taps count in, a tap for each beat follows. Each
comes ``TAP_MS`` early or late (standard deviation), as a human's do, and does not listen to the music. Four things happen: nothing
(``steady``), the tempo rises by two thirds over half of the beats (``faster``), it sways by 15% in 25 beats (``swaying``), or it is a third
faster at once (``change``); and each again with a tenth of the taps left out.

- ``mean_ms``, ``deviation_ms``, ``p95_ms``: of how much later than its tap, or than it would have been tapped, a beat is performed. A part
  of it is the taps' own jitter. From the third performed beat on.
- ``beats_to_follow``: after the change, until a beat is within 50 ms again.
"""

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.resources import as_file, files
from pathlib import Path

import numpy as np
from rich.console import Console

from engine.base.clock import VirtualClock
from engine.bench.measuring.benchmark import Benchmark, OnStage, silent
from engine.bench.measuring.tables import new_table
from engine.midi.events import Event, note_off, note_on
from engine.output.score_sinks import PassedCurve
from engine.performers.setup import Setup, Wanted
from engine.runtime.sinks import CollectingSink
from engine.runtime.steering.conductor import ConductedSource
from engine.runtime.steering.pads import Pad
from engine.score.piece import Piece, read_piece
from engine.session import Session, begin_performance
from engine.systems import Kind, default_system

EXAMPLE = "bach_prelude_in_c.mid"
HAPPENINGS = ("steady", "faster", "swaying", "change")
BEAT_S, BEATS, CHANGE_BEAT, TAKES = 0.6, 64, 24, 3
TAP_MS, LEFT_OUT = 20.0, 0.1
COUNTED_IN, SETTLED = 2, 2  # taps before the music, beats of it that do not count
FOLLOWED_MS = 50.0
PAD = Pad(False, 36)


@dataclass(frozen=True)
class ConductingRow:
    happens: str
    left_out: float
    mean_ms: float
    deviation_ms: float
    p95_ms: float
    beats_to_follow: float | None


@dataclass(frozen=True)
class ConductingReport:
    performer: str
    tap_ms: float
    rows: list[ConductingRow]


class TappedSource(ConductedSource):
    """A port on which a pad is struck at these times, in order, and nothing else comes."""

    def __init__(self, setup: Setup, piece: Piece, taps_ns: Sequence[int], clock: VirtualClock):
        self.performance = begin_performance(setup, piece)
        super().__init__(self.performance.stream, clock, pad=PAD)
        self._taps_ns = deque(taps_ns)

    def receive(self, until_ns: int | None) -> Event | None:
        if not self._taps_ns or (until_ns is not None and until_ns < self._taps_ns[0]):
            return super().receive(until_ns)
        time_ns = self._taps_ns.popleft()
        self._clock.sleep_until(time_ns)
        self._hear(Event(time_ns, note_on(0, PAD.number, 64)))
        return self._hear(Event(time_ns, note_off(0, PAD.number)))


def conduct(setup: Setup, piece: Piece, taps_s: np.ndarray) -> np.ndarray:
    """Return when the beats of a piece, (B,) in seconds, are performed for someone who taps at these times."""
    clock = VirtualClock()
    source = TappedSource(setup, piece, [round(time_s * 1e9) for time_s in taps_s.tolist()], clock)
    Session(setup, source, [CollectingSink()], clock, source.performance).run()
    stream = source.performance.stream
    curve = PassedCurve(stream.passed)
    return np.array([curve.at(beat) for beat in stream.positions.beats]) / 1e9


def meant_taps(happens: str) -> np.ndarray:
    """Return when a conductor means to tap, in seconds, from the count-in on."""
    beat = np.arange(BEATS + COUNTED_IN - 1)
    tempo = {
        "steady": np.ones(len(beat)),
        "faster": np.interp(beat, (BEATS / 4, BEATS * 3 / 4), (1, 5 / 3)),
        "swaying": 1 / (1 + 0.15 * np.sin(beat / 4)),
        "change": np.where(beat < CHANGE_BEAT, 1, 4 / 3),
    }[happens]
    return 1 + np.append(0, np.cumsum(BEAT_S / tempo))


def measure(*, on_stage: OnStage = silent) -> ConductingReport:
    """Conduct everything, a minute or so."""
    system = default_system(Kind.SCORES)
    with as_file(files("engine.examples") / EXAMPLE) as path:
        return measure_piece(Wanted(system).load(), path, on_stage)


def measure_piece(setup: Setup, path: Path, on_stage: OnStage = silent) -> ConductingReport:
    piece, rows = read_piece(path), []
    for happens in HAPPENINGS:
        for left_out in (0.0, LEFT_OUT):
            on_stage(f"{happens}, {left_out:.0%} of the taps left out")
            rows.append(_row(setup, piece, happens, left_out))
    return ConductingReport(setup.performer.name, TAP_MS, rows)


def _row(setup: Setup, piece: Piece, happens: str, left_out: float) -> ConductingRow:
    meant, late_ms, followed = meant_taps(happens), [], []
    for seed in range(TAKES):
        rng = np.random.default_rng(seed)
        tapped = meant + rng.normal(0, TAP_MS / 1000, len(meant))
        given = rng.random(len(meant)) >= left_out
        given[: COUNTED_IN + SETTLED] = True
        performed = conduct(setup, piece, tapped[given])[:BEATS]
        late = 1000 * (performed - tapped[COUNTED_IN : COUNTED_IN + len(performed)])
        late_ms.append(late[SETTLED:])
        after = np.abs(late[CHANGE_BEAT - COUNTED_IN + 1 :])
        followed.append(int(np.argmax(after < FOLLOWED_MS)))
    every = np.concatenate(late_ms)
    return ConductingRow(
        happens,
        left_out,
        round(float(every.mean()), 1),
        round(float(every.std()), 1),
        round(float(np.percentile(np.abs(every), 95)), 1),
        round(float(np.mean(followed)), 1) if happens == "change" else None,
    )


def print_table(report: ConductingReport) -> None:
    console = Console()
    console.print(f"{report.performer}; a tap is {report.tap_ms:g} ms early or late (standard deviation)")
    table = new_table("conductor", "left out", "mean, ms", "deviation", "95%", "beats to follow")
    for row in report.rows:
        followed = "" if row.beats_to_follow is None else f"{row.beats_to_follow:g}"
        table.add_row(row.happens, f"{row.left_out:.0%}", f"{row.mean_ms:g}", f"{row.deviation_ms:g}", f"{row.p95_ms:g}", followed)
    console.print(table)


BENCHMARK = Benchmark("How near to a conductor's taps the beats of a score are performed.", measure, print_table)
