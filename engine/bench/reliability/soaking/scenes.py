"""A player at one perf-live: scenes of random playing with a fault in each, after which everything is at rest and is counted."""

import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from random import Random

from engine.base.errors import PerfLiveError
from engine.bench.measuring.takes import CLOCK, NS_PER_S, phrases
from engine.bench.reliability.soaking.vitals import Vitals, vitals
from engine.bench.reliability.stage.between_ports import Stage, await_
from engine.bench.reliability.stage.log import Entry, compare
from engine.bench.reliability.stage.outcome import DEFECTS
from engine.midi.events import Event
from engine.midi.file import read_midi_file

SCENE_S = (3.0, 6.0)
REST_S = 6.0  # most that what was sent may take to be heard, beside the look-ahead
LATE_NS = 10_000_000  # what perf-live itself calls late
CLOCKS_A_SECOND = 48  # 120 quarters a minute, 24 clocks each (MIDI 1.0 detailed specification, system real-time messages)
START = b"\xfa"
TAKE = "take.mid"

Harm = Callable[[Stage, Random], None]


@dataclass(frozen=True)
class Act:
    """One perf-live of the soak, and what may happen to it. ``channel``: the keyboard's, 0 to 15; ``clock``: it sends MIDI clock too.

    ``typed``: lines that are typed at the beginning.
    """

    name: str
    arguments: tuple[str, ...]
    harms: Mapping[str, Harm]
    channel: int = 0
    lookahead_s: float = 0.0
    clock: bool = False
    typed: tuple[str, ...] = ()


@dataclass(frozen=True)
class Checkpoint:
    """How it stands when everything is at rest, counted from the beginning, ``time_s`` after it; ``fault`` was the last one."""

    time_s: float
    fault: str
    notes: int
    lost: int
    stuck: int
    late: int | None  # None with look-ahead, which moves onsets on purpose
    vitals: Vitals


@dataclass
class Played:
    """What came of an act. ``wrong``: what ended it before its time or was said that should not be; "" where nothing was."""

    name: str
    checkpoints: list[Checkpoint] = field(default_factory=list)
    status: int | None = None
    stuck: int = 0  # after the end
    unheard: int = 0  # note-ons of its recording that the observer did not hear
    wrong: str = ""


def _unheard(stage: Stage) -> int:
    """Return how many note-ons of the recording, of all that plays there, the observer did not hear."""
    take = stage.folder / TAKE
    kept = [Entry(event.time_ns, event.message) for event in read_midi_file(take).events] if take.exists() else []
    return compare(kept, stage.observer.entries()).lost


class Player:
    """Plays an act for so long in a thread of its own."""

    def __init__(self, act: Act, folder: Path, seconds: float, seed: int):
        self._act, self._seconds = act, seconds
        self._random = Random(f"{seed} {act.name}")
        self.played = Played(act.name)
        folder.mkdir()
        self._stage = Stage(folder, f"soak-{act.name}")
        self._thread = threading.Thread(target=self._run, name=act.name)
        self._thread.start()

    def join(self) -> Played:
        self._thread.join()
        return self.played

    def _run(self) -> None:
        with self._stage as stage:
            try:
                run = stage.live(*self._act.arguments, "--record", stage.folder / TAKE)
                stage.await_connection()
                for line in self._act.typed:
                    run.type(line)
                self._play_scenes()
                self.played.status = run.stop().status
            except PerfLiveError as error:
                self.played.wrong = str(error)
            ended = stage.said()
            defects = [line for line in ended.errors if any(defect in line for defect in DEFECTS)]
            self.played.wrong = self.played.wrong or (defects[0] if defects else "")
            stage.await_silence(REST_S)
            delivered = stage.delivered()  # on all channels: what others play, as well
            self.played.stuck = delivered.stuck + delivered.pedals
            self.played.unheard = _unheard(stage)

    def _play_scenes(self) -> None:
        begun_s = time.monotonic()
        while (passed_s := time.monotonic() - begun_s) < self._seconds:
            name, harm = self._random.choice(list(self._act.harms.items()))
            self._play(min(self._random.uniform(*SCENE_S), self._seconds - passed_s), harm)
            self._stage.await_heard(REST_S + self._act.lookahead_s)
            await_(lambda: not self._sounding(), None, REST_S + self._act.lookahead_s)
            self._check(time.monotonic() - begun_s, name)

    def _play(self, seconds: float, harm: Harm) -> None:
        """Play phrases; the fault happens in the middle of them, and what was to be played meanwhile is played right after it."""
        own = phrases(seconds, self._random.randrange(2**32))
        events = [event._replace(message=bytes((event.message[0] | self._act.channel, *event.message[1:]))) for event in own]
        if self._act.clock:
            events = _with_clock(events)
        begun_ns, middle = time.monotonic_ns(), len(events) // 2
        for index, event in enumerate(events):
            if index == middle:
                harm(self._stage, self._random)
            time.sleep(max(0, begun_ns + event.time_ns - time.monotonic_ns()) / NS_PER_S)
            self._stage.keys.send(event.message)

    def _sounding(self) -> int:
        """Return how many notes and pedals of the keyboard's channel are down."""
        delivered = self._stage.delivered([self._act.channel])
        return delivered.stuck + delivered.pedals

    def _check(self, time_s: float, fault: str) -> None:
        delivered = self._stage.delivered([self._act.channel])
        late = None if self._act.lookahead_s else sum(delay > LATE_NS for delay in delivered.delays_ns)
        stuck = self._sounding()
        seen = vitals(self._stage.live_run.process_id)
        self.played.checkpoints.append(Checkpoint(round(time_s, 1), fault, delivered.sent, delivered.lost, stuck, late, seen))


def _with_clock(events: Sequence[Event]) -> list[Event]:
    """Return the events with a start and clocks from the first to the last."""
    end_ns = events[-1].time_ns if events else 0
    clocks = [Event(round(number * NS_PER_S / CLOCKS_A_SECOND), CLOCK) for number in range(end_ns * CLOCKS_A_SECOND // NS_PER_S + 1)]
    return sorted([Event(0, START), *clocks, *events], key=lambda event: event.time_ns)
