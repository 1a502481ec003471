"""The command ``perf-eval practice``: what of a score was played well, and where to go over it again."""

from pathlib import Path
from typing import Annotated

import numpy as np
import typer

from engine.base.errors import UsageError
from engine.base.files import check_writable, whole_file
from engine.base.matplotlib_loader import load_matplotlib
from engine.runtime.following.parts import solo_rows
from engine.score.piece import read_piece
from training.datasets.performances import read_performance
from training.evaluation.ensemble.following.practice import Practice, practise
from training.evaluation.ensemble.table import print_rows

PICTURE = ".png"


def practice(
    score: Annotated[Path, typer.Argument(help="a score")],
    take: Annotated[Path, typer.Argument(help="a MIDI file of how it was played")],
    follow: Annotated[str | None, typer.Option("--follow", metavar="PART", help="the part that was played (default: all)")] = None,
    output: Annotated[Path | None, typer.Option("-o", metavar="FILE.png", help="a picture of it, over the bars")] = None,
    no_repeats: Annotated[bool, typer.Option("--no-repeats", help="the repeats were not played")] = False,
) -> None:
    """Wrong, missed and additional notes of a take, and its tempo and loudness, bar by bar."""
    if output is not None:
        if output.suffix.lower() != PICTURE:
            raise UsageError(f"-o {str(output)!r}: a picture; give a name that ends in {PICTURE}")
        check_writable(output)
    piece = read_piece(score, "skip" if no_repeats else "play")
    rows = np.ones(len(piece.score.notes), dtype=bool) if follow is None else solo_rows(piece, follow)
    found = practise(piece.score, rows, read_performance(take, take.name, score.stem))
    bars = found.bars
    cells = {
        f"bar {row['bar']}": [str(row[name]) for name in ("notes", "wrong", "missed", "extra")]
        + [f"{row[name]:.0f}" if np.isfinite(row[name]) else "" for name in ("quarters_per_minute", "velocity")]
        for row in bars
    }
    sums = [str(int(bars[name].sum())) for name in ("notes", "wrong", "missed", "extra")]
    tempo = f"{np.nanmedian(bars['quarters_per_minute']):.0f}" if np.isfinite(bars["quarters_per_minute"]).any() else ""
    loud = f"{np.nanmean(bars['velocity']):.0f}" if np.isfinite(bars["velocity"]).any() else ""
    columns = ["notes", "wrong", "missed", "extra", "quarters a minute", "velocity"]
    print_rows(f"{take.name} beside {score.name}", columns, cells | {"all": [*sums, tempo, loud]})
    if output is not None:
        _draw(output, found)


def _draw(path: Path, found: Practice) -> None:
    load_matplotlib()
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(10, 5), layout="constrained")
    FigureCanvasAgg(figure)
    top, middle, bottom = figure.subplots(3, 1, sharex=True)
    bars, x = found.bars, np.arange(len(found.bars))
    top.plot(x, bars["quarters_per_minute"], color="#33558b")
    top.set_ylabel("quarters\na minute")
    middle.plot(x, bars["velocity"], color="#33558b")
    middle.set_ylabel("velocity")
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
