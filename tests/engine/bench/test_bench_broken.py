"""perf-bench broken: a small catalogue with a file broken in each way, all others performed, and what the benchmark would tell."""

import pytest

from engine.bench.rendering import broken
from engine.bench.rendering.broken_files import BREAKAGES, make_files
from engine.bench.rendering.watched import Watched


def test_all_good_files_are_performed_and_each_broken_one_is_named(capsys):
    report = broken.measure(files=60, broken=10, jobs=1)
    assert (report.not_performed, report.not_named, report.unexpected) == ([], [], [])
    assert (report.files, report.broken, report.jobs) == (60, len(BREAKAGES), 1) and report.notes > 49 * 5
    broken.print_table(report)
    assert "broken ones not named" in capsys.readouterr().out


@pytest.mark.parametrize(("files", "wanted"), [(60, 10), (200, 20), (7, 7), (5, 0)])
def test_the_broken_files_are_spread_among_the_others(tmp_path, files, wanted):
    good, bad = make_files(tmp_path / "in", files, wanted)
    assert (len(good), len(bad)) == (files - wanted, wanted) and len(list((tmp_path / "in").iterdir())) == files
    numbers = [int(path.name[:6]) for path in bad]
    assert all(after - before == files // wanted for before, after in zip(numbers, numbers[1:], strict=False))
    assert len({path.name.partition("-")[2] for path in bad}) == min(wanted, len(BREAKAGES))


def test_whatever_is_not_as_it_should_be_is_told(tmp_path):
    given, made = tmp_path / "in", tmp_path / "out"
    good, bad = make_files(given, 3, 2)
    (take,) = good
    made.mkdir()
    (made / "left_over.mid").write_bytes(b"")
    named = f"cannot read {str(bad[0])!r}: empty; give a standard MIDI file"
    lines = [{"input": str(take), "notes": 3, "error": ""}, {"input": str(bad[0]), "notes": 0, "error": named}]
    errors = f"perf-render: {named}\nTraceback\n"
    found = broken._compare(given, made, good, bad, Watched(1, 0.0, "", errors, []), lines)
    assert found == ([str(take)], [str(bad[1])], [str(made / "left_over.mid"), "Traceback"])
