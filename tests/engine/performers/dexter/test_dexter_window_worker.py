"""Windows that are computed ahead in a worker: the same as one by one, and none is lost or kept too long."""

import gc
import os
import sys
import threading
import time
from types import SimpleNamespace

import numpy as np
import pytest
from score_playing import melody, play
from synthetic_dexter import write_models

from engine.base.errors import PerfLiveError
from engine.performers.dexter.performer import load_performer
from engine.performers.dexter.window_worker import Route, WindowWorker
from engine.performers.score_playing.columns import playback_columns
from models.dexter.representation import Settings


@pytest.fixture(scope="module")
def performer(tmp_path_factory):
    return load_performer(write_models(tmp_path_factory.mktemp("models")), None)


def sampler_of(performer, score):
    return performer.sampler(score.notes, playback_columns(score), 0)


WRITTEN = np.zeros((200, 8), np.float32)
PLAIN, WILD, CALM = (Settings(evaluations=2, temperature=temperature) for temperature in (0.5, 1.5, 0))


def take_ready(worker):
    while (window := worker.take()) is None:
        time.sleep(0.001)
    return window


def one_by_one(sampler, steps):
    """Return windows, each computed when its time has come; ``steps`` are the notes to begin at, or None to go on, and settings."""
    state, windows = None, []
    for first, settings in steps:
        window, state = sampler.next(state if first is None else sampler.begin(first), settings)
        windows.append(window)
    return windows


def assert_same_windows(some, others):
    assert [window.first_note for window in some] == [window.first_note for window in others]
    for one, other in zip(some, others, strict=True):
        np.testing.assert_array_equal(one.columns, other.columns)


@pytest.mark.parametrize("waits", [False, True])
def test_windows_computed_ahead_are_the_same(performer, waits):
    sampler = sampler_of(performer, melody().score)
    worker = WindowWorker(sampler, WRITTEN, waits)
    worker.begin(Route(10, 200), PLAIN)
    ahead = [take_ready(worker) for _ in range(4)]
    worker.close()
    assert_same_windows(ahead, one_by_one(sampler_of(performer, melody().score), [(10, PLAIN), *[(None, PLAIN)] * 3]))
    assert worker.counts.windows == 4 and worker.counts.evaluations == sum(window.evaluations for window in ahead) > 0


def test_what_is_waited_for_is_as_if_computed_when_taken(performer):
    """Whatever changes on the way, and however much was computed before that."""
    sampler, computed = sampler_of(performer, melody().score), threading.Semaphore(0)
    worker = WindowWorker(sampler, WRITTEN, waits=True)
    worker.on_window = lambda window: computed.release()
    worker.begin(Route(0, 144, again=48), PLAIN)
    taken = [worker.take() for _ in range(2)]
    for _ in range(4):  # so that there is something to drop
        assert computed.acquire(timeout=10)
    worker.change(WILD, keep=True)
    taken += [worker.take() for _ in range(2)]
    snapshot = worker.snapshot()
    worker.change(CALM, keep=False)
    taken.append(worker.take())
    worker.leave_loop(200)
    taken.append(worker.take())
    worker.restore(snapshot)
    taken += [worker.take() for _ in range(3)]
    worker.begin(Route(100, 200), PLAIN)
    taken.append(worker.take())
    worker.close()
    sampler = sampler_of(performer, melody().score)  # which nobody has read ahead for
    looped = [(0, PLAIN), (None, PLAIN), (None, WILD), (48, WILD)]
    expected = one_by_one(sampler, [*looped, (None, CALM), (None, CALM)])
    expected += one_by_one(sampler, [*looped, (None, WILD), (48, WILD), (None, WILD)])[4:]
    assert_same_windows(taken, [*expected, *one_by_one(sampler, [(100, PLAIN)])])
    assert worker.counts.windows == 10 and worker.counts.reduced == 0


def test_the_next_window_is_kept_if_it_is_there_and_asked_for_in_time(performer):
    sampler, computed = sampler_of(performer, melody().score), threading.Semaphore(0)
    worker = WindowWorker(sampler, WRITTEN, waits=False)
    worker.on_window = lambda window: computed.release()
    worker.begin(Route(0, 200), PLAIN)
    for _ in range(2):
        assert computed.acquire(timeout=10)
    worker.change(WILD, keep=True)
    taken = [take_ready(worker) for _ in range(2)]
    worker.close()
    assert_same_windows(taken, one_by_one(sampler, [(0, PLAIN), (None, WILD)]))


