"""Runs that are told things while they play: at stated times of the music, on a virtual clock or in real time."""

from collections.abc import Sequence

from engine_runs import ObservedSink

from engine.base.clock import Clock, VirtualClock
from engine.midi.events import Event
from engine.midi.file import MidiTimeline
from engine.performers.setup import Setup
from engine.runtime.loop import Engine, Report
from engine.runtime.sources import FileSource
from engine.runtime.steering.requests import Asker, Steering
from engine.runtime.steering.rig import Rig


class SteeredSource(FileSource):
    """A file; ``requests`` are posted when their times have come, and answered into ``said`` and ``refused``."""

    def __init__(self, events: list[Event], clock: Clock, requests: Sequence[tuple[int, str]]):
        super().__init__(MidiTimeline(events), clock)
        self.said: list[str] = []
        self.refused: list[str] = []
        self._requests = list(requests)
        self._steering: Steering | None = None

    def steer(self, steering: Steering) -> None:
        self._steering = steering

    def receive(self, until_ns: int | None) -> Event | None:
        next_ns = self._start_ns + self._events[self._next].time_ns if not self.exhausted else self._clock.now_ns() + 10**12
        due_ns = next_ns if until_ns is None else min(next_ns, until_ns)
        if self._requests and self._start_ns + self._requests[0][0] <= due_ns:
            time_ns, line = self._requests.pop(0)
            self._clock.sleep_until(self._start_ns + time_ns)
            assert self._steering
            self._steering.post(line.split(), Asker(self.said.append, self.refused.append))
            return None
        return super().receive(until_ns)

    @property
    def exhausted(self) -> bool:
        return super().exhausted and not self._requests

    def upcoming(self) -> list[Event]:
        return []


def steer(events, requests, performer, others=(), clock=None, **options) -> tuple[Report, ObservedSink, SteeredSource, Engine]:
    """Play ``events`` through a performer while it is told ``requests``, by time; ``others`` may be exchanged for it, by name."""
    clock = clock or VirtualClock()
    sink, source = ObservedSink(clock), SteeredSource(events, clock, requests)
    engine = Engine(source, performer, performer.create_stream(0, {}), [sink], clock, **options)
    rig = Rig(engine, Setup(performer), source, [sink])
    named = {each.name: each for each in others}
    rig.let_exchange(lambda name, lookahead_s: Setup(named[name]))
    source.steer(rig.steering)
    if isinstance(clock, VirtualClock):  # which waits for no thread
        rig.steering.do_in_background = lambda work, then, asker: asker.acknowledge(then(work()))
    return engine.run(), sink, source, engine
