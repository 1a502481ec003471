"""``perf-bench dexter``: a made-up score of 5,000 notes, performed offline and in real time.

- ``notes_per_s``: from the start of a performance on the virtual clock to its last event, nothing written, everything loaded; one thread
  samples windows, another decodes them. ``thousand_steps_notes_per_s``: the windows alone, sampled as the paper does, in the same run.
- ``lookahead_window_ms``: of the same notes played flat by a DAW, with two seconds of look-ahead: what a window takes, with all around it,
  on the virtual clock, the mean. Half a second is left for it.
- ``first_note_s``: from when the score of 5,000 notes, once it is read, is given to the performer to its first note-on, with the worker and
  the real clock.
- ``lead_s``: how long before its first note was due each window was ready, while the score is played at about ten notes a second and all
  windows that wait are sampled again every two seconds, as after a change of a control; the least, and the median. Windows that the
  change itself made wait are among them.
- ``scheduler_error``: how long after it was due an event was sent; ``while_sampling`` of those sent while the worker was sampling.
- ``peak_memory_mb``: the most that this process occupied, all of the above included.
"""

import resource
import statistics
import sys
import time
from dataclasses import dataclass
from typing import Annotated, Any

import numpy as np
import typer
from rich.console import Console

from engine.bench.measuring.benchmark import Benchmark, OnStage, silent
from engine.bench.measuring.figures import Distribution, describe
from engine.bench.measuring.machine import KIBIBYTE, MEGABYTE, Machine, describe_machine
from engine.bench.measuring.runs import render_events, render_score
from engine.bench.measuring.score_playing import (
    NOTES,
    QUARTERS_PER_MINUTE,
    TimedSink,
    made_up_piece,
    notes_for,
    play_in_time,
    time_first_note,
)
from engine.bench.measuring.tables import DISTRIBUTION, add_distribution, new_table, print_head
from engine.midi.events import Event, note_off, note_on
from engine.performers.dexter.interpretation import DexterInterpretation
from engine.performers.dexter.performer import DexterPerformer, load_performer
from engine.performers.score_playing.columns import playback_columns
from engine.performers.score_playing.stream import ScoreStream
from engine.score.piece import Piece
from models.dexter.representation import Settings, Window

LOOKAHEAD_S, LOOKAHEAD_NOTES = 2.0, 2_000


@dataclass(frozen=True)
class DexterReport:
    machine: Machine
    notes: int
    notes_per_s: float
    windows: int
    evaluations_per_window: float
    window_ms: float  # mean
    thousand_steps_notes_per_s: float
    lookahead_window_ms: float  # mean
    first_note_s: float
    played_s: float
    played_notes_per_s: float
    least_lead_s: float | None  # None: no window but the first was due
    median_lead_s: float | None
    reduced_windows: int
    carried: int
    late: int  # events more than 10 ms
    late_while_running: int | None  # without the time in which the machine stood still
    scheduler_error: Distribution
    while_sampling: Distribution | None  # None: nothing was sent meanwhile
    peak_memory_mb: float


def measure(
    seconds: Annotated[
        float, typer.Option(metavar="SECONDS", min=4, help="How long to play in real time.")
    ] = 60,
    *,
    on_stage: OnStage = silent,
) -> DexterReport:
    """Run everything; ``seconds`` of it playing in real time. Raises PerfLiveError when the models cannot be used."""
    machine = describe_machine()
    performer, piece = load_performer(None, None), made_up_piece(NOTES)
    on_stage("a whole score, offline")
    stream = performer.perform_score(piece, 0, {}, ahead=False)
    begun_s = time.perf_counter()
    render_score(performer, piece, stream, TimedSink())
    offline_s = time.perf_counter() - begun_s
    counts = stream.counts
    assert counts is not None  # noqa: S101 (DExter's)
    on_stage("a window in a thousand steps")
    thousand = _time_thousand_steps(performer, piece)
    on_stage("notes of a DAW, looking ahead")
    lookahead_window_s = _time_lookahead(performer, made_up_piece(LOOKAHEAD_NOTES))
    on_stage("playing in real time")
    return DexterReport(
        machine=machine,
        notes=NOTES,
        notes_per_s=round(NOTES / offline_s, 1),
        windows=counts.windows,
        evaluations_per_window=round(counts.evaluations / counts.windows, 2),
        window_ms=round(1e3 * counts.seconds / counts.windows, 1),
        thousand_steps_notes_per_s=round(thousand, 2),
        lookahead_window_ms=round(1e3 * lookahead_window_s, 1),
        **_play(performer, made_up_piece(notes_for(seconds)), seconds),
        peak_memory_mb=round(_peak_bytes() / MEGABYTE, 1),
    )


def _time_thousand_steps(performer: DexterPerformer, piece: Piece) -> float:
    """Return the notes a second of one window."""
    sampler = performer.sampling_as_published().sampler(piece.score.notes, playback_columns(piece.score), 0)
    begun_s = time.perf_counter()
    window, _ = sampler.next(sampler.begin(), Settings())
    return len(window.columns) / (time.perf_counter() - begun_s)


