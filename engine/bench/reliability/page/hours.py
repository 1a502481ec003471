"""Hours of playing in minutes: the engine on a clock that goes as fast as it can, its snapshots, and a page that Chromium draws.

Phrases of a pianist with pedal and rests, one minute after another, none of which is kept; every minute a control is set, so that lines are
answered. The page is told thirty times a second what has happened meanwhile, and has as much to take as in all those hours.
"""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from itertools import count

from engine.base.clock import VirtualClock
from engine.base.errors import PerfLiveError
from engine.bench.measuring.takes import phrases
from engine.bench.reliability.viewing import in_browser
from engine.midi.events import Event, is_note_on
from engine.midi.file import MidiTimeline
from engine.output.endpoints import Opened
from engine.output.viewing.channel import Channel
from engine.output.viewing.page.address import bind
from engine.output.viewing.page.program import served
from engine.performers.setup import Wanted
from engine.runtime.sources import FileSource
from engine.runtime.steering.requests import NOBODY, Steering
from engine.session import Session
from engine.systems import System

MINUTE_S, MINUTE_NS = 60, 60_000_000_000


class Hours(FileSource):
    """Minutes of phrases, made one after another, as many as there are to be, at ``pace`` times the speed of the machine's clock."""

    def __init__(self, minutes: int, pace: float, clock: VirtualClock):
        super().__init__(MidiTimeline(), clock)
        self._coming = _minutes(minutes)
        self._pace = pace
        self.minute = self.notes = 0
        self.steering: Steering | None = None  # is told something every minute
        self._begin_s = time.monotonic()
        self._turn()

    @property
    def exhausted(self) -> bool:
        return super().exhausted and not self._events

    def receive(self, until_ns: int | None) -> Event | None:
        event = super().receive(until_ns)
        if event is not None:
            self.notes += is_note_on(event.message)
            time.sleep(max(self._begin_s + (event.time_ns - self._start_ns) / 1e9 / self._pace - time.monotonic(), 0))
            if super().exhausted:
                self._turn()
        return event

    def _turn(self) -> None:
        """Go on to the next minute."""
        self._events = next(self._coming, [])
        self._next = self._shown = 0
        self.minute += 1
        if self.steering:
            self.steering.post(["status"], NOBODY)


def _minutes(minutes: int) -> Iterator[list[Event]]:
    for number in range(minutes):
        if events := phrases(MINUTE_S, number):
            yield [event._replace(time_ns=event.time_ns + number * MINUTE_NS) for event in events]


def simulate(seconds: float, pace: float, system: System, look: Callable[[float, int], None]) -> int:
    """Play for so many seconds of the music; ``look`` learns every minute of it how many have passed, and the process id of the browser.

    Returns how many notes were played. Raises PerfLiveError when a program fails.
    """
    clock, setup = VirtualClock(), Wanted(system).load()
    source = Hours(max(round(seconds / MINUTE_S), 1), pace, clock)
    session = Session(setup, source, [], clock)
    source.steering = session.steering
    channel, address = Channel(session.rig, Opened(source, "phrases")), bind(0)
    player = threading.Thread(target=session.run, name="player", daemon=True)
    with ExitStack() as stack:
        stack.enter_context(address.endpoint)
        stack.enter_context(channel.opened())
        stack.enter_context(served(channel, session.steering, address))
        browser = stack.enter_context(in_browser(address.url))
        stack.callback(session.stop)
        player.start()
        for minute in count():
            while player.is_alive() and source.minute <= minute:
                time.sleep(0.01)
            if not player.is_alive():
                break
            if browser.poll() is not None:
                raise PerfLiveError(f"the browser has ended with status {browser.returncode}")
            look(minute * MINUTE_S, browser.pid)
    return source.notes
