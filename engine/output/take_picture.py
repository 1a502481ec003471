"""A picture of a performance: piano roll coloured by velocity, velocity over time beside the input's, sustain pedal."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from engine.base.files import check_writable, whole_file
from engine.base.matplotlib_loader import load_matplotlib
from engine.midi.events import Event
from engine.midi.note_table import note_array, pedal_array
from engine.runtime.sinks import CollectingSink

CURVE_POINTS = 600  # of the smoothed curve, over the whole take
SMOOTHING_POINTS = 12  # the standard deviation of its Gaussian
INK, GREY, ACCENT, NIGHT = "#22252a", "#9aa0a8", "#c8442e", "#14161b"


class PictureSink(CollectingSink):
    """Collects what is sent (see engine/runtime/sinks.py) and draws it when closed, beside ``written``, the events of the input."""

    def __init__(self, path: Path, written: Sequence[Event], title: str):
        """Raises PerfLiveError when the file could not be written in the end."""
        super().__init__()
        self._path = check_writable(path)
        self._written = written
        self._title = title

    def close(self) -> None:
        draw_picture(self._path, self._written, self.events(), self._title)


def smooth_velocity(notes: np.ndarray, end_s: float) -> tuple[np.ndarray, np.ndarray]:
    """Return the curve of the velocity from 0 to ``end_s`` seconds: times and Gaussian means, NaN far from any note."""
    edges = np.linspace(0, end_s, CURVE_POINTS + 1)
    offsets = np.arange(-3 * SMOOTHING_POINTS, 3 * SMOOTHING_POINTS + 1)
    kernel = np.exp(-0.5 * (offsets / SMOOTHING_POINTS) ** 2)
    counts = np.convolve(np.histogram(notes["onset_sec"], edges)[0], kernel, "same")
    sums = np.convolve(np.histogram(notes["onset_sec"], edges, weights=notes["velocity"])[0], kernel, "same")
    means = np.divide(sums, counts, out=np.full(CURVE_POINTS, np.nan), where=counts > kernel[0])
    return (edges[:-1] + edges[1:]) / 2, means


def draw_picture(path: Path, written: Sequence[Event], performed: Sequence[Event], title: str) -> None:
    """Write a PNG of ``performed`` with the velocities of ``written``, the input, beside it. Raises PerfLiveError if it cannot."""
    load_matplotlib()
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    notes, before, pedal = note_array(performed), note_array(written), pedal_array(performed)
    end_s = max(float((notes["onset_sec"] + notes["duration_sec"]).max(initial=0.1)), 0.1)
    figure = Figure(figsize=(15, 9), dpi=120, facecolor="white", layout="constrained")
    FigureCanvasAgg(figure)
    rows = figure.subplots(3, 1, sharex=True, height_ratios=(5, 3, 0.8))
    _draw_piano_roll(figure, rows[0], notes)
    _draw_velocities(rows[1], before, notes, end_s)
    _draw_pedal(rows[2], pedal, end_s)
    rows[0].set_title(title, loc="left", fontsize=15, color=INK, pad=12)
    rows[2].set_xlim(0, end_s)
    rows[2].set_xlabel("time (s)", color=INK)
    for axes in rows:
        axes.spines[["top", "right"]].set_visible(False)
        axes.spines[["left", "bottom"]].set_color(GREY)
        axes.tick_params(colors=INK, labelsize=9)
    with whole_file(path) as temporary:
        figure.savefig(temporary, format="png")


def _draw_piano_roll(figure: Any, axes: Any, notes: np.ndarray) -> None:
    from matplotlib.collections import PolyCollection

    left, bottom = notes["onset_sec"], notes["pitch"] - 0.42
    right, top = left + notes["duration_sec"], notes["pitch"] + 0.42
    corners = np.stack([left, bottom, left, top, right, top, right, bottom], axis=1).reshape(-1, 4, 2)
    bars = PolyCollection(list(corners), cmap="turbo", edgecolors=NIGHT, linewidths=0.15)
    bars.set_array(notes["velocity"])
    bars.set_clim(1, 127)
    axes.add_collection(bars)
    axes.set_facecolor(NIGHT)
    lowest, highest = int(notes["pitch"].min(initial=60)), int(notes["pitch"].max(initial=60))
    axes.set_ylim(lowest - 2, highest + 2)
    octaves = np.arange(12 * (lowest // 12), highest + 13, 12)
    octaves = octaves[(octaves >= lowest - 2) & (octaves <= highest + 2)]
    axes.set_yticks(octaves, [f"C{pitch // 12 - 1}" for pitch in octaves])
    axes.grid(axis="y", color=GREY, alpha=0.25)
    axes.set_axisbelow(True)
    axes.set_ylabel("pitch", color=INK)
    bar = figure.colorbar(bars, ax=axes, pad=0.01, aspect=30)
    bar.set_label("velocity", color=INK)
    bar.outline.set_visible(False)


def _draw_velocities(axes: Any, before: np.ndarray, notes: np.ndarray, end_s: float) -> None:
    size = np.clip(4000 / max(len(notes), 1), 4, 24)
    axes.scatter(before["onset_sec"], before["velocity"], s=size, color=GREY, alpha=0.7, linewidths=0, label="input")
    axes.scatter(notes["onset_sec"], notes["velocity"], s=size, color=ACCENT, alpha=0.5, linewidths=0, label="performed")
    axes.plot(*smooth_velocity(notes, end_s), color=ACCENT, linewidth=2, label="performed, smoothed")
    axes.set_ylim(0, 130)
    axes.set_yticks((1, 32, 64, 96, 127))
    axes.grid(axis="y", color=GREY, alpha=0.25)
    axes.set_ylabel("velocity", color=INK)
    axes.legend(loc="upper right", ncols=3, frameon=False, fontsize=9, markerscale=1.5)


def _draw_pedal(axes: Any, pedal: np.ndarray, end_s: float) -> None:
    times = np.concatenate(([0.0], pedal[:, 0], [end_s]))
    values = np.concatenate(([0.0], pedal[:, 1], pedal[-1:, 1] if len(pedal) else [0.0]))
    axes.fill_between(times, values, step="post", color=INK, alpha=0.55, linewidth=0)
    if not len(pedal):
        axes.text(end_s / 2, 64, "not used", ha="center", va="center", color=GREY, fontsize=9)
    axes.set_ylim(0, 127)
    axes.set_yticks((0, 127), ("up", "down"))
    axes.set_ylabel("sustain\npedal", color=INK)
