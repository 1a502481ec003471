"""A player at one perf-live: scenes of random playing with a fault in each, after which everything is at rest and is counted."""

import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from random import Random

from engine.base.errors import PerfLiveError
from engine.bench.measuring.standstill import Standstill
from engine.bench.measuring.takes import CLOCK, NS_PER_S, phrases
from engine.bench.reliability.soaking.arrivals import PERF_LIVE_KEEPING_ARRIVALS, Loss, missing
from engine.bench.reliability.soaking.vitals import Vitals, vitals
from engine.bench.reliability.stage.between_ports import Ended, Stage, await_
from engine.bench.reliability.stage.log import Entry, Key, Wait, compare, read_log, sounding
from engine.bench.reliability.stage.outcome import DEFECTS
from engine.midi.events import Event
from engine.midi.file import read_midi_file

SCENE_S = (3.0, 6.0)
REST_S = 6.0  # most that what was sent may take to be heard, beside the look-ahead
LATE_NS = 10_000_000  # what perf-live itself calls late
SETTLED_NS = 500_000_000  # so long after a fault, and after what was to be played meanwhile, it counts as undisturbed
CLOCKS_A_SECOND = 48  # 120 quarters a minute, 24 clocks each (MIDI 1.0 detailed specification, system real-time messages)
START = b"\xfa"
TAKE, ARRIVALS = "take.mid", "arrivals.log"

Harm = Callable[[Stage, Random], None]


@dataclass(frozen=True)
class Act:
    """One perf-live of the soak, and what may happen to it. ``channel``: the keyboard's, 0 to 15; ``clock``: it sends MIDI clock too.

    ``everywhere``: those of ``harms`` that happen to the others as well. ``typed``: lines that are typed at the beginning.
    """

    name: str
    arguments: tuple[str, ...]
    harms: Mapping[str, Harm]
    everywhere: frozenset[str] = frozenset()
    channel: int = 0
    lookahead_s: float = 0.0
    clock: bool = False
    typed: tuple[str, ...] = ()


@dataclass(frozen=True)
class Checkpoint:
    """How it stands when everything is at rest, counted from the beginning, ``time_s`` after it; ``fault`` was the last one.

    ``lost`` and ``stuck`` are of what reached perf-live; ``lost_before`` are the notes that did not.
    """

    time_s: float
    fault: str
    notes: int
    lost_before: int
    lost: int
    stuck: int
    late: int | None  # None with look-ahead, which moves onsets on purpose
    vitals: Vitals


@dataclass
class Played:
    """What came of an act. ``wrong``: what ended it before its time or was said that should not be; "" where nothing was.

    Of the late notes ``late_undisturbed`` were played while nothing was done to the run or to what all share, ``late_by_itself`` of them
    while no core of the machine stood still; None where lateness is not counted, or where cores cannot be watched.
    """

    name: str
    checkpoints: list[Checkpoint] = field(default_factory=list)
    losses: list[Loss] = field(default_factory=list)
    status: int | None = None
    stuck: int = 0  # after the end
    unheard: int = 0  # note-ons of its recording that the observer did not hear
    late_undisturbed: int | None = None
    late_by_itself: int | None = None
    wrong: str = ""


