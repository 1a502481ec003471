"""A picture of a soak: lost, stuck and late notes, memory, descriptors and threads of each run over time, and when what happened to it."""

import math
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from engine.base.files import check_writable, whole_file
from engine.base.matplotlib_loader import load_matplotlib
from engine.bench.reliability.soaking.scenes import Checkpoint, Played

ROWS: tuple[tuple[str, Callable[[Checkpoint], float]], ...] = (
    ("lost", lambda point: point.lost),
    ("stuck", lambda point: point.stuck),
    ("late", lambda point: math.nan if point.late is None else point.late),
    ("memory, MB", lambda point: point.vitals.memory_mb),
    ("descriptors", lambda point: point.vitals.descriptors),
    ("threads", lambda point: point.vitals.threads),
)
COLOURS = ("#2f6f9f", "#c8442e", "#5fbf77", "#9b7ede")
WIDTH_INCHES, ROW_INCHES, DOTS_AN_INCH = 12.0, 1.3, 110


def draw_soak(path: Path, played: Sequence[Played]) -> None:
    """Write a PNG. Raises PerfLiveError when the file cannot be written."""
    check_writable(path)
    load_matplotlib()
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(WIDTH_INCHES, ROW_INCHES * len(ROWS) + 1), dpi=DOTS_AN_INCH, facecolor="white", layout="constrained")
    FigureCanvasAgg(figure)
    every_axes: Any = figure.subplots(len(ROWS), 1, sharex=True)
    for (label, value), axes in zip(ROWS, every_axes, strict=True):
        for each, colour in zip(played, COLOURS, strict=False):
            times = [point.time_s for point in each.checkpoints]
            axes.plot(times, [value(point) for point in each.checkpoints], color=colour, marker=".", label=each.name)
        axes.set_ylabel(label)
        axes.set_ylim(bottom=0)
        axes.spines[["top", "right"]].set_visible(False)
        axes.grid(alpha=0.3)
    every_axes[0].legend(loc="upper left", ncols=len(played), frameon=False)
    every_axes[-1].set_xlabel("seconds")
    figure.suptitle("perf-bench soak: counted whenever everything is at rest, after a fault each")
    with whole_file(path) as temporary:
        figure.savefig(temporary, format="png")
