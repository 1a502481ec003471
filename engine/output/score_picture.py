"""A picture of a performed score: piano roll coloured by velocity, tempo, dynamics and sustain pedal over the measures of the score.

Everything is drawn where the score has it, so that a human performance can lie beside it: times become score positions through each
performance's own tempo, and what is left of its timing, chords that are spread and notes that are held, is seen as it was played.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from engine.base.files import whole_file
from engine.base.matplotlib_loader import load_matplotlib
from engine.output.style_picture import draw_style
from engine.output.take_picture import ACCENT, GREY, INK, NIGHT
from engine.performers.score_playing.style_curve import StyleCurve
from engine.score.tables import DYNAMICS, Score
from models.performance.representation import Performed

HUMAN = "#2f6f9f"
NARROWEST_INCHES, WIDEST_INCHES, INCHES_A_QUARTER = 15.0, 40.0, 0.1
SMOOTHING_BEATS = 1.5  # standard deviation of the Gaussian
SHORTEST_S = 1e-3
MOST_LABELS = 24  # of measures, and of dynamic marks


@dataclass(frozen=True)
class Shown:
    """A performance over score positions in quarters. Velocities and pedal values are MIDI's."""

    left: np.ndarray  # (M,) of the performed notes
    right: np.ndarray
    pitch: np.ndarray
    velocity: np.ndarray
    onset_quarter: np.ndarray  # as notated
    beats: np.ndarray  # (B,) the middles between beats
    tempo: np.ndarray  # (B,) beats a minute
    pedal: np.ndarray  # (P, 2) position, value 0 to 127
    colour: str
    label: str


def draw_score_picture(
    path: Path,
    score: Score,
    performed: Performed,
    title: str,
    human: tuple[Score, Performed] | None = None,
    style: StyleCurve | None = None,
) -> None:
    """Write a PNG of ``performed``, a performance of ``score.notes``, with a ``human`` one beside it if given.

    A human's goes with the notes of a score of its own, which may be the same with its ornaments not written out. ``style`` is drawn below
    tempo and dynamics.

    Raises PerfLiveError when the file cannot be written, ValueError when no note is performed.
    """
    load_matplotlib()
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    shown = [show_performance(score, performed, ACCENT, "performed")]
    if human is not None:
        shown.append(show_performance(*human, HUMAN, "human"))
    heights = [5.0] * len(shown) + [2.4, 2.8] + [1.6] * (style is not None) + [0.6] * len(shown)
    width = float(np.clip(score.end_quarter * INCHES_A_QUARTER, NARROWEST_INCHES, WIDEST_INCHES))
    figure = Figure(figsize=(width, sum(heights) + 0.8), dpi=110, facecolor="white", layout="constrained")
    FigureCanvasAgg(figure)
    rows = figure.subplots(len(heights), 1, sharex=True, height_ratios=heights)
    for axes, each in zip(rows, shown, strict=False):
        bars = _draw_piano_roll(axes, each, score)
    figure.colorbar(bars, ax=list(rows[: len(shown)]), pad=0.01, aspect=30, label="velocity").outline.set_visible(False)
    _draw_tempo(rows[len(shown)], shown, score)
    _draw_dynamics(rows[len(shown) + 1], shown, score)
    if style is not None:
        draw_style(rows[len(shown) + 2], style)
    for axes, each in zip(rows[-len(shown) :], shown, strict=True):
        _draw_pedal(axes, each, score.end_quarter)
    rows[0].set_title(title, loc="left", fontsize=15, color=INK, pad=12)
    _draw_measures(rows, score)
    with whole_file(path) as temporary:
        figure.savefig(temporary, format="png")


