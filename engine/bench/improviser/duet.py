"""An improviser's duet through JACK: the real ``perf-live`` plays along while the prober plays phrases, with rests and pedal.

- ``player``: what became of the player's own messages, all of which must come back once, in order and ``unchanged``. ``passed_on``: how
  long that took, both ways through JACK included (``perf-bench live`` says what perf-live adds to a bare echo).
- ``partner``: it plays on a channel of its own, by which its notes are told apart. A note is ``too_long`` when it lasts longer than the
  limit on a note. ``struck_twice``: notes that begin while they sound.
- Both are followed to the end of perf-live, so that what it releases then counts; ``stuck`` is what sounds even after that.
- Memory of perf-live: when ready, after the first sixth of the time (everything that playing needs is there by then), and at the end.

- ``while_running``: what was late, also without the time in which the machine itself stood still.

Target: nothing lost, changed or stuck, nothing late while the machine ran, and no growth.
"""

import json
import time
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import asdict, dataclass
from itertools import zip_longest
from pathlib import Path
from typing import NamedTuple

import numpy as np
from rich.console import Console

from engine.base.errors import PerfLiveError
from engine.bench.measuring.delivery import LOST, LOST_AFTER_NS, Answers, Delivery
from engine.bench.measuring.figures import Distribution, describe
from engine.bench.measuring.lateness import PERF_LIVE_TELLING_LATE
from engine.bench.measuring.machine import MEGABYTE, StolenTime, resident_bytes
from engine.bench.measuring.prober import LEAD_NS, Target
from engine.bench.measuring.programs import Program, jack_server, may_schedule_in_real_time
from engine.bench.measuring.standstill import Interval, Standstill, watched_cores
from engine.bench.measuring.tables import DISTRIBUTION, add_distribution, new_table, share, word
from engine.bench.measuring.takes import NS_PER_S, phrases
from engine.midi.events import Event, channel_of, is_channel_message, is_note_off, is_note_on
from engine.midi.ledger import NoteLedger
from engine.runtime.scheduler import LATE_NS
from models.performance_rnn.sampling import Limits

PARTNERS_CHANNEL = 2  # as users count, from one; the player's is 1
SLACK_S = 0.05  # of the way to us: a note's end may take longer than its beginning
DRAIN_S = 0.3  # for what perf-live sends when it ends
CHECK_EVERY_MESSAGES = 100
SETTLED = 6  # after this part of the messages everything that playing needs is in memory

Received = Sequence[tuple[int, bytes]]  # (when in nanoseconds, message)


@dataclass(frozen=True)
class Partner:
    notes: int
    notes_per_s: float
    longest_note_s: float
    too_long: int
    most_at_once: int
    too_many: int  # notes that begin while as many sound as are allowed
    struck_twice: int
    stuck: int


@dataclass(frozen=True)
class WhileRunning:
    """What was late, more than 10 ms, in all and without the time in which the machine stood still (``measuring.standstill``)."""

    standstills: int
    standstill_s: float
    longest_standstill_ms: float
    sent_late: int  # of all that perf-live sent, by its own account
    sent_late_while_running: int
    passed_on_late: int  # of the player's messages, from when they were sent to when they had come through JACK
    passed_on_late_while_running: int


@dataclass(frozen=True)
class DuetReport:
    real_time: bool  # whether JACK could be scheduled before all others
    stolen: float | None  # share of the processors' time that a virtual machine's host took
    seconds: float
    player: Delivery
    unchanged: bool
    passed_on: Distribution
    partner: Partner
    prober_late: Distribution
    prober_late_events: int  # more than 10 ms, of as simple a program as there is: the machine's doing, beside perf-live's "late"
    while_running: WhileRunning | None  # None where nothing can watch the cores
    memory_ready_mb: float
    memory_settled_mb: float
    memory_end_mb: float
    perf_live_says: str  # its last line: notes, late, degraded


class _Run(NamedTuple):
    sent_ns: list[int]
    late_ns: list[int]
    received: list[tuple[int, bytes]]
    memory_mb: tuple[float, float, float]  # when ready, settled, at the end
    late: list[Interval]  # of what perf-live sent
    says: str


def play_duet(model_path: Path, seconds: float, seed: int) -> DuetReport:
    """Play. Raises PerfLiveError where no server can be had or perf-live fails."""
    take, stolen_time = phrases(seconds, seed), StolenTime()
    with watched_cores() as standstill:
        run = _run(model_path, take, seed)
    stolen = stolen_time.share()
    messages, answers = [event.message for event in take], players_messages(run.received)
    if not answers:
        raise PerfLiveError("nothing came back through the JACK server; look whether it runs freely (jackd -S -r)")
    matched = Answers(messages, run.sent_ns, answers)
    return DuetReport(
        may_schedule_in_real_time(),
        None if stolen is None else round(stolen, 4),
        round((run.sent_ns[-1] - run.sent_ns[0]) / NS_PER_S, 1),
        matched.delivery(),
        [message for _, message in answers] == messages,
        describe(matched.latencies_ns[~np.isnan(matched.latencies_ns)]),
        describe_partner(run.received),
        describe(run.late_ns),
        sum(late_ns > LATE_NS for late_ns in run.late_ns),
        None if standstill is None else _describe_standstill(standstill, run, matched),
        *run.memory_mb,
        run.says,
    )


