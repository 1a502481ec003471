"""How soon an improviser hears: the engine in this process on the real clock, played to from a thread, heard by a sink that takes times.

- ``response``: from a note-on of the player's to when the first event that knows of it was sampled: it is ready to be sent, at its musical
  time. Target: 25 ms median.
- ``scheduler_error``: how long after it was due each message of the partner's was sent. ``after_a_note_on``: of those alone that were the
  first to be due after a note-on of the player's, which were sampled since. Target: 1 ms, 99th percentile.
- ``taken_back``: how many planned notes' beginnings and ends were. ``withdrawn_sent``: how many messages were sent that had been planned
  before a note-on that came before they were due, and ``unplanned_notes``: how many notes that nobody had planned. Both must be 0.
  They follow from the order of planning, hearing and sending, not from what the stream itself thinks that it took back.
"""

import queue
import threading
import time
from collections import defaultdict, deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np
from rich.console import Console

from engine.base.clock import MonotonicClock
from engine.bench.improviser.duet import PARTNERS_CHANNEL
from engine.bench.measuring.figures import Distribution, describe
from engine.bench.measuring.runs import create_run
from engine.bench.measuring.tables import DISTRIBUTION, add_distribution, new_table
from engine.bench.measuring.takes import NS_PER_S, phrases
from engine.midi.events import Event, channel_of, is_note_on
from engine.midi.ledger import NoteLedger
from engine.onnx.model import Model
from engine.performers.performance_rnn.controls import DUET
from engine.performers.performance_rnn.performer import PerformanceRNNPerformer
from engine.performers.performance_rnn.stream import PerformanceRNNStream, Planned
from engine.runtime.sources import PortSource

LEAD_NS = 100_000_000  # before the first message


class Note(NamedTuple):
    """A note's beginning or end, planned or sent. ``heard``: how many note-ons of the player's had been heard by then."""

    due_ns: int
    pitch: int
    begins: bool
    heard: int


@dataclass
class Record:
    """What happened, in its order."""

    heard_ns: list[int] = field(default_factory=list)  # the player's note-ons
    response_ns: list[int] = field(default_factory=list)
    planned: list[Note] = field(default_factory=list)
    taken_back: int = 0
    sent: list[Note] = field(default_factory=list)  # the partner's
    late_ns: list[int] = field(default_factory=list)  # of each of these
    ledger: NoteLedger = field(default_factory=NoteLedger)  # of everybody's


@dataclass(frozen=True)
class ResponseReport:
    real_time: bool  # whether the system let the engine's thread run before all others
    seconds: float
    note_ons: int  # of the player's
    response: Distribution | None  # here and below None: there was none
    scheduler_error: Distribution | None
    after_a_note_on: Distribution | None
    taken_back: int
    withdrawn_sent: int
    unplanned_notes: int
    late: int  # events more than 10 ms
    degraded: int
    stuck_notes: int


class _WatchedStream(PerformanceRNNStream):
    """Takes down when notes are heard and events are planned."""

    def __init__(self, model: Model, seed: int, record: Record):
        self._record, self._unanswered_ns = record, list[int]()
        super().__init__(model, seed, {"mode": DUET, "channel": PARTNERS_CHANNEL})

    def feed(self, event: Event, late: bool = False) -> list[Event]:
        sent = super().feed(event, late)
        if is_note_on(event.message):
            self._record.heard_ns.append(event.time_ns)
            self._unanswered_ns.append(event.time_ns)
        return sent

    def _plan(self) -> None:
        super()._plan()
        now_ns, record, planned = time.monotonic_ns(), self._record, self._state.planned[-1]
        record.response_ns += [now_ns - heard_ns for heard_ns in self._unanswered_ns]
        self._unanswered_ns.clear()
        if planned.note:
            pitch, velocity = planned.note
            record.planned.append(Note(planned.time_ns, pitch, velocity > 0, len(record.heard_ns)))

    def _take_back(self, time_ns: int) -> None:
        before = _count_notes(self._state.planned)
        super()._take_back(time_ns)
        self._record.taken_back += before - _count_notes(self._state.planned)


def _count_notes(planned: deque[Planned]) -> int:
    return sum(each.note is not None for each in planned)


