"""What the performers of scores are measured with: a made-up piece, played offline and in real time, and heard."""

import threading
import time
from collections.abc import Callable
from typing import Any

import numpy as np

from engine.base.clock import MonotonicClock
from engine.bench.measuring.figures import describe
from engine.bench.measuring.runs import create_run
from engine.bench.measuring.standstill import watched_cores
from engine.midi.events import Event, is_note_on
from engine.midi.file import MidiTimeline
from engine.performers.protocol import Performer
from engine.performers.score_playing.stream import ScoreStream
from engine.runtime.scheduler import LATE_NS
from engine.runtime.steering.conductor import ConductedSource
from engine.runtime.steering.requests import NOBODY
from engine.score.piece import Piece
from engine.score.tables import MARKING_DTYPE, MEASURE_DTYPE, SCORE_NOTE_DTYPE, TEMPO_DTYPE, TIME_SIGNATURE_DTYPE, Score
from engine.session import Session

NOTES = 5_000
QUARTERS_PER_MINUTE = 150.0  # four sixteenths a quarter: ten notes a second
CHANGE_EVERY_S = 2.0
MOST_NOTES_A_SECOND = 12  # that are played in real time


def notes_for(seconds: float) -> int:
    """Return how many notes a piece must have to be played in real time for so long; NOTES at least."""
    return max(NOTES, round(MOST_NOTES_A_SECOND * seconds))


class TimedSink:
    """A sink that records when each event was due and when it was sent."""

    def __init__(self, on_first_note: Callable[[], None] = lambda: None) -> None:
        self.sent: list[tuple[int, int]] = []
        self.first_note_ns: int | None = None
        self._on_first_note = on_first_note

    def start(self, origin_ns: int) -> None:
        pass

    def send(self, event: Event) -> None:
        now_ns = time.monotonic_ns()
        if self.first_note_ns is None and is_note_on(event.message):
            self.first_note_ns = now_ns
            self._on_first_note()
        self.sent.append((event.time_ns, now_ns))

    def close(self) -> None:
        pass

    def abort(self) -> None:
        pass


def made_up_piece(count: int) -> Piece:
    """Return a piece of sixteenths in 4/4, broken chords over a walking bass."""
    notes = np.zeros(count, SCORE_NOTE_DTYPE)
    place = np.arange(count)
    notes["onset_quarter"], notes["duration_quarter"] = place / 4, 1 / 4
    notes["pitch"] = 48 + np.array([0, 12, 16, 19, 24, 19, 16, 12])[place % 8] + (place // 16 * 5) % 12
    notes["voice"], notes["id"] = 1, [f"n{index}" for index in range(count)]
    bars = -(-count // 16)
    score = Score(
        notes,
        np.array([(4 * bar, 4, bar + 1) for bar in range(bars)], MEASURE_DTYPE),
        np.array([(0, 4, 4)], TIME_SIGNATURE_DTYPE),
        np.array([(0, QUARTERS_PER_MINUTE)], TEMPO_DTYPE),
        np.zeros(count, MARKING_DTYPE),
        has_markings=False,
    )
    return Piece(score, np.zeros(count, int), np.zeros(count, int), (), MidiTimeline())


def play_in_time(performer: Performer, begin: Callable[[], ScoreStream], seconds: float) -> tuple[TimedSink, dict[str, Any]]:
    """Play the stream that ``begin`` makes for a while on the real clock, with a change every two seconds; return that part of a report as
    well. ``late_while_running``: how many events were late without the time in which the machine stood still; None where nothing watched.
    """
    clock, heard = MonotonicClock(), TimedSink()
    with watched_cores() as standstill:
        stream = begin()
        run = create_run(ConductedSource(stream, clock), performer, stream, heard, clock)
        threading.Thread(target=_conduct, args=(run, seconds), daemon=True).start()
        report = run.run()
    return heard, {
        "played_s": round(seconds, 1),
        "played_notes_per_s": round(stream.notes / seconds, 1),
        "late": report.late,
        "late_while_running": None if standstill is None else standstill.late(heard.sent, LATE_NS),
        "scheduler_error": describe([sent_ns - due_ns for due_ns, sent_ns in heard.sent]),
    }


def time_first_note(performer: Performer, perform: Callable[[Piece], ScoreStream]) -> float:
    """Return the seconds from when a score of NOTES notes is given to ``perform``, already read, to its first note-on on the real clock."""
    piece, clock = made_up_piece(NOTES), MonotonicClock()
    given_ns = time.monotonic_ns()
    stream = perform(piece)
    heard = TimedSink(lambda: run.steering.post(["quit"], NOBODY))
    run = create_run(ConductedSource(stream, clock), performer, stream, heard, clock)
    run.run()
    stream.close()
    return round(((heard.first_note_ns or given_ns) - given_ns) / 1e9, 3)


def _conduct(run: Session, seconds: float) -> None:
    end_s = time.monotonic() + seconds
    for number in range(round(seconds / CHANGE_EVERY_S)):
        time.sleep(CHANGE_EVERY_S)
        run.steering.post(["temperature", f"{0.9 + 0.1 * (number % 2)}"], NOBODY)
    time.sleep(max(0.0, end_s - time.monotonic()))
    run.steering.post(["quit"], NOBODY)
