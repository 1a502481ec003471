"""A run in this process that is played and looked at by a test."""

import threading
import time
from contextlib import contextmanager

from engine_runs import ObservedSink

from engine.base.clock import MonotonicClock
from engine.midi.events import Event
from engine.midi.ports.port import Inbox
from engine.output.endpoints import Opened
from engine.output.viewing.channel import Channel
from engine.performers.passthrough.performer import PassthroughPerformer
from engine.performers.setup import Setup
from engine.runtime.sources import PortSource
from engine.runtime.steering.requests import Asker
from engine.session import Session

LIMIT_S = 20


class Keyboard:
    """An input port that is played by the test."""

    def __init__(self, clock):
        shared = Inbox(clock)
        self.inbox, self.hear, self._clock = shared.queue, shared.hear, clock

    def play(self, *messages):
        for message in messages:
            self.hear(Event(self._clock.now_ns(), message))

    def close(self):
        pass


class Run:
    """A session in a thread of its own, and its channel."""

    def __init__(self, session, channel, keyboard):
        self.session, self.channel, self.keyboard = session, channel, keyboard
        self.viewer = channel.viewer()

    def ask(self, line):
        """Ask for something; return the answer when it was carried out."""
        answers, answered = [], threading.Event()
        answer = Asker(*[lambda line: (answers.append(line), answered.set())] * 2)
        self.session.steering.post(line.split(), answer)
        assert answered.wait(LIMIT_S)
        return answers[0]

    def look_until(self, condition, viewer=None):
        """Return all snapshots up to the first of which it is true."""
        seen, end_s = [], time.monotonic() + LIMIT_S
        while not (seen and condition(seen[-1])):
            assert time.monotonic() < end_s, f"not shown: {seen[-1:]}"
            snapshot = (viewer or self.viewer).look(LIMIT_S)
            assert snapshot, "nothing new was shown"
            seen.append(snapshot)
        return seen


@contextmanager
def playing(performer=None, seed=0):
    clock = MonotonicClock()
    keyboard, sink = Keyboard(clock), ObservedSink(clock)
    source = PortSource(keyboard, clock)
    session = Session(Setup(performer or PassthroughPerformer(), seed), source, [sink], clock)
    channel = Channel(session.rig, Opened(source, "Keyboard", [sink], ["Module"]))
    player = threading.Thread(target=session.run)
    with channel.opened():
        player.start()
        try:
            yield Run(session, channel, keyboard)
        finally:
            session.stop()
            player.join(LIMIT_S)
    assert not player.is_alive()
