"""The command ``perf-eval practice``: what of a score was played well, and where to go over it again."""

from pathlib import Path
from typing import Annotated

import numpy as np
import typer

from engine.base.errors import PerfLiveError
from engine.base.files import check_picture, whole_file
from engine.base.matplotlib_loader import load_matplotlib
from engine.runtime.following.parts import solo_rows
from engine.runtime.following.practising.practice import HUMANS, Practice, Range, Ranges, mean_of, practise
from engine.score.piece import read_piece
from training.datasets.performances import read_performance
from training.evaluation.ensemble.table import print_rows

CURVES = {"quarters_per_minute": "quarters a minute", "velocity": "velocity", "voicing": "top voice above"}


def practice(
    score: Annotated[Path, typer.Argument(help="a score")],
    take: Annotated[Path, typer.Argument(help="a MIDI file of how it was played")],
    follow: Annotated[str | None, typer.Option("--follow", metavar="PART", help="the part that was played (default: all)")] = None,
    output: Annotated[Path | None, typer.Option("-o", metavar="FILE.png", help="a picture of it, over the bars")] = None,
    no_repeats: Annotated[bool, typer.Option("--no-repeats", help="the repeats were not played")] = False,
) -> None:
    """Wrong, missed and additional notes of a take, and its tempo and loudness, bar by bar."""
    if output is not None:
        check_picture(output)
    piece = read_piece(score, "skip" if no_repeats else "play")
    rows = np.ones(len(piece.score.notes), dtype=bool) if follow is None else solo_rows(piece, follow)
    strokes = read_performance(take, take.name, score.stem).notes
    if not len(strokes):
        raise PerfLiveError(f"{str(take)!r} has no notes; give a MIDI file of how {score.name} was played")
    found = practise(piece.score, rows, strokes)
    bars, humans = found.bars, HUMANS.of(found.bars)
    counts, curves = ("notes", "wrong", "missed", "extra"), dict(zip(CURVES, humans, strict=True))
    cells = {
        f"bar {row['bar']}": [str(row[name]) for name in counts] + [_cell(float(row[name]), within) for name, within in curves.items()]
        for row in bars
    }
    sums = [str(int(bars[name].sum())) for name in counts]
    means = [f"{value:.0f}" if np.isfinite(value := mean_of(bars, name)) else "" for name in CURVES]
    columns = [*counts, *CURVES.values()]
    ends = {f"humans, {which}": ["", "", "", "", *(_cell(value) for value in values)] for which, values in _ends(humans)}
    print_rows(f"{take.name} beside {score.name}", columns, cells | {"all": [*sums, *means]} | ends)
    if output is not None:
        _draw(output, found)


def _cell(value: float, within: Range | None = None) -> str:
    """Return a figure, with a mark where it is outside of what humans do."""
    mark = {-1: " <", 0: "", 1: " >"}[within.outside(value) if within else 0]
    return f"{value:.0f}{mark}" if np.isfinite(value) else ""


def _ends(humans: Ranges) -> list[tuple[str, list[float]]]:
    return [("from", [each.low for each in humans]), ("to", [each.high for each in humans])]


def _draw(path: Path, found: Practice) -> None:
    load_matplotlib()
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(10, 6.5), layout="constrained")
    FigureCanvasAgg(figure)
    *tops, bottom = figure.subplots(4, 1, sharex=True)
    bars, x = found.bars, np.arange(len(found.bars))
    for axes, (name, title), humans in zip(tops, CURVES.items(), HUMANS.of(bars), strict=True):
        axes.axhspan(humans.low, humans.high, color="#dde5f0", label="nine in ten bars of humans")
        axes.plot(x, bars[name], color="#33558b", marker=".")
        axes.set_ylabel(title.replace(" ", "\n", 1))
    tops[0].legend(fontsize=8)
    below = np.zeros(len(bars))
    for name, colour in (("wrong", "#c0392b"), ("missed", "#e0a030"), ("extra", "#888888")):
        bottom.bar(x, bars[name], bottom=below, color=colour, label=name)
        below += bars[name]
    bottom.set_ylabel("notes")
    bottom.set_xlabel("bar")
    shown = x[:: max(len(x) // 20, 1)]
    bottom.set_xticks(shown, [str(number) for number in bars["bar"][shown]])
    bottom.legend(fontsize=8)
    with whole_file(path) as temporary:
        figure.savefig(temporary, format="png", metadata={"Software": None})
