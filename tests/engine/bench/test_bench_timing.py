"""Calls are timed after a warm-up and compared from beginning to end."""

from itertools import count, repeat

import pytest

from engine.bench.measuring import timing
from engine.bench.measuring.figures import Distribution


@pytest.fixture
def calls(monkeypatch: pytest.MonkeyPatch) -> list[None]:
    """Calls, each of which lasts a millisecond longer than the one before."""
    made: list[None] = []
    passed, moments = 0, count()

    def now_ns() -> int:
        nonlocal passed
        passed += next(moments) % 2 * len(made) * 1_000_000
        return passed

    monkeypatch.setattr(timing.time, "perf_counter_ns", now_ns)
    return made


def test_the_first_calls_do_not_count(calls: list[None]) -> None:
    assert timing.time_calls(lambda: calls.append(None), 3) == Distribution(3, 22.0, 22.98, 23.0)
    assert len(calls) == timing.WARM_UP_CALLS + 3


def test_paced_calls_are_apart(calls: list[None], monkeypatch: pytest.MonkeyPatch) -> None:
    slept: list[float] = []
    monkeypatch.setattr(timing.time, "sleep", slept.append)
    timed = timing.time_hot_and_paced(repeat(lambda: calls.append(None)), 3, 2)
    assert timed == timing.Timed(Distribution(3, 22.0, 22.98, 23.0), Distribution(2, 24.5, 24.99, 25.0))
    assert slept == [timing.PACE_S] * 2


def test_calls_of_two_kinds_take_turns(calls: list[None], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(timing.time, "sleep", lambda seconds: None)
    made: list[str] = []

    def call(kind: str) -> None:
        made.append(kind)
        calls.append(None)

    first, second = timing.time_in_turn([repeat(lambda: call("first")), repeat(lambda: call("second"))], 2, 1)
    assert made == ["first", "second"] * (timing.WARM_UP_CALLS + 3)
    assert first == timing.Timed(Distribution(2, 42.0, 42.98, 43.0), Distribution(1, 45.0, 45.0, 45.0))
    assert second == timing.Timed(Distribution(2, 43.0, 43.98, 44.0), Distribution(1, 46.0, 46.0, 46.0))


def test_the_last_tenth_is_compared_with_the_first(calls: list[None], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(timing, "resident_bytes", lambda process_id: 1_000_000 * len(calls))
    assert timing.compare_tenths(lambda: calls.append(None), 30) == timing.LongRun(30, None, 2.0, 29.0, 14.5, 26.0)
