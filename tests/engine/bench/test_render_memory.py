"""perf-bench render-memory: a long take, many files, and a take that its bound refuses while the one beside it is performed."""

import sys

import pytest

from engine.bench.rendering import render_memory
from engine.bench.rendering.watched import Watched


@pytest.mark.skipif(sys.platform != "linux", reason="--memory is for Linux, and refused elsewhere")
def test_what_is_occupied_is_told_for_one_take_and_for_many(capsys):
    report = render_memory.measure(notes=500, files=3, each=50, jobs=2, memory=0.5)
    assert (report.bounded.named, report.bounded.short_notes) == (False, 100)
    assert report.long.notes == 500 and 50 < report.long.peak_mb < 500
    assert (report.many.files, report.many.notes) == (3, 150) and 50 < report.many.late_mb <= report.many.peak_mb
    render_memory.print_table(report)
    assert "a take of 500 notes" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("said", "named"),
    [
        ("perf-render: cannot perform {take!r}: it needs more memory than the 1 GiB of --memory; give more\n", True),
        ("perf-render: cannot perform {take!r}: it needs more memory than the 1 GiB of --memory; give more\nTraceback\n", False),
        ("perf-render: cannot perform 'short.mid': it needs more memory than the 1 GiB of --memory; give more\n", False),
        ("perf-render: cannot perform {take!r}: the process that performed it ended with status -9\n", False),
    ],
)
def test_the_long_take_is_refused_in_one_line_because_of_its_bound_or_not(monkeypatch, tmp_path, said, named):
    take = tmp_path / "long.mid"
    ended = Watched(1, 0.0, "", said.format(take=str(take)), [10**8])
    monkeypatch.setattr(render_memory, "_run", lambda *_, **__: ended)
    assert render_memory._within(tmp_path, take, 1.0, []) == render_memory.Bounded(1.0, named, 0, 100.0)
