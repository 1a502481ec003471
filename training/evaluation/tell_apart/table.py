"""The figures of ``perf-eval tell-apart`` as tables for people, and as plain values for JSON."""

import math
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from rich.console import Console
from rich.table import Table

from training.evaluation.tell_apart.classifiers import CLASSIFIERS
from training.evaluation.tell_apart.judgement import INSIDE, Area, Contest, Judgement
from training.evaluation.tell_apart.telling import Telling
from training.evaluation.tell_apart.windows import NOTES

SHOWN = 12  # of the statistics that tell


class Told(NamedTuple):
    """A row: what was judged, by classifier how well it is told from humans, and by which statistics."""

    contest: Contest
    judged: Mapping[str, Judgement]
    telling: Sequence[Telling]


def print_told(rows: Mapping[str, Told]) -> None:
    title = f"area under the curve, told from humans by {NOTES} notes (.5: not at all; {INSIDE}% intervals over pieces)"
    table = Table(title=title, title_justify="left")
    table.add_column("")
    table.add_column("windows", justify="right")
    for name in CLASSIFIERS:
        table.add_column(f"by {name}: a window", justify="right")
        table.add_column("a performance", justify="right")
    for label, told in rows.items():
        areas = [_shown(area) for judged in told.judged.values() for area in judged]
        table.add_row(label, str(len(told.contest.ours)), *areas)
    _print(table)


def print_telling(label: str, telling: Sequence[Telling]) -> None:
    table = Table(title=f"{label}: what tells", title_justify="left")
    for name in ("statistic", "share of the trees' gain", "area by it alone", "off, in human deviations", "ours", "humans", "in words"):
        table.add_column(name, justify="left" if name in ("statistic", "in words") else "right")
    for each in telling[:SHOWN]:
        off, means = f"{each.off:+.2f}", (f"{each.ours:.3f}", f"{each.humans:.3f}")
        table.add_row(str(each.statistic), f"{each.share:.1%}", f"{each.area:.2f}", off, *means, each.words)
    _print(table)


def _shown(area: Area) -> str:
    return f"{area.area:.3f} ({area.low:.2f} to {area.high:.2f})"


def _print(table: Table) -> None:
    Console(width=max(Console().width, 170)).print(table)


def as_plain(rows: Mapping[str, Told]) -> dict[str, Any]:
    """Return values for JSON: of each row the areas with their intervals, and all statistics in the order in which they tell."""
    return {
        label: {
            "windows": len(told.contest.ours),
            "areas": {name: {by: area._asdict() for by, area in judged._asdict().items()} for name, judged in told.judged.items()},
            "statistics": [_plain(each) for each in told.telling],
        }
        for label, told in rows.items()
    }


def _plain(each: Telling) -> dict[str, Any]:
    figures = each._asdict() | {"statistic": None}
    known = {name: value for name, value in figures.items() if value is not None and math.isfinite(value)}
    return {"statistic": str(each.statistic), "words": each.words} | known