def show_performance(score: Score, performed: Performed, colour: str, label: str) -> Shown:
    """Return what is drawn of a performance. Raises ValueError when no note is performed."""
    played = np.isfinite(performed.onset_sec)
    if not played.any():
        raise ValueError("a picture needs at least one performed note")
    notes, onsets = score.notes[played], performed.onset_sec[played]
    steady = ~notes["is_grace"] if (~notes["is_grace"]).any() else np.ones(len(notes), dtype=bool)
    positions, index = np.unique(notes["onset_quarter"][steady], return_inverse=True)
    times = np.bincount(index, weights=onsets[steady]) / np.bincount(index)
    times = np.maximum.accumulate(times) + SHORTEST_S * np.arange(len(times))
    step = 4 / int(score.time_signatures["beat_type"][0]) if len(score.time_signatures) else 1.0
    edges = np.arange(np.ceil(positions[0] / step), np.floor(positions[-1] / step) + 1) * step
    seconds = np.maximum(np.diff(np.interp(edges, positions, times)), SHORTEST_S)
    ends = onsets + performed.duration_sec[played]
    pedal = np.stack([_position(performed.pedal.time_sec, positions, times), np.asarray(performed.pedal.value, dtype=float)], axis=1)
    return Shown(
        left=_position(onsets, positions, times),
        right=_position(ends, positions, times),
        pitch=notes["pitch"],
        velocity=np.asarray(performed.velocity)[played],
        onset_quarter=notes["onset_quarter"],
        beats=(edges[1:] + edges[:-1]) / 2,
        tempo=60 * step / seconds,
        pedal=pedal,
        colour=colour,
        label=label,
    )


def _position(seconds: np.ndarray, positions: np.ndarray, times: np.ndarray) -> np.ndarray:
    """Return the score positions of times; the mean tempo goes on beyond the ends."""
    rate = (positions[-1] - positions[0]) / (times[-1] - times[0]) if len(times) > 1 else 2.0
    beyond = np.minimum(seconds - times[0], 0) + np.maximum(seconds - times[-1], 0)
    return np.interp(seconds, times, positions) + rate * beyond


def _smooth(at: np.ndarray, values: np.ndarray, grid: np.ndarray, deviation: float) -> np.ndarray:
    """Return Gaussian means of ``values`` (M,) on ``grid`` (G,)."""
    order = np.argsort(at, kind="stable")
    at, values = at[order], values[order]
    means = np.empty(len(grid))
    for index, place in enumerate(grid.tolist()):
        begin, end = np.searchsorted(at, (place - 4 * deviation, place + 4 * deviation))
        weights = np.exp(-0.5 * ((at[begin:end] - place) / deviation) ** 2)
        means[index] = weights @ values[begin:end] / weights.sum() if end > begin else np.nan
    return means


def _draw_piano_roll(axes: Any, shown: Shown, score: Score) -> Any:
    from matplotlib.collections import PolyCollection

    left, right, bottom, top = shown.left, shown.right, shown.pitch - 0.45, shown.pitch + 0.45
    corners = np.stack([left, bottom, left, top, right, top, right, bottom], axis=1).reshape(-1, 4, 2)
    bars = PolyCollection(list(corners), cmap="turbo", edgecolors=NIGHT, linewidths=0.15)
    bars.set_array(shown.velocity)
    bars.set_clim(1, 127)
    axes.add_collection(bars)
    axes.set_facecolor(NIGHT)
    lowest, highest = int(score.notes["pitch"].min()), int(score.notes["pitch"].max())
    axes.set_ylim(lowest - 2, highest + 2)
    octaves = [pitch for pitch in range(0, 128, 12) if lowest - 2 <= pitch <= highest + 2]
    axes.set_yticks(octaves, [f"C{pitch // 12 - 1}" for pitch in octaves])
    axes.set_ylabel(shown.label, color=INK)
    return bars


def _draw_tempo(axes: Any, shown: list[Shown], score: Score) -> None:
    from matplotlib.ticker import FixedLocator, NullLocator, ScalarFormatter

    drawn = [np.full(1, 120.0)] if not any(len(each.tempo) for each in shown) else []
    for each in shown:
        if len(each.tempo):
            axes.plot(each.beats, each.tempo, color=each.colour, linewidth=0.6, alpha=0.45)
            step = np.min(np.diff(each.beats), initial=1.0)
            smoothed = 2 ** _smooth(each.beats, np.log2(each.tempo), each.beats, SMOOTHING_BEATS * step)
            axes.plot(each.beats, smoothed, color=each.colour, linewidth=2, label=each.label)
            drawn += [smoothed, np.percentile(each.tempo, (2, 98))]
    if len(score.tempos):
        beat = 4 / int(score.time_signatures["beat_type"][0]) if len(score.time_signatures) else 1.0
        edges, tempos = np.append(score.tempos["onset_quarter"], score.end_quarter), score.tempos["quarters_per_minute"] / beat
        axes.step(edges, np.append(tempos, tempos[-1]), where="post", color=GREY, linewidth=1.2, linestyle="--", label="notated")
    axes.set_yscale("log", base=2)
    axes.set_ylim(0.9 * np.concatenate(drawn).min(), 1.15 * np.concatenate(drawn).max())
    axes.yaxis.set_major_locator(FixedLocator([15, 20, 30, 40, 60, 80, 120, 160, 240, 320, 480]))
    axes.yaxis.set_minor_locator(NullLocator())
    axes.yaxis.set_major_formatter(ScalarFormatter())
    axes.set_ylabel("tempo\n(beats/min)", color=INK)
    axes.grid(axis="y", color=GREY, alpha=0.25)
    if axes.get_legend_handles_labels()[0]:  # a score of a beat has no tempo to show
        axes.legend(loc="upper right", ncols=3, frameon=False, fontsize=9)


