"""What perf-bench page-memory looks at, and what it says of it."""

import pytest

from engine.bench.measuring.machine import describe_machine
from engine.bench.reliability.page import memory as page_memory
from engine.bench.reliability.page.memory import ROWS, Noted, PageMemoryReport


def test_growth_is_that_of_the_second_half(tmp_path, capsys):
    noted = [Noted(60.0 * minute, (100.0 + minute if minute > 5 else 1.0, 50.0, 400.0 - 2 * minute, 0.0)) for minute in range(12)]
    growth = page_memory._growth(noted)
    assert growth == pytest.approx([60, 0, -120, 0])
    assert page_memory._growth(noted[:4]) == []
    report = PageMemoryReport(describe_machine(), "velocity", None, 1000, noted, growth)
    page_memory.draw(tmp_path / "memory.png", report)
    assert (tmp_path / "memory.png").read_bytes()[:4] == b"\x89PNG"
    page_memory.print_table(report)
    told = capsys.readouterr().out
    assert all(row in told for row in ROWS)


@pytest.mark.jack
@pytest.mark.browser
def test_a_run_its_program_and_its_browser_are_looked_at(jack_server, monkeypatch):
    monkeypatch.setattr(page_memory, "SHORTEST_S", 0.5)
    report = page_memory.measure(3, "passthrough")
    assert report.notes > 50 and report.noted
    assert all(memory_mb > 10 for memory_mb in report.noted[-1].memory_mb)
    _, _, page, browser = report.noted[-1].memory_mb
    assert page < browser


@pytest.mark.browser
def test_hours_are_simulated_in_minutes(monkeypatch):
    report = page_memory.measure(240, "passthrough", pace=60)
    assert [each.time_s for each in report.noted][:4] == [0, 60, 120, 180]
    assert report.notes > 240
    assert all(memory_mb > 10 for memory_mb in report.noted[-1].memory_mb)
