"""Nonsense as input: some of it here, 100,000 cases by perf-bench fuzz; and that a case that crashes or hangs is found out."""

import json
from collections import Counter
from random import Random

import pytest

from engine.base.command_line import run
from engine.bench.reliability import fuzz
from engine.bench.reliability.fuzzing import worker
from engine.bench.reliability.fuzzing.damage import damaged, damaged_text, damaged_xml
from engine.bench.reliability.fuzzing.kinds import KINDS, kind_of, make_case
from engine.bench.reliability.fuzzing.seeds import of_suffix
from engine.commands.bench import app

CASES = 200

# A worker whose cases fail in all the ways that there are, one after the other.
WORKER = r"""
import os, pathlib, sys, threading, time
from dataclasses import replace
from engine.base.errors import PerfLiveError
from engine.bench.reliability.fuzzing import kinds, worker

def two_lines(): raise PerfLiveError("two\nlines")
def refuse(): raise PerfLiveError("no")
def defect(): raise IndexError("so far")
def hang(): time.sleep(60)
def thread():
    started = threading.Thread(target=lambda: 1 / 0)
    started.start()
    started.join()

WAYS = [os.abort, thread, hang, defect, two_lines, refuse, int]
runs = pathlib.Path(__file__).with_name("runs")

def bad(path):
    number = len(runs.read_bytes()) if runs.exists() else 0
    with runs.open("ab") as file:
        file.write(b".")
    WAYS[number]()

kinds.KINDS["preset"] = replace(kinds.KINDS["preset"], run=bad)
worker.main()
"""


def test_nonsense_is_taken_or_refused_in_one_line(tmp_path, capfd):
    assert run(app, "perf-bench", ["fuzz", "--cases", str(CASES), "--keep", str(tmp_path / "kept"), "--json"]) == 0
    report = json.loads(capfd.readouterr().out)
    assert report["failures"] == []
    assert sum(sum(counts.values()) for counts in report["counts"].values()) == CASES
    assert all(report["counts"][kind] for kind in KINDS if KINDS[kind].share > 1 / 50)
    assert not (tmp_path / "kept").exists()


@pytest.mark.parametrize("kind", [kind for kind in KINDS if KINDS[kind].share <= 1 / 50])
def test_so_is_what_takes_long_and_is_rare_among_them(kind, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for number in range(2):
        assert worker._run(kind, make_case(kind, 0, number), tmp_path, [])[0] in (worker.OK, worker.REFUSED)


def test_kinds_take_turns_as_often_as_their_shares_say():
    counts = Counter(map(kind_of, range(10_000)))
    total = sum(kind.share for kind in KINDS.values())
    assert {kind: round(counts[kind] / 10_000, 3) for kind in KINDS} == pytest.approx(
        {name: kind.share / total for name, kind in KINDS.items()}, abs=0.001
    )


def test_a_run_that_is_interrupted_reports_what_it_has_done(tmp_path):
    def interrupt(stage):
        if stage.startswith("5 of"):
            raise KeyboardInterrupt

    report = fuzz.measure(10_000, keep=tmp_path / "kept", only="value", on_stage=interrupt)
    assert sum(report.counts["value"].values()) == 5


def test_a_case_that_fails_is_named_and_kept_and_the_others_go_on(tmp_path, monkeypatch):
    (tmp_path / "worker.py").write_text(WORKER)
    monkeypatch.setattr(fuzz, "WORKER", (str(tmp_path / "worker.py"),))
    monkeypatch.setattr(fuzz, "LONGEST_S", 5.0)
    monkeypatch.setattr(fuzz.os, "cpu_count", lambda: 1)
    report = fuzz.measure(7, keep=tmp_path / "kept", only="preset")
    assert report.counts == {"preset": {"crash": 1, "hang": 1, "defect": 3, "refused": 1, "ok": 1}}
    failures = [(failure.number, failure.verdict) for failure in report.failures]
    assert failures == [(0, "crash"), (1, "defect"), (2, "hang"), (3, "defect"), (4, "defect")]
    said = " | ".join(failure.line for failure in report.failures)
    for fragment in ("status -6", "in a thread: ZeroDivisionError", "longer than 5 s", "so far (worker.py", "not one line: two"):
        assert fragment in said
    assert {path.name for path in (tmp_path / "kept").glob("*.yaml")} == {f"preset-0-{number}.yaml" for number in range(5)}
    for number in range(5):
        kept = tmp_path / "kept" / f"preset-0-{number}.yaml"
        assert kept.read_bytes() == make_case("preset", 0, number), "the input of another case was kept"


@pytest.mark.parametrize("suffix", [".mid", ".musicxml", ".mei", ".krn", ".abc", ".yaml"])
def test_damage_is_the_same_for_the_same_seed_and_differs_for_others(suffix):
    whole = of_suffix(suffix)[0]
    assert damaged(whole, Random(3)) == damaged(whole, Random(3))
    assert len({damaged(whole, Random(seed)) for seed in range(20)}) > 10
    if suffix != ".mid":
        assert len({damaged_text(whole.decode(), Random(seed)) for seed in range(20)}) > 10


def test_damaged_xml_stays_well_formed_more_often_than_not():
    from lxml import etree

    def parses(text):
        try:
            etree.fromstring(text.encode(), etree.XMLParser(huge_tree=True))
        except etree.XMLSyntaxError:
            return False
        return True

    whole = of_suffix(".musicxml")[0].decode()
    assert parses(whole)
    assert sum(parses(damaged_xml(whole, Random(seed))) for seed in range(40)) > 20


@pytest.mark.parametrize("kind", [kind for kind in KINDS if KINDS[kind].suffix != ".json"])
def test_what_is_damaged_was_taken_while_it_was_whole(tmp_path, kind):
    path = tmp_path / f"whole{KINDS[kind].suffix}"
    path.write_bytes(of_suffix(KINDS[kind].suffix)[0])
    KINDS[kind].run(path)
