"""The statistics that tell most, as distributions of humans beside ours."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np

from engine.base.files import whole_file
from engine.base.matplotlib_loader import load_matplotlib
from training.evaluation.tell_apart.table import Told

SHOWN = 6
BINS = 40


def draw_telling(path: Path, rows: Mapping[str, Told]) -> None:
    """Write a picture with a line of statistics for each row. Raises PerfLiveError when it cannot be written."""
    load_matplotlib()
    from matplotlib.figure import Figure

    figure = Figure(figsize=(3 * SHOWN, 2.6 * len(rows)), layout="constrained")
    axes = figure.subplots(len(rows), SHOWN, squeeze=False)
    for line, (label, told) in zip(axes, rows.items(), strict=True):
        names = list(told.contest.windows.statistics)
        for axis, telling in zip(line, told.telling, strict=False):
            values = told.contest.windows.values[:, names.index(telling.statistic)]
            known = np.isfinite(values)
            first, last = np.percentile(values[known], [1, 99])
            edges = np.linspace(first, last, BINS + 1)
            for side, colour, name in ((~told.contest.ours, "tab:blue", "humans"), (told.contest.ours, "tab:orange", label)):
                axis.hist(values[known & side], edges, density=True, histtype="stepfilled", alpha=0.5, color=colour, label=name)
            axis.set_title(f"{telling.statistic}\n{telling.words}", fontsize=8)
            axis.set_yticks([])
        if told.telling:
            line[0].legend(fontsize=7)
    with whole_file(path) as temporary:
        figure.savefig(temporary, dpi=110)
