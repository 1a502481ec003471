"""``perf-bench compare COMMIT``: benchmarks in a commit and in the working tree, in turn, and by how much they differ.

Each pair runs both sides one after the other, the next pair the other way round, so that what the machine does meanwhile meets both. Every
number of a report whose name ends in ``_per_s``, ``_ms``, ``_s``, ``_mb`` or ``_factor`` is compared. Both sides use the libraries of this
environment.
"""

import json
import shlex
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from engine.base.errors import UsageError
from engine.bench.commits.checkouts import check_out, copy_working_tree, measure_in
from engine.bench.commits.ratios import Ratio, compare, figures_of
from engine.bench.measuring.benchmark import Benchmark, OnStage, silent
from engine.bench.measuring.machine import Machine, describe_machine
from engine.bench.measuring.tables import new_table, print_head

DEFAULT = ["render", "velocity"]

CommitArgument = Annotated[str, typer.Argument(metavar="COMMIT", help="What to compare the working tree with, such as HEAD~1.")]
BenchmarkOption = Annotated[
    list[str],
    typer.Option("--benchmark", metavar="WORDS", help="A benchmark and its options, such as 'dexter --seconds 10'; repeat for more."),
]
PairsOption = Annotated[int, typer.Option(metavar="NUMBER", min=2, help="How often both sides are measured.")]


@dataclass(frozen=True)
class ComparisonReport:
    """``ratios`` by benchmark, as it was asked for."""

    machine: Machine
    commit: str
    pairs: int
    ratios: dict[str, list[Ratio]]


def measure(
    commit: CommitArgument, *, benchmark: BenchmarkOption = DEFAULT, pairs: PairsOption = 5, on_stage: OnStage = silent
) -> ComparisonReport:
    """Measure both sides. Raises UsageError for an unknown commit, PerfLiveError when a benchmark fails or there is no git checkout."""
    machine = describe_machine()
    asked = {words: _split(words) for words in benchmark}
    with tempfile.TemporaryDirectory(prefix="perf-bench-") as name:
        before, now = Path(name) / "before", Path(name) / "now"
        copy_working_tree(now)
        check_out(commit, before)
        found = {words: _compare(before, now, split, pairs, on_stage) for words, split in asked.items()}
    return ComparisonReport(machine, commit, pairs, found)


def _split(words: str) -> list[str]:
    """Return the words of a benchmark. Raises UsageError for none, or for quotes that do not end."""
    try:
        split = shlex.split(words)
    except ValueError as error:
        raise UsageError(f"--benchmark {words!r}: {error}; allowed: a benchmark and its options, such as 'dexter --seconds 10'") from None
    if not split or split[0] == "compare":
        raise UsageError(f"--benchmark {words!r}: allowed: another benchmark and its options, such as 'dexter --seconds 10'")
    return split


def _compare(before: Path, now: Path, words: Sequence[str], pairs: int, on_stage: OnStage) -> list[Ratio]:
    measured = []
    for number in range(pairs):
        on_stage(f"{words[0]}, pair {number + 1} of {pairs}")
        sides = (before, now) if number % 2 == 0 else (now, before)
        figures = {side: figures_of(json.loads(measure_in(side, [*words, "--json"]))) for side in sides}
        measured.append((figures[before], figures[now]))
    return compare(measured)


def print_table(report: ComparisonReport) -> None:
    console = Console()
    print_head(console, report.machine)
    for words, ratios in report.ratios.items():
        table = new_table(f"{words}, {report.pairs} pairs", report.commit, "now", "ratio", "95%", "")
        table.columns[0].overflow = "fold"  # so that no name is cut off
        for each in ratios:
            interval = f"{each.low:.3f} to {each.high:.3f}"
            table.add_row(each.figure, f"{each.before:.4g}", f"{each.now:.4g}", f"{each.ratio:.3f}", interval, each.verdict)
        console.print(table)


BENCHMARK = Benchmark("What a commit changes: benchmarks in it and in the working tree, in turn.", measure, print_table)