def _time_lookahead(performer: DexterPerformer, piece: Piece) -> float:
    """Return the seconds a window."""
    notes, quarter_s = piece.score.notes, 60 / QUARTERS_PER_MINUTE
    events = []
    for pitch, begin, length in zip(*(notes[name].tolist() for name in ("pitch", "onset_quarter", "duration_quarter")), strict=True):
        events.append(Event(round(begin * quarter_s * 1e9), note_on(0, pitch, 64)))
        events.append(Event(round((begin + length) * quarter_s * 1e9), note_off(0, pitch)))
    ahead = performer.looking_ahead(LOOKAHEAD_S)
    stream = ahead.create_stream(0, {})
    begun_s = time.perf_counter()
    render_events(ahead, stream, sorted(events), TimedSink())
    return (time.perf_counter() - begun_s) / stream.counts.windows


def _play(performer: DexterPerformer, piece: Piece, seconds: float) -> dict[str, Any]:
    """Play for a while on the real clock, with a change every two seconds; return that part of the report."""
    watched = _WatchedWorker()

    def begin() -> ScoreStream:
        stream = performer.perform_score(piece, 0, {}, ahead=True)
        watched.watch(stream)
        return stream

    first_note_s = time_first_note(performer, lambda score: performer.perform_score(score, 0, {}, ahead=True))
    heard, figures = play_in_time(performer, begin, seconds)
    return figures | watched.figures(heard) | {"first_note_s": first_note_s}


class _WatchedWorker:
    """Takes down when a stream's windows were sampled."""

    def watch(self, stream: ScoreStream) -> None:
        assert isinstance(stream.interpretation, DexterInterpretation)  # noqa: S101
        self._stream, self._worker = stream, stream.interpretation.worker
        self._ready: dict[int, int] = {}
        self._sampling: list[tuple[int, int]] = []
        self._spent_s = 0.0
        self._worker.on_window = self._on_window

    def figures(self, heard: TimedSink) -> dict[str, Any]:
        """End the worker; return what became of its windows."""
        self._worker.close()
        table = self._stream.performed
        leads_s = [(table["onset_ns"][note] - ready_ns) / 1e9 for note, ready_ns in self._ready.items() if note and table["velocity"][note]]
        errors_ns = np.array([sent_ns - due_ns for due_ns, sent_ns in heard.sent])
        meanwhile = _during(np.array([due_ns for due_ns, _ in heard.sent]), self._sampling)
        return {
            "least_lead_s": round(min(leads_s), 2) if leads_s else None,
            "median_lead_s": round(statistics.median(leads_s), 2) if leads_s else None,
            "reduced_windows": self._worker.counts.reduced,
            "carried": self._worker.counts.carried,
            "while_sampling": describe(errors_ns[meanwhile]) if meanwhile.any() else None,
        }

    def _on_window(self, window: Window) -> None:
        now_ns, spent_s = time.monotonic_ns(), self._worker.counts.seconds - self._spent_s
        self._spent_s = self._worker.counts.seconds
        self._sampling.append((now_ns - round(spent_s * 1e9), now_ns))
        self._ready[window.first_note] = now_ns


def _during(times_ns: np.ndarray, spans: list[tuple[int, int]]) -> np.ndarray:
    inside = np.zeros(len(times_ns), bool)
    for begin_ns, end_ns in spans:
        inside |= (times_ns >= begin_ns) & (times_ns <= end_ns)
    return inside


def _peak_bytes() -> int:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else KIBIBYTE)


def print_table(report: DexterReport) -> None:
    console = Console()
    print_head(console, report.machine)
    table = new_table(f"dexter, a score of {report.notes} notes", "")
    for title, value in (
        ("notes a second, offline", f"{report.notes_per_s:.0f}"),
        ("the same in a thousand steps, windows alone", f"{report.thousand_steps_notes_per_s:.1f}"),
        ("evaluations a window", f"{report.evaluations_per_window:g}"),
        ("a window, mean", f"{report.window_ms:.0f} ms"),
        ("a window of live notes, two seconds of look-ahead, mean", f"{report.lookahead_window_ms:.0f} ms"),
        ("first note after", f"{report.first_note_s:.2f} s"),
        (f"window ready before it is due, at {report.played_notes_per_s:g} notes a second", _seconds(report.least_lead_s, "at least")),
        ("", _seconds(report.median_lead_s, "median")),
        ("windows in fewer steps, bridged", f"{report.reduced_windows}, {report.carried}"),
        ("events more than 10 ms late", str(report.late)),
        ("of them while the machine ran", "unknown" if report.late_while_running is None else str(report.late_while_running)),
        ("peak memory", f"{report.peak_memory_mb:.0f} MB"),
    ):
        table.add_row(title, value)
    console.print(table)
    errors = new_table(f"scheduler error in {report.played_s:g} s, milliseconds", *DISTRIBUTION)
    add_distribution(errors, "all events", report.scheduler_error)
    add_distribution(errors, "while a window was sampled", report.while_sampling)
    console.print(errors)


def _seconds(value: float | None, which: str) -> str:
    return "unknown: none was due" if value is None else f"{value:.1f} s {which}"


BENCHMARK = Benchmark("How fast DExter performs scores, offline and live, beside the paper's thousand steps.", measure, print_table)
