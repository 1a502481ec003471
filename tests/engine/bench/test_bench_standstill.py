"""What the machine was late by is told apart from what the engine was late by. No speed is tested."""

import json
import signal
import subprocess
import sys
import time

import pytest

from engine.bench.measuring import standstill
from engine.bench.measuring.lateness import PERF_LIVE_TELLING_LATE, tell_late_events
from engine.bench.measuring.programs import Program, may_schedule_in_real_time
from engine.bench.measuring.standstill import Standstill, united, watched_cores
from engine.midi.events import Event
from engine.runtime.scheduler import LATE_NS, Scheduler

MS = 1_000_000


def test_intervals_of_all_cores_are_united() -> None:
    assert united([(5, 8), (1, 3), (2, 4), (8, 9), (20, 21)]).tolist() == [[1, 4], [5, 9], [20, 21]]
    assert united([]).shape == (0, 2)


def test_only_the_time_in_which_the_machine_stood_still_is_taken_off() -> None:
    still = Standstill(united([(0, 10 * MS), (50 * MS, 90 * MS)]))
    assert (still.count, still.longest_ms, still.total_s) == (2, 40.0, 0.05)
    assert still.within_ns(5 * MS, 60 * MS) == 15 * MS
    assert still.within_ns(10 * MS, 50 * MS) == 0
    assert still.within_ns(200 * MS, 300 * MS) == 0
    delays = [(45 * MS, 94 * MS), (45 * MS, 96 * MS), (20 * MS, 29 * MS), (100 * MS, 111 * MS)]
    assert still.late(delays, 10 * MS) == 2  # the second by 11 ms, and the last, when all cores ran


@pytest.fixture
def any_priority(monkeypatch: pytest.MonkeyPatch) -> None:
    """Watch, even where the system does not permit real time."""
    if not may_schedule_in_real_time():
        monkeypatch.setattr(standstill, "may_schedule_in_real_time", lambda: True)
        monkeypatch.setattr(standstill, "WATCH", "import os; os.sched_setscheduler = lambda *_: None; " + standstill.WATCH)


def test_a_watch_that_is_stopped_says_when(any_priority: None, monkeypatch: pytest.MonkeyPatch) -> None:
    watches: list[Program] = []

    class Kept(Program):
        def __enter__(self) -> Program:
            watches.append(self)
            return super().__enter__()

    monkeypatch.setattr(standstill, "Program", Kept)
    with watched_cores() as found:
        begin_ns = time.monotonic_ns()
        _signal(watches[0], signal.SIGSTOP)
        time.sleep(0.1)
        end_ns = time.monotonic_ns()
        _signal(watches[0], signal.SIGCONT)
        time.sleep(0.05)
    assert found is not None
    assert found.within_ns(begin_ns, end_ns) > (end_ns - begin_ns) * 0.8


def test_without_leave_nothing_is_watched(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(standstill, "may_schedule_in_real_time", lambda: False)
    with watched_cores() as found:
        assert found is None


def test_late_events_are_told_after_perf_live_has_ended(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit), tell_late_events():
        scheduler = Scheduler()
        for due_ns, sent_ns in ((0, LATE_NS), (7, LATE_NS + 8), (9, 9)):
            scheduler.account(Event(due_ns, b"\xf8"), sent_ns)
        print("stopped")
        raise SystemExit(0)
    said, late = capsys.readouterr().out.splitlines()
    assert (said, json.loads(late)) == ("stopped", [[7, LATE_NS + 8]])


def test_perf_live_that_tells_what_was_late_is_perf_live() -> None:
    command = [sys.executable, "-c", PERF_LIVE_TELLING_LATE, "--in", "no.mid", "--out", "x.mid"]
    ended = subprocess.run(command, capture_output=True, text=True)
    assert (ended.returncode, ended.stdout) == (1, "[]\n") and "no.mid" in ended.stderr


def _signal(program: Program, number: int) -> None:
    program._process.send_signal(number)
