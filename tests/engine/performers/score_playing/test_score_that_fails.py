"""A performer of scores whose model answers NaN in the middle of one: said once, and the note is played as it is written."""

import queue
import threading
import time

import pytest
import synthetic_score_performer
from score_playing import melody

from engine.base.clock import MonotonicClock
from engine.midi.events import is_note_off, is_note_on
from engine.onnx import model
from engine.performers.registry import load_performer
from engine.runtime.guarding import guard
from engine.runtime.loop import Engine
from engine.runtime.sinks import CollectingSink
from engine.runtime.sources import PortSource

PATIENCE_S = 60


class Silence:
    """An input that nobody plays."""

    def __init__(self):
        self.inbox = queue.SimpleQueue()

    def close(self):
        pass


@pytest.fixture
def broken_once(monkeypatch):
    """What is told how many notes have been sent; the first answer after three of them is not a number."""
    sent, check, broken = [], model._check_finite, []

    def break_once(outputs, path):
        if len(sent) > 3 and not broken:
            broken.append(path)
            next(iter(outputs.values()))[...] = float("nan")
        check(outputs, path)

    monkeypatch.setattr(model, "_check_finite", break_once)
    return sent, broken


def test_a_score_whose_model_answers_nan_in_the_middle_is_played_to_its_end(broken_once, monkeypatch, tmp_path):
    said, (sent, broken) = [], broken_once
    monkeypatch.setattr(guard, "say", said.append)
    performer = load_performer("score-performer", synthetic_score_performer.write_models(tmp_path))
    stream, clock, sink = performer.perform_score(melody(bars=2), 0, {"tempo": 4}, ahead=True), MonotonicClock(), CollectingSink()
    sink.sent = sent
    stream.start(clock.now_ns())
    engine = Engine(PortSource(Silence(), clock), performer, stream, [sink], clock, score=True)
    playing = threading.Thread(target=engine.run, daemon=True)
    playing.start()
    deadline_s = time.monotonic() + PATIENCE_S
    while not stream.ended and time.monotonic() < deadline_s:
        time.sleep(0.05)
    engine.stop()
    playing.join(PATIENCE_S)
    assert stream.ended and broken
    assert len(said) == 1 and "the model's output 'logits' is no finite number" in said[0] and "the music goes on without" in said[0]
    assert (engine.report().failures, stream.counts.failed) == (0, 1)
    assert sum(is_note_on(event.message) for event in sent) == sum(is_note_off(event.message) for event in sent) == 10