def _describe_standstill(standstill: Standstill, run: _Run, matched: Answers) -> WhileRunning:
    came = zip(run.sent_ns, matched.arrivals_ns.tolist(), strict=True)
    passed_on = [(sent_ns, arrived_ns) for sent_ns, arrived_ns in came if arrived_ns != LOST]
    return WhileRunning(
        standstill.count,
        standstill.total_s,
        standstill.longest_ms,
        len(run.late),
        standstill.late(run.late, LATE_NS),
        sum(arrived_ns - sent_ns > LATE_NS for sent_ns, arrived_ns in passed_on),
        standstill.late(passed_on, LATE_NS),
    )


def _run(model_path: Path, take: Sequence[Event], seed: int) -> _Run:
    with ExitStack() as stack:
        stack.enter_context(jack_server())
        target = stack.enter_context(Target("duet"))
        ends = ["--in", target.input_name, "--out", target.output_name, "--api", "jack", "--model", str(model_path)]
        partner = ["--performer", "performance-rnn", "--set", "mode=duet", "--set", f"channel={PARTNERS_CHANNEL}", "--seed", str(seed)]
        program = stack.enter_context(Program("perf-live", ["-c", PERF_LIVE_TELLING_LATE, *ends, *partner]))
        ready_mb, settled_mb = (_resident_mb(program),) * 2
        begun_ns = time.monotonic_ns() + LEAD_NS
        for number, event in enumerate(take):
            target.send(begun_ns + event.time_ns, [event.message])
            if number % CHECK_EVERY_MESSAGES == 0:
                program.check()
            if number == len(take) // SETTLED:
                settled_mb = _resident_mb(program)
        time.sleep(LOST_AFTER_NS / NS_PER_S)
        end_mb, (*_, says, late) = _resident_mb(program), program.stop()
        time.sleep(DRAIN_S)
    return _Run(
        target.sent_ns,
        target.late_ns,
        target.received,
        (ready_mb, settled_mb, end_mb),
        [(due, sent) for due, sent in json.loads(late)],
        says,
    )


def _resident_mb(program: Program) -> float:
    return round(resident_bytes(program.process_id) / MEGABYTE, 1)


def players_messages(received: Received) -> list[tuple[int, bytes]]:
    """Return all that is not on the partner's channel."""
    return [each for each in received if not _is_partners(each[1])]


def _is_partners(message: bytes) -> bool:
    return is_channel_message(message) and channel_of(message) == PARTNERS_CHANNEL - 1


def describe_partner(received: Received) -> Partner:
    """Follow the partner's notes."""
    limits = Limits()
    ledger, begun_ns, lengths_s = NoteLedger(), dict[int, int](), [0.0]
    notes = most = too_many = twice = 0
    for time_ns, message in received:
        if not _is_partners(message):
            continue
        if is_note_on(message):
            notes += 1
            twice += message[1] in begun_ns
            too_many += ledger.sounding >= limits.notes_at_once
            begun_ns[message[1]] = time_ns
        elif is_note_off(message) and message[1] in begun_ns:
            lengths_s.append((time_ns - begun_ns.pop(message[1])) / NS_PER_S)
        ledger.observe(message)
        most = max(most, ledger.sounding)
    seconds = (received[-1][0] - received[0][0]) / NS_PER_S if received else 0.0
    limit_s = limits.longest_note_s + SLACK_S
    return Partner(
        notes,
        round(notes / seconds, 1) if seconds else 0.0,
        round(max(lengths_s, default=0.0), 3),
        sum(length_s > limit_s for length_s in lengths_s),
        most,
        too_many,
        twice,
        ledger.sounding,
    )


def print_duet(console: Console, duet: DuetReport) -> None:
    conditions = f"in real time: {word(duet.real_time)}; taken by the host meanwhile: {share(duet.stolen)}"
    console.print(f"duet of {duet.seconds:g} s through JACK, {conditions}", soft_wrap=True)
    table = new_table("player's messages", "", "partner's notes", "")
    partner = {name.replace("_", " "): f"{value:g}" for name, value in asdict(duet.partner).items()}
    player = {name.replace("_", " "): word(value) for name, value in asdict(duet.player).items()} | {"unchanged": word(duet.unchanged)}
    for (name, value), (partners, partners_value) in zip_longest(player.items(), partner.items(), fillvalue=("", "")):
        table.add_row(name, value, partners, partners_value)
    console.print(table)
    table = new_table("milliseconds", *DISTRIBUTION)
    add_distribution(table, "player's messages passed on", duet.passed_on)
    add_distribution(table, f"prober: sent late by ({duet.prober_late_events} over 10 ms)", duet.prober_late)
    console.print(table)
    if duet.while_running:
        console.print(_while_running_line(duet.while_running), highlight=False, soft_wrap=True)
    memory = f"{duet.memory_ready_mb:g} MB when ready, {duet.memory_settled_mb:g} MB settled, {duet.memory_end_mb:g} MB at the end"
    console.print(f"perf-live: {memory}; {duet.perf_live_says!r}", highlight=False, soft_wrap=True)


def _while_running_line(late: WhileRunning) -> str:
    still = f"the machine stood still {late.standstills} times, {late.standstill_s:g} s in all, {late.longest_standstill_ms:g} ms at most"
    sent = f"{late.sent_late} sent ({late.sent_late_while_running} without that time)"
    passed_on = f"{late.passed_on_late} of the player's passed on ({late.passed_on_late_while_running})"
    return f"{still}; more than 10 ms late: {sent}, {passed_on}"
