"""Figures of performers beside each other, drawn: each performance a point, the mean with its interval on top."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from engine.base.files import whole_file
from engine.base.matplotlib_loader import load_matplotlib
from training.evaluation.expressiveness.catalogue.figures import FIGURES, Measured
from training.evaluation.expressiveness.pooled import Interval

ROWS = 2


def draw(path: Path, measured: Sequence[Measured], pooled: Mapping[str, Mapping[str, Interval]]) -> None:
    """Write a PNG. Raises PerfLiveError where it cannot be written."""
    load_matplotlib()
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(13, 2 + 1.1 * ROWS * max(len(pooled), 2)), layout="constrained")
    FigureCanvasAgg(figure)
    places = np.random.default_rng(0).uniform(-0.25, 0.25, len(measured))  # so that points do not hide each other
    performers = list(pooled)
    rows = np.array([performers.index(each.line.performer) for each in measured])
    for number, (axes, (name, (unit, _))) in enumerate(zip(figure.subplots(ROWS, len(FIGURES) // ROWS).flat, FIGURES.items(), strict=True)):
        values = np.array([each.figures[number] for each in measured])
        axes.plot(values, rows + places, ".", color="#9db3d3", markersize=4)
        for row, figures in enumerate(pooled.values()):
            found = figures[name]
            axes.plot([found.low, found.high], [row, row], color="#c0392b", linewidth=2)
            axes.plot(found.figure, row, "o", color="#c0392b", markersize=5)
        axes.set_title(name)
        axes.set_xlabel(unit)
        axes.set_yticks(range(len(performers)), performers if number % (len(FIGURES) // ROWS) == 0 else [""] * len(performers))
        axes.set_ylim(len(performers) - 0.5, -0.5)
    with whole_file(path) as temporary:
        figure.savefig(temporary, format="png", metadata={"Software": None})