def fail(*_):
    raise PerfLiveError("the network is gone")


@pytest.mark.parametrize("failing", ["next", "read_ahead"])
def test_a_worker_that_fails_says_so_on_files(failing):
    empty = np.zeros((0, 8), np.float32)
    state = SimpleNamespace(next_note=0, columns=empty)
    does = {"begin": lambda first=0: state, "next": lambda *_: (None, state), "read_ahead": lambda first: 5}
    broken = SimpleNamespace(**(does | {failing: fail}))
    worker = WindowWorker(broken, empty, waits=True)
    worker.begin(Route(0, 5), Settings())
    for _ in range(2):
        with pytest.raises(PerfLiveError, match="the network is gone"):
            take_ready(worker)
    worker.close()


def test_live_the_notes_of_a_worker_that_fails_are_as_written(performer):
    sampler = sampler_of(performer, melody().score)
    worker = WindowWorker(SimpleNamespace(begin=sampler.begin, next=fail, carry=sampler.carry), WRITTEN, waits=False)
    worker.begin(Route(0, len(WRITTEN)), PLAIN)
    windows = [take_ready(worker) for _ in range(3)]
    worker.close()
    columns = np.concatenate([window.columns for window in windows])
    assert windows[0].first_note == 0 and np.array_equal(columns, WRITTEN[: len(columns)])
    assert (worker.counts.windows, worker.counts.failed, worker.counts.carried) == (0, 3, 3)
    assert str(worker.counts.failure) == "the network is gone"


@pytest.mark.skipif(sys.platform != "linux", reason="threads have no priorities of their own")
def test_the_worker_gives_way_to_what_is_sent(performer):
    sampler, asked = sampler_of(performer, melody().score), []

    def note_priority(*arguments):
        asked.append(os.getpriority(os.PRIO_PROCESS, threading.get_native_id()))
        return sampler.next(*arguments)

    worker = WindowWorker(SimpleNamespace(begin=sampler.begin, next=note_priority), WRITTEN, waits=False)
    worker.begin(Route(0, len(WRITTEN)), PLAIN)
    take_ready(worker)
    worker.close()
    assert asked[0] > os.getpriority(os.PRIO_PROCESS, threading.get_native_id())


def test_a_worker_that_nobody_holds_ends(performer):
    stream = performer.perform_score(melody(), 0, {}, ahead=False)
    play(stream)
    worker = stream.interpretation.worker._worker._thread
    assert worker.is_alive()
    del stream
    gc.collect()
    worker.join(10)
    assert not worker.is_alive()


def test_for_files_the_window_after_the_one_that_is_computed_is_read_meanwhile(performer):
    sampler, read, go_on = sampler_of(performer, melody().score), [], threading.Event()

    def read_ahead(first):
        read.append((first, threading.current_thread().name))
        if len(read) == 2:
            go_on.set()
        return sampler.read_ahead(first)

    def late(*arguments):
        assert go_on.wait(10)  # the first window waits for the second to be read
        return sampler.next(*arguments)

    worker = WindowWorker(SimpleNamespace(begin=sampler.begin, next=late, read_ahead=read_ahead), WRITTEN, waits=True)
    worker.begin(Route(0, 200), PLAIN)
    windows = [worker.take() for _ in range(4)]
    worker.close()
    assert [first for first, _ in read] == [window.first_note for window in windows] == [0, 48, 96, 144]
    assert {name for _, name in read} == {"reading ahead"}


def test_a_window_that_was_under_way_when_the_route_changed_is_dropped(performer):
    sampler, begun, go_on = sampler_of(performer, melody().score), threading.Event(), threading.Event()

    def slow(state, settings):
        begun.set()
        go_on.wait(10)
        return sampler.next(state, settings)

    worker = WindowWorker(SimpleNamespace(begin=sampler.begin, next=slow), WRITTEN, waits=False)
    worker.begin(Route(0, 200), Settings())
    begun.wait(10)
    worker.begin(Route(100, 200), Settings())
    go_on.set()
    window = take_ready(worker)
    worker.close()
    assert window.first_note == 100