class Disturbances:
    """When something was done to all runs, told by the thread of each."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._spans: list[Wait] = []

    def add(self, span: Wait) -> None:
        with self._lock:
            self._spans.append(span)

    def spans(self) -> list[Wait]:
        with self._lock:
            return list(self._spans)


def undisturbed(waits: Sequence[Wait], disturbances: Sequence[Wait]) -> list[Wait]:
    """Return the waits that no disturbance touches."""
    return [wait for wait in waits if not any(begin < wait[1] and wait[0] < end for begin, end in disturbances)]


def _unheard(stage: Stage) -> int:
    """Return how many note-ons of the recording, of all that plays there, the observer did not hear."""
    take = stage.folder / TAKE
    kept = [Entry(event.time_ns, event.message) for event in read_midi_file(take).events] if take.exists() else []
    return compare(kept, stage.observer.entries()).lost


def _defect(ended: Ended) -> str:
    """Return the first line that nobody should see; "" where there is none."""
    return next((line for line in ended.errors if any(defect in line for defect in DEFECTS)), "")


class Player:
    """Plays an act for so long in a thread of its own."""

    def __init__(self, act: Act, folder: Path, environment: Mapping[str, str], seconds: float, seed: int, disturbances: Disturbances):
        self._act, self._seconds = act, seconds
        self._of_all, self._own = disturbances, Disturbances()
        self._notes = self._lost_before = self._lost = 0  # up to the last checkpoint
        self._fault_ns: Wait = (0, 0)  # the last one, and what was to be played meanwhile
        self._arrivals, self._arrivals_from = folder / ARRIVALS, 0
        self._late: list[Wait] = []
        self._random = Random(f"{seed} {act.name}")
        self.played = Played(act.name)
        folder.mkdir()
        self._stage = Stage(folder, f"soak-{act.name}", environment)
        self._thread = threading.Thread(target=self._run, name=act.name)
        self._thread.start()

    def join(self) -> None:
        self._thread.join()

    def judged(self, standstill: Standstill | None) -> Played:
        """Return what came of it, when all have ended: which notes were late by themselves too."""
        if not self._act.lookahead_s:
            late = undisturbed(self._late, [*self._own.spans(), *self._of_all.spans()])
            self.played.late_undisturbed = len(late)
            self.played.late_by_itself = None if standstill is None else standstill.late(late, LATE_NS)
        return self.played

    def _run(self) -> None:
        with self._stage as stage:
            try:
                program = PERF_LIVE_KEEPING_ARRIVALS.format(path=str(self._arrivals))
                run = stage.live(*self._act.arguments, "--record", stage.folder / TAKE, program=program)
                stage.await_connection()
                for line in self._act.typed:
                    run.type(line)
                self._play_scenes()
                self.played.status = run.stop().status
            except PerfLiveError as error:
                self._tell(str(error))
            self._tell(_defect(stage.said()))
            stage.await_silence(REST_S)
            delivered = stage.delivered()  # on all channels: what others play, as well
            self.played.stuck = delivered.stuck + delivered.pedals
            self.played.unheard = _unheard(stage)

    def _play_scenes(self) -> None:
        begun_s = time.monotonic()
        while (passed_s := time.monotonic() - begun_s) < self._seconds:
            scene_s = time.monotonic()
            name, harm = self._random.choice(list(self._act.harms.items()))
            self._play(min(self._random.uniform(*SCENE_S), self._seconds - passed_s), name, harm)
            if not self._has_come():
                self._stage.await_connection()  # a JACK server that waits for clients which are gone keeps everything for so long
                self._has_come()
            now_s = time.monotonic()
            self._check(now_s - begun_s, now_s - scene_s, name)

    def _has_come(self) -> bool:
        """Wait a while for all that was sent; return whether it was heard and is over."""
        patience_s = REST_S + self._act.lookahead_s
        self._stage.await_heard(patience_s)
        await_(lambda: not self._sounding(), None, patience_s)
        return not (self._stage.delivered([self._act.channel]).lost or self._sounding())

    def _play(self, seconds: float, name: str, harm: Harm) -> None:
        """Play phrases; the fault happens in the middle of them, and what was to be played meanwhile is played right after it."""
        own = phrases(seconds, self._random.randrange(2**32))
        events = [event._replace(message=bytes((event.message[0] | self._act.channel, *event.message[1:]))) for event in own]
        if self._act.clock:
            events = _with_clock(events)
        begun_ns, middle = time.monotonic_ns(), len(events) // 2
        harmed_ns: int | None = None
        for index, event in enumerate(events):
            if index == middle:
                harmed_ns = time.monotonic_ns()
                self._do(name, harm)
            wait_ns = begun_ns + event.time_ns - time.monotonic_ns()
            if harmed_ns is not None and wait_ns > 0:
                self._note_disturbance(name, harmed_ns)
                harmed_ns = None
            time.sleep(max(0, wait_ns) / NS_PER_S)
            self._stage.keys.send(event.message)
        if harmed_ns is not None:
            self._note_disturbance(name, harmed_ns)

    def _do(self, name: str, harm: Harm) -> None:
        """Let a fault happen; one that does not end as it should is told, and the others follow."""
        try:
            harm(self._stage, self._random)
        except PerfLiveError as error:
            if not self._stage.live_run.running:
                raise
            self._tell(f"{name}: {error}")

    def _tell(self, wrong: str) -> None:
        self.played.wrong = self.played.wrong or wrong

    def _note_disturbance(self, name: str, begun_ns: int) -> None:
        """Take down that a fault is over and what was to be played meanwhile has been played."""
        disturbances = self._of_all if name in self._act.everywhere else self._own
        self._fault_ns = begun_ns, time.monotonic_ns()
        disturbances.add((begun_ns, self._fault_ns[1] + SETTLED_NS))

    def _sounding(self) -> int:
        """Return how many notes and pedals of the keyboard's channel are down."""
        delivered = self._stage.delivered([self._act.channel])
        return delivered.stuck + delivered.pedals

    def _check(self, time_s: float, scene_s: float, fault: str) -> None:
        """Count what came since the last checkpoint, and begin anew: hours of notes are not compared again and again."""
        stage, own = self._stage, [self._act.channel]
        sent, heard = stage.logged()
        arrived, self._arrivals_from = read_log(self._arrivals, self._arrivals_from)
        new, before, within = compare(sent, heard, own), compare(sent, arrived, own).lost, compare(arrived, heard, own).lost
        held = _down(arrived, own)
        stuck = len(_down(heard, own) - held)
        self._late += [wait for wait in new.waits if wait[1] - wait[0] > LATE_NS]
        self._notes, self._lost_before, self._lost = self._notes + new.sent, self._lost_before + before, self._lost + within
        late = None if self._act.lookahead_s else len(self._late)
        counts = (self._notes, self._lost_before, self._lost, stuck, late)
        self.played.checkpoints.append(Checkpoint(round(time_s, 1), fault, *counts, vitals(stage.live_run.process_id)))
        if before or within or held or stuck:
            waits_s = [(came_ns - sent_ns) / NS_PER_S for sent_ns, came_ns in new.waits]
            lacking = tuple((self._after_fault_s(each.time_ns), each.message.hex()) for each in missing(sent, arrived))
            times = round(time_s, 1), fault, round((self._fault_ns[1] - self._fault_ns[0]) / NS_PER_S, 2), round(scene_s, 1)
            found = Loss(*times, before, within, len(held), lacking, round(max(waits_s, default=0.0), 2), stage.said().errors)
            self.played.losses.append(found)
        self._tell(_defect(stage.said()))
        stage.begin()

    def _after_fault_s(self, time_ns: int) -> float:
        return round((time_ns - self._fault_ns[0]) / NS_PER_S, 3)


def _down(entries: Sequence[Entry], channels: Sequence[int]) -> set[tuple[int, Key]]:
    """Return the keys (0) and pedals (1) of ``channels`` that are down after ``entries``."""
    places = sounding(each.message for each in entries)
    return {(pedal, place) for pedal, found in enumerate(places) for place in found if place[0] in channels}


def _with_clock(events: Sequence[Event]) -> list[Event]:
    """Return the events with a start and clocks from the first to the last."""
    end_ns = events[-1].time_ns if events else 0
    clocks = [Event(round(number * NS_PER_S / CLOCKS_A_SECOND), CLOCK) for number in range(end_ns * CLOCKS_A_SECOND // NS_PER_S + 1)]
    return sorted([Event(0, START), *clocks, *events], key=lambda event: event.time_ns)
