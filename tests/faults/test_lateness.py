"""perf-bench lateness puts what perf-live says of its lateness beside what an observer heard."""

import json

import pytest

from engine.base.command_line import run
from engine.bench.measuring.machine import Machine
from engine.bench.reliability.lateness import ALONE, Wait, _report
from engine.commands.bench import app

MS = 1_000_000


@pytest.mark.jack
def test_every_event_is_compared(jack_server, capfd):
    assert run(app, "perf-bench", ["lateness", "--seconds", "1", "--json"]) == 0
    report = json.loads(capfd.readouterr().out)
    assert report["events"]["as a pianist"] > 50
    assert report["events"]["all keys at once"] == 10 * 2 * 88
    assert all(figure["perf_live"] >= 0 for figure in report["figures"])
    assert "played" in report["says"]


def test_what_jack_takes_is_taken_off_what_the_observer_hears():
    played = {ALONE: [Wait(0, 2 * MS)] * 3, "piece": [Wait(1 * MS, 3 * MS), Wait(11 * MS, 12.5 * MS), Wait(12 * MS, 15 * MS)]}
    report = _report(Machine("", 1, "", "", 0.0), played, "")
    found = {figure.name: (figure.perf_live, figure.observer) for figure in report.figures}
    assert found == {
        "more than 10 ms late": (2, 2),
        "the median": (11, 10.5),
        "of 99 of 100, at most": (12, 13),
        "the longest": (12, 13),
    }
    assert (report.way_ms, report.events) == (2, {"piece": 3})
