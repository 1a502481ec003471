"""perf-bench compare: two sides measured in turn, and what is said of them. The speeds are made up, so that the ratios are known."""

import math
import subprocess

import pytest

from engine.base.errors import PerfLiveError, UsageError
from engine.bench.commits import checkouts, compare
from engine.bench.commits.ratios import compare as ratios_of
from engine.bench.commits.ratios import figures_of
from engine.bench.measuring.benchmark import silent

BENCH = """import json, sys
from pathlib import Path

def main():
    Path(OUT).open("a").write(VALUE + " " + " ".join(sys.argv[1:]) + chr(10))
    print(json.dumps({"machine": {"cores": 2}, "seconds": 5, "notes_per_s": float(VALUE), "part": {"step_ms": 100 / float(VALUE)}}))
"""


@pytest.fixture
def repository(tmp_path, monkeypatch):
    """A git checkout whose perf-bench says that it performs 100 notes a second in its commit, and 200 in its working tree."""
    root, log = tmp_path / "checkout", tmp_path / "calls.txt"
    (root / "engine" / "commands").mkdir(parents=True)
    program = root / "engine" / "commands" / "bench.py"
    program.write_text(f"OUT, VALUE = {str(log)!r}, '100'\n{BENCH}")
    identity = ("-c", "user.name=A", "-c", "user.email=a@b.c")
    for words in (("init", "-q"), ("add", "-A"), (*identity, "commit", "-q", "-m", "first")):
        subprocess.run(["git", "-C", root, *words], check=True)
    program.write_text(f"OUT, VALUE = {str(log)!r}, '200'\n{BENCH}")
    for function in ("check_out", "copy_working_tree"):
        own = getattr(checkouts, function)
        monkeypatch.setattr(compare, function, lambda *given, own=own: own(*given, repository=root))
    return root, log


def test_both_sides_are_measured_in_turn_and_their_ratio_is_found(repository):
    report = compare.measure("HEAD", benchmark=["render --notes 'a b'"], pairs=2)
    notes, step = report.ratios["render --notes 'a b'"]
    assert (notes.figure, notes.before, notes.now, notes.verdict) == ("notes_per_s", 100, 200, "better")
    assert notes.ratio == pytest.approx(2) and step.ratio == pytest.approx(0.5) and step.verdict == "better"
    calls = repository[1].read_text().splitlines()
    assert calls == [f"{value} render --notes a b --json" for value in (100, 200, 200, 100)]


def test_the_table_names_the_commit(repository, capsys):
    compare.print_table(compare.measure("HEAD", benchmark=["render"], pairs=2))
    printed = capsys.readouterr().out
    assert "HEAD" in printed and "notes_per_s" in printed and "part.step_ms" in printed and "better" in printed


def test_a_long_name_is_told_to_its_end(capsys):
    name = "first_note_ons.difference.of_all_that_were_measured_p99_ms"
    ratios = ratios_of([({name: 1.0}, {name: 2.0})] * 2)
    compare.print_table(compare.ComparisonReport(compare.describe_machine(), "HEAD", 2, {"live": ratios}))
    cells = [line.split("│")[1].strip() for line in capsys.readouterr().out.splitlines() if line.startswith("│")]
    assert "".join(cells) == name


def test_the_interval_is_students():
    # The logarithms .1, .2, .3 have the mean .2 and the standard error .1 / sqrt(3); Student's t of two degrees of freedom is 4.303.
    (found,) = ratios_of([({"a_s": 1.0}, {"a_s": math.exp(value)}) for value in (0.1, 0.2, 0.3)])
    assert math.log(found.ratio) == pytest.approx(0.2)
    assert math.log(found.high) - math.log(found.ratio) == pytest.approx(4.303 * 0.1 / math.sqrt(3))
    assert found.verdict == "no difference"


def test_only_numbers_with_a_unit_are_compared():
    counted = {"a": {"notes": 4, "first_s": 0.5, "on_s": True, "none_ms": None, "zero_ms": 0}}
    units = {"peak_mb": 7, "speed_per_s": 3, "real_time_factor": 0.2}
    assert figures_of(counted | units) == {"a.first_s": 0.5} | units
    verdicts = [ratios_of([({name: 1.0}, {name: 2.0})] * 2)[0].verdict for name in ("a_per_s", "a_ms", "a_factor")]
    assert verdicts == ["better", "worse", "worse"]


def test_what_cannot_be_compared_is_said_in_one_line(repository, tmp_path):
    with pytest.raises(UsageError, match="'nothing'"):
        compare.measure("nothing", benchmark=["render"], pairs=2)
    with pytest.raises(UsageError, match="--benchmark"):
        compare.measure("HEAD", benchmark=["compare HEAD"], pairs=2)
    with pytest.raises(UsageError, match="quotation"):
        compare.measure("HEAD", benchmark=["render '"], pairs=2)
    with pytest.raises(PerfLiveError, match="no git checkout"):
        checkouts.copy_working_tree(tmp_path / "copy", repository=tmp_path)
    (repository[0] / "engine" / "commands" / "bench.py").write_text("def main():\n    raise SystemExit('it is broken')\n")
    with pytest.raises(PerfLiveError, match=r"perf-bench render --json has failed in 'now': it is broken"):
        compare.measure("HEAD", benchmark=["render"], pairs=2, on_stage=silent)