def _draw_dynamics(axes: Any, shown: list[Shown], score: Score) -> None:
    grid = np.linspace(0, score.end_quarter, int(np.clip(2 * score.end_quarter, 50, 2000)))
    for each in shown:
        size = float(np.clip(4000 / len(each.velocity), 2, 16))
        axes.scatter(each.onset_quarter, each.velocity, s=size, color=each.colour, alpha=0.35, linewidths=0)
        axes.plot(grid, _smooth(each.onset_quarter, each.velocity, grid, SMOOTHING_BEATS), color=each.colour, linewidth=2, label=each.label)
    for place, mark in _dynamic_marks(score):
        axes.text(place, 4, mark, fontsize=10, fontstyle="italic", fontweight="bold", family="serif", color=INK)
    axes.set_ylim(0, 130)
    axes.set_yticks((1, 32, 64, 96, 127))
    axes.grid(axis="y", color=GREY, alpha=0.25)
    axes.set_ylabel("velocity", color=INK)
    if len(shown) > 1:
        axes.legend(loc="upper right", ncols=2, frameon=False, fontsize=9)


def _dynamic_marks(score: Score) -> list[tuple[float, str]]:
    """Return where the upper staff's dynamics change; where they are too dense, only some of them."""
    own = score.notes["part"] == 0
    own &= score.notes["staff"] == score.notes["staff"][own].min(initial=9)
    levels, onsets = score.markings["dynamic"][own], score.notes["onset_quarter"][own]
    changes = np.flatnonzero((np.diff(levels, prepend=0) != 0) & (levels > 0))
    marks: list[tuple[float, str]] = []
    for place, level in zip(onsets[changes].tolist(), levels[changes].tolist(), strict=True):
        if not marks or place - marks[-1][0] > score.end_quarter / (3 * MOST_LABELS):
            marks.append((place, DYNAMICS[level - 1]))
    return marks


def _draw_pedal(axes: Any, shown: Shown, end_quarter: float) -> None:
    places = np.concatenate(([0.0], shown.pedal[:, 0], [end_quarter]))
    values = np.concatenate(([0.0], shown.pedal[:, 1], [0.0]))
    axes.fill_between(places, values, step="post", color=shown.colour, alpha=0.75, linewidth=0)
    if not len(shown.pedal):
        axes.text(end_quarter / 2, 64, "not used", ha="center", va="center", color=GREY, fontsize=9)
    axes.set_ylim(0, 127)
    axes.set_yticks((0, 127), ("up", "down"))
    axes.set_ylabel("pedal", color=INK, rotation=0, ha="right", va="center")


def _draw_measures(rows: Any, score: Score) -> None:
    """Number the measures at the bottom, with lines at them through all rows."""
    every = max(1, -(-len(score.measures) // MOST_LABELS))
    starts = score.measures[::every]
    for axes in rows:
        axes.set_xlim(0, score.end_quarter)
        axes.spines[["top", "right"]].set_visible(False)
        axes.spines[["left", "bottom"]].set_color(GREY)
        axes.tick_params(colors=INK, labelsize=9)
        axes.grid(axis="x", color=GREY, alpha=0.3, linewidth=0.6)
        axes.set_axisbelow(True)
    rows[-1].set_xticks(starts["onset_quarter"], [str(number) for number in starts["number"]])
    rows[-1].set_xlabel("measure", color=INK)
