"""perf-bench reconnect measures when notes pass again; no test says how soon that must be."""

import json

import pytest

from engine.base.command_line import run
from engine.commands.bench import app


@pytest.mark.jack
def test_notes_pass_again_when_a_port_is_back_and_nothing_hangs(jack_server, capfd):
    assert run(app, "perf-bench", ["reconnect", "--times", "1", "--longest", "0.1", "--json"]) == 0
    rows = json.loads(capfd.readouterr().out)["rows"]
    assert [(row["port"], row["away_s"], len(row["after_ms"]), row["stuck"]) for row in rows] == [
        ("input", 0.1, 1, 0),
        ("output", 0.1, 1, 0),
    ]
    assert all(row["after_ms"][0] > 0 for row in rows)
