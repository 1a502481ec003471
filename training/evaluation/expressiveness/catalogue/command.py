"""The command ``perf-eval catalogue``: what performers make of the same scores, from the accounts of ``perf-render --manifest``."""

import json
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import track
from rich.table import Table

from engine.base.errors import PerfLiveError
from engine.base.files import check_picture
from engine.base.saying import say
from training.evaluation.expressiveness.catalogue.account import Line, read_accounts
from training.evaluation.expressiveness.catalogue.figures import FIGURES, Measured, measure, pool
from training.evaluation.expressiveness.catalogue.picture import draw
from training.evaluation.expressiveness.pooled import INSIDE, Interval


def catalogue(
    manifests: Annotated[list[Path], typer.Argument(help="what perf-render --manifest has written; several are put beside each other")],
    output: Annotated[Path | None, typer.Option("-o", metavar="FILE.png", help="a picture of it")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="print JSON instead of a table")] = False,
) -> None:
    """Velocity, tempo, articulation, chords and pedal of all performers in catalogues, beside each other."""
    if output is not None:
        check_picture(output)
    lines = read_accounts(manifests)
    measured, left_out = _measure_all(lines)
    if not measured:
        raise PerfLiveError("no performance in the manifests can be measured; give those of scores performed as MIDI files")
    pooled, counts = pool(measured), Counter(each.line.performer for each in measured)
    if as_json:
        found = {
            performer: {"performances": counts[performer], **{name: interval._asdict() for name, interval in figures.items()}}
            for performer, figures in pooled.items()
        }
        print(json.dumps({"performers": found, "left_out": left_out}))
    else:
        _print(pooled, counts)
    if output is not None:
        draw(output, measured, pooled)


def _measure_all(lines: list[Line]) -> tuple[list[Measured], int]:
    """Return what could be measured, and how many performances could not; of each it is said why."""
    measured, left_out = [], 0
    for line in track(lines, "measuring", console=Console(stderr=True)):
        try:
            measured.append(measure(line))
        except PerfLiveError as error:
            left_out += 1
            say(f"left out: {error}")
    return measured, left_out


def _print(pooled: Mapping[str, Mapping[str, Interval]], counts: Mapping[str, int]) -> None:
    table = Table(title=f"means over performances, with {INSIDE}% intervals over scores", title_justify="left")
    table.add_column("")
    for performer in pooled:
        table.add_column(f"{performer} ({counts[performer]})", justify="right")
    for name in FIGURES:
        table.add_row(_row(name), *(_cell(name, figures[name]) for figures in pooled.values()))
    Console(width=max(Console().width, 110)).print(table)


def _row(name: str) -> str:
    unit, _ = FIGURES[name]
    return f"{name}, {unit}" if unit else name


def _cell(name: str, found: Interval) -> str:
    _, digits = FIGURES[name]
    return "" if found.figure != found.figure else f"{found.figure:.{digits}f} ({found.low:.{digits}f} to {found.high:.{digits}f})"