class _Sink:
    def __init__(self, record: Record):
        self._record = record

    def start(self, origin_ns: int) -> None:
        pass

    def send(self, event: Event) -> None:
        now_ns, record = time.monotonic_ns(), self._record
        record.ledger.observe(event.message)
        if channel_of(event.message) == PARTNERS_CHANNEL - 1:
            record.sent.append(Note(event.time_ns, event.message[1], is_note_on(event.message), len(record.heard_ns)))
            record.late_ns.append(now_ns - event.time_ns)

    def close(self) -> None:
        pass

    def abort(self) -> None:
        pass


class _Player:
    """A port that a thread plays to, in real time, from ``start`` on."""

    def __init__(self, take: Sequence[Event]):
        self.inbox: queue.SimpleQueue[Event | None] = queue.SimpleQueue()
        self.on_end: Callable[[], None] = lambda: None
        self._take = take
        self._thread = threading.Thread(target=self._play, daemon=True)

    def start(self) -> None:
        self._thread.start()

    def _play(self) -> None:
        begun_ns = time.monotonic_ns() + LEAD_NS
        for event in self._take:
            time.sleep(max(0, begun_ns + event.time_ns - time.monotonic_ns()) / NS_PER_S)
            self.inbox.put(Event(time.monotonic_ns(), event.message))
        time.sleep(LEAD_NS / NS_PER_S)
        self.on_end()

    def close(self) -> None:
        pass


def measure_response(model: Model, seconds: float, seed: int) -> ResponseReport:
    """Play a duet for about ``seconds``."""
    record, clock = Record(), MonotonicClock()
    player = _Player(phrases(seconds, seed))
    performer, stream = PerformanceRNNPerformer(model), _WatchedStream(model, seed, record)
    run = create_run(PortSource(player, clock), performer, stream, _Sink(record), clock)
    player.on_end = run.stop
    player.start()
    report = run.run()
    late_ns = np.array(record.late_ns)
    first = np.unique(np.searchsorted([note.due_ns for note in record.sent], record.heard_ns, side="right"))
    withdrawn_sent, unplanned_notes = count_unforeseen(record)
    return ResponseReport(
        report.real_time,
        round(seconds, 1),
        len(record.heard_ns),
        _describe(record.response_ns),
        _describe(late_ns),
        _describe(late_ns[first[first < len(late_ns)]]),
        record.taken_back,
        withdrawn_sent,
        unplanned_notes,
        report.late,
        report.degraded,
        record.ledger.sounding,
    )


def _describe(durations_ns: Sequence[int] | np.ndarray) -> Distribution | None:
    return describe(durations_ns) if len(durations_ns) else None


def count_unforeseen(record: Record) -> tuple[int, int]:
    """Return how many messages were sent whose plan a note-on had made void, and how many notes begin without any plan.

    A note may end without one: its pitch is the player's from then on, or all is over.
    """
    plans: dict[tuple[int, int, bool], list[Note]] = defaultdict(list)
    for plan in record.planned:
        plans[plan.due_ns, plan.pitch, plan.begins].append(plan)
    withdrawn = unplanned = 0
    for sent in record.sent:
        heard = [plan.heard for plan in plans[sent.due_ns, sent.pitch, sent.begins] if plan.heard <= sent.heard]
        if heard:
            since_ns = record.heard_ns[max(heard) : sent.heard]
            withdrawn += any(heard_ns < sent.due_ns for heard_ns in since_ns)
        else:
            unplanned += sent.begins
    return withdrawn, unplanned


def print_response(console: Console, response: ResponseReport) -> None:
    table = new_table(f"{response.seconds:g} s in one process, milliseconds", *DISTRIBUTION)
    add_distribution(table, "response", response.response)
    add_distribution(table, "scheduler error", response.scheduler_error)
    add_distribution(table, "first after a note-on", response.after_a_note_on)
    console.print(table)
    counts = f"{response.taken_back} planned messages taken back; {response.withdrawn_sent} withdrawn ones sent"
    rest = f"{response.late} late, {response.degraded} degraded, {response.stuck_notes} stuck"
    console.print(f"{counts}, {response.unplanned_notes} unplanned notes; {rest}", soft_wrap=True)
