"""A page for pictures of performances: rows over time, in systems below each other as on a page of a score, as many as a piece needs."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from engine.base.files import whole_file
from engine.base.matplotlib_loader import load_matplotlib

INK, GREY, ACCENT, HUMAN, NIGHT = "#22252a", "#9aa0a8", "#c8442e", "#2f6f9f", "#14161b"
PART_COLOURS = ("#4f9dde", "#e8743b", "#5fbf77", "#d65db1", "#e6c229", "#9b7ede", "#3bc9c3", "#c9806b")
WIDTH_INCHES, DOTS_AN_INCH = 15.0, 110
LEFT_INCHES, LABEL_INCHES, RIGHT_INCHES = 1.3, 0.75, 0.2
HEAD_INCHES, FOOT_INCHES, BETWEEN_ROWS_INCHES, BETWEEN_SYSTEMS_INCHES = 0.75, 0.15, 0.07, 0.62
MOST_SYSTEMS = 30  # a longer piece has longer systems
SINGLE_SCALE = 1.6  # how much higher the rows are of a piece that is one system


class Row(NamedTuple):
    """One row of each system: ``draw(axes, begin, end)`` draws what lies between two places; a row without a label has no frame."""

    label: str
    inches: float
    draw: Callable[[Any, float, float], None]


class Key(NamedTuple):
    """What the colours of the notes mean: names with their colours, or velocities where there are none."""

    names: Sequence[tuple[str, str]] = ()


def spans(end: float, length: float, breaks: np.ndarray) -> list[tuple[float, float]]:
    """Return where systems begin and end: equally long, ``length`` each at most or little more, but broken at ``breaks`` (B,) in order."""
    count = min(max(round(end / length + 0.25), 1), MOST_SYSTEMS)
    begins = [0.0]
    for number in range(1, count):
        place = number * end / count
        nearest = float(breaks[np.argmin(np.abs(breaks - place))]) if len(breaks) else place
        begins.append(nearest if abs(nearest - place) < end / count / 4 else place)
    return list(zip(begins, [*begins[1:], max(end, 1e-3)], strict=True))


def draw_page(
    path: Path,
    title: str,
    rows: Sequence[Row],
    systems: Sequence[tuple[float, float]],
    ticks: Callable[[float, float], tuple[Sequence[float], Sequence[str]]],
    unit: str,
    key: Key = Key(),  # noqa: B008
) -> None:
    """Write a PNG. ``ticks`` returns the places and labels under a system. Raises PerfLiveError when the file cannot be written."""
    load_matplotlib()
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    scale = SINGLE_SCALE if len(systems) == 1 else 1.0
    heights = [row.inches * scale for row in rows]
    system_inches = sum(heights) + BETWEEN_ROWS_INCHES * (len(rows) - 1) + BETWEEN_SYSTEMS_INCHES
    height = HEAD_INCHES + FOOT_INCHES + system_inches * len(systems)
    figure = Figure(figsize=(WIDTH_INCHES, height), dpi=DOTS_AN_INCH, facecolor="white")
    FigureCanvasAgg(figure)
    longest = max(end - begin for begin, end in systems)
    top = height - HEAD_INCHES
    for begin, end in systems:
        for row, inches in zip(rows, heights, strict=True):
            top -= inches
            axes = _add_axes(figure, LEFT_INCHES, top, WIDTH_INCHES - LEFT_INCHES - RIGHT_INCHES, inches)
            axes.set_xlim(begin, begin + longest)
            row.draw(axes, begin, end)
            axes.set_xlim(begin, begin + longest)
            _finish(axes, row, *ticks(begin, end), is_last=row is rows[-1])
            top -= BETWEEN_ROWS_INCHES
        axes.set_xlabel(unit, color=INK, fontsize=9, labelpad=2)
        top -= BETWEEN_SYSTEMS_INCHES - BETWEEN_ROWS_INCHES
    figure.text(LEFT_INCHES / WIDTH_INCHES, 1 - 0.32 / height, title, fontsize=14, color=INK, va="center")
    _draw_key(figure, height, key)
    with whole_file(path) as temporary:
        figure.savefig(temporary, format="png")


def _add_axes(figure: Any, left: float, bottom: float, width: float, height: float) -> Any:
    across, up = figure.get_size_inches()
    return figure.add_axes((left / across, bottom / up, width / across, height / up))


def _finish(axes: Any, row: Row, places: Sequence[float], labels: Sequence[str], is_last: bool) -> None:
    axes.spines[["top", "right"]].set_visible(False)
    axes.spines[["left", "bottom"]].set_color(GREY)
    axes.tick_params(colors=INK, labelsize=8)
    axes.set_xticks(places, labels if is_last else [])
    axes.grid(axis="x", color=GREY, alpha=0.3, linewidth=0.6)
    axes.set_axisbelow(True)
    if row.label:
        axes.set_ylabel(row.label, color=INK, fontsize=9, rotation=0, ha="center", va="center")
        axes.yaxis.set_label_coords(-LABEL_INCHES / (WIDTH_INCHES - LEFT_INCHES - RIGHT_INCHES), 0.5)
    else:
        axes.spines[:].set_visible(False)
        axes.tick_params(length=0)
        axes.set_yticks([])
        axes.grid(False)


def _draw_key(figure: Any, height: float, key: Key) -> None:
    """Draw, under the title's line, the parts' colours, or how velocities are coloured."""
    from matplotlib.cm import ScalarMappable
    from matplotlib.colors import Normalize
    from matplotlib.lines import Line2D

    if not key.names:
        axes = _add_axes(figure, WIDTH_INCHES - RIGHT_INCHES - 2.6, height - 0.4, 2.6, 0.13)
        bar = figure.colorbar(ScalarMappable(Normalize(1, 127), "turbo"), cax=axes, orientation="horizontal", ticks=(1, 32, 64, 96, 127))
        bar.outline.set_visible(False)
        axes.tick_params(colors=INK, labelsize=8, length=2, pad=1)
        axes.set_ylabel("velocity", color=INK, fontsize=9, rotation=0, ha="right", va="center")
        return
    lines = [Line2D([], [], color=colour, linewidth=6, label=name) for name, colour in key.names]
    place = (LEFT_INCHES / WIDTH_INCHES, 1 - 0.44 / height)
    figure.legend(handles=lines, loc="upper left", bbox_to_anchor=place, ncols=len(lines), frameon=False, fontsize=9, borderpad=0)
