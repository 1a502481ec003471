"""Some seconds of what perf-bench soak does for hours: all four play side by side, and nothing is lost or hangs."""

import json

import pytest

from engine.base.command_line import run
from engine.bench.reliability.soak import thinned
from engine.bench.reliability.soaking.scenes import undisturbed
from engine.commands.bench import app

SECONDS = 6


@pytest.mark.jack
def test_live_duet_lookahead_and_score_lose_nothing_among_faults(jack_server, tmp_path, capfd):
    picture = tmp_path / "soak.png"
    assert run(app, "perf-bench", ["soak", "--seconds", str(SECONDS), "--picture", str(picture), "--json"]) == 0
    report = json.loads(capfd.readouterr().out)
    assert [each["name"] for each in report["played"]] == ["live", "duet", "look-ahead", "score"]
    for each in report["played"]:
        assert (each["name"], each["wrong"], each["status"], each["stuck"], each["unheard"]) == (each["name"], "", 0, 0, 0)
        assert [(point["lost"], point["stuck"]) for point in each["checkpoints"]] == [(0, 0)] * len(each["checkpoints"])
        assert each["checkpoints"][-1]["notes"] > 0
        assert (each["late_undisturbed"] is None) == (each["name"] == "look-ahead")
    assert picture.read_bytes().startswith(b"\x89PNG")


def test_only_waits_that_no_disturbance_touches_are_undisturbed():
    disturbances = [(100, 200), (300, 400)]
    waits = [(50, 60), (90, 110), (150, 160), (190, 250), (220, 280), (250, 350), (90, 500)]
    assert undisturbed(waits, disturbances) == [(50, 60), (220, 280)]


def test_a_long_run_is_shown_by_its_first_and_last_rows_and_some_between():
    assert thinned(list(range(5))) == list(range(5))
    assert thinned(list(range(71))) == [0, 10, 20, 30, 40, 50, 60, 70]
