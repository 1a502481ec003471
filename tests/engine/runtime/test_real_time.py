"""A thread that sends runs before others where it may; nothing else is changed."""

import os
import threading

import pytest
from sender_runs import DelayingPerformer, DelayingStream, WatchedSink, timeline

from engine.base.clock import MonotonicClock
from engine.midi.file import MidiTimeline
from engine.performers.passthrough.performer import PassthroughPerformer
from engine.performers.passthrough.stream import PassthroughStream
from engine.runtime.loop import Engine
from engine.runtime.real_time import PRIORITY, real_time
from engine.runtime.sources import FileSource

pytestmark = pytest.mark.skipif(not hasattr(os, "sched_setscheduler"), reason="the system has no such scheduling")


def policy() -> tuple[int, int]:
    return os.sched_getscheduler(0) & ~os.SCHED_RESET_ON_FORK, os.sched_getparam(0).sched_priority


def test_it_lasts_as_long_as_the_block_and_is_not_inherited():
    before, found = policy(), []
    with real_time() as permitted:
        assert policy() == ((os.SCHED_FIFO, PRIORITY) if permitted else before)
        thread = threading.Thread(target=lambda: found.append(policy()[0]))
        thread.start()
        thread.join()
    assert policy() == before and found == [os.SCHED_OTHER]


def test_not_where_there_is_one_core():
    cores = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {max(cores)})
    try:
        with real_time() as permitted:
            assert not permitted
    finally:
        os.sched_setaffinity(0, cores)


@pytest.mark.parametrize(("performer", "stream"), [(DelayingPerformer(), DelayingStream()), (PassthroughPerformer(), PassthroughStream())])
def test_the_thread_that_sends_has_it_and_the_report_says_so(performer, stream):
    with real_time() as permitted:
        pass
    clock, sink, found = MonotonicClock(), WatchedSink(), set()
    send = sink.send
    sink.send = lambda event: (send(event), found.add(policy()[0]))
    before = policy()
    report = Engine(FileSource(MidiTimeline(timeline(2)), clock), performer, stream, [sink], clock).run()
    assert report.real_time == permitted and policy() == before
    assert found == {os.SCHED_FIFO if permitted else os.SCHED_OTHER}
