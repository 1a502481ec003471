"""What JACK brings together came together, however long this process takes for it."""

import queue
import time

import pytest

from engine.base.clock import MonotonicClock
from engine.bench.periods.frames import FrameClient
from engine.midi.events import note_on
from engine.midi.ports import jack
from engine.midi.ports.port import Inbox, InputPort

CHORD = [note_on(0, key, 64) for key in range(60, 65)]
TAKES_S = 0.02  # for each note, far more than a period


class SlowQueue(queue.SimpleQueue):
    def put(self, item, *_):
        super().put(item)
        time.sleep(TAKES_S)


@pytest.mark.jack
def test_the_notes_of_one_period_have_one_time(jack_server):
    inbox = Inbox(MonotonicClock())
    inbox.queue = SlowQueue()
    port = InputPort("chord", inbox, "jack", virtual=True)
    chords: list[list[bytes]] = []
    keyboard = FrameClient("keyboard", lambda first, *_: [(first, note) for note in (chords.pop() if chords else [])])
    try:
        graph = jack.share_graph()
        heard_by = next(name for name in graph.ports(jack.PORT_IS_INPUT) if name.endswith(b":chord"))
        jack.give_back()
        keyboard.connect("keyboard:out", heard_by.decode())
        time.sleep(0.3)
        chords.append(CHORD)
        events = [inbox.queue.get(timeout=10) for _ in CHORD]
    finally:
        keyboard.close()
        port.close()
    assert [event.message for event in events] == CHORD
    assert events[-1].time_ns - events[0].time_ns < TAKES_S * 1e9, "the last one came when the first ones had been handed over"
