"""perf-bench kills: a small catalogue that is killed at random goes on to the same files and the same account, and what differs is told."""

import json

from engine.bench.rendering import kills


def test_what_is_killed_again_and_again_ends_in_the_same_bytes(monkeypatch, capsys):
    monkeypatch.setattr(kills, "LENGTHS", (1500, 30, 30, 30, 30, 30))
    report = kills.measure(files=6, jobs=2, times=2, seed=892)  # all is killed after 75% of the time, then a worker
    assert sum(report.killed.values()) == 2 and report.ends
    assert set(report.killed) <= {kills.ALL, kills.PROGRAM, kills.WORKER}
    assert (report.different, report.told_differently, report.notes) == ([], [], 1650)
    kills.print_table(report)
    assert "files that differ" in capsys.readouterr().out


def test_a_file_that_is_missing_left_over_or_of_other_bytes_differs():
    expected, found = {"same": b"1", "other": b"1", "missing": b"1"}, {"same": b"1", "other": b"2", "left_over": b"1"}
    assert kills._differences(expected, found) == ["left_over", "missing", "other"]


def test_of_the_account_only_the_seconds_and_the_order_may_differ(tmp_path):
    lines = [{"input": name, "notes": 3, "seconds": 1.5, "error": ""} for name in "ab"]
    for folder, written in (("one", lines), ("two", [{**line, "seconds": 2.5} for line in reversed(lines)]), ("twice", [*lines, lines[0]])):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / kills.ACCOUNT).write_text("".join(json.dumps(line) + "\n" for line in written))
    told = {folder: kills._told(tmp_path / folder) for folder in ("one", "two", "twice")}
    assert told["one"] == told["two"] and kills._differences(told["one"], told["twice"]) == ["a"]
