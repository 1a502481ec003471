"""What tests of sending share: a performer that delays, a sink that tells which thread sent, and notes."""

import threading

from engine.base.errors import PerfLiveError
from engine.midi.events import Event, note_off, note_on
from engine.performers.passthrough.stream import PassthroughStream
from engine.runtime.sinks import CollectingSink

LATENCY_NS = 150_000_000


class DelayingPerformer:
    name, controls, latency_ns = "delaying", (), LATENCY_NS


class DelayingStream(PassthroughStream):
    """Delays everything by its look-ahead; ``thinking`` is called at every event, as a network would be."""

    def __init__(self, thinking=lambda event: None):
        self._thinking = thinking

    def feed(self, event, late=False):
        self._thinking(event)
        return [event._replace(time_ns=event.time_ns + LATENCY_NS)]


class WatchedSink(CollectingSink):
    """Also keeps which threads sent to it, and how it ended; it does not take the message ``refuse``."""

    def __init__(self, refuse=None):
        super().__init__()
        self.threads, self.ended, self._refuse = set(), None, refuse

    def send(self, event):
        if self._refuse and event.message == self._refuse:
            raise PerfLiveError("the sink is gone")
        super().send(event)
        self.threads.add(threading.current_thread().name)

    def close(self):
        self.ended = "closed"

    def abort(self):
        self.ended = "aborted"


def timeline(notes=6, spacing_ns=20_000_000):
    events = []
    for number in range(notes):
        onset_ns = number * spacing_ns
        events += [Event(onset_ns, note_on(0, 60 + number, 64)), Event(onset_ns + 10_000_000, note_off(0, 60 + number))]
    return events
