"""A picture of a performed score: piano roll coloured by velocity, tempo, dynamics and sustain pedal over the measures of the score.

Everything is drawn where the score has it, so that a human performance can lie beside it: times become score positions through each
performance's own tempo, and what is left of its timing, chords that are spread and notes that are held, is seen as it was played.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from engine.output.marks_picture import draw_marks, find_marks
from engine.output.piano_roll import Bars, draw_pedal, draw_roll, part_key
from engine.output.picture_page import ACCENT, GREY, HUMAN, Key, Row, draw_page, spans
from engine.output.style_picture import draw_style
from engine.performers.score_playing.style_curve import StyleCurve
from engine.score.tables import Score
from models.performance.representation import Performed

MARKS_INCHES, ROLL_INCHES, TEMPO_INCHES, VELOCITY_INCHES, STYLE_INCHES, PEDAL_INCHES = 0.6, 2.3, 0.9, 1.1, 0.8, 0.22
QUARTERS_A_SYSTEM = 96.0
SMOOTHING_BEATS = 1.5  # standard deviation of the Gaussian
SHORTEST_S = 1e-3
TEMPO_TICKS, MOST_TEMPO_TICKS = (10, 15, 20, 25, 30, 40, 50, 60, 70, 80, 90, 100, 110, 120, 140, 160, 180, 200, 240, 320, 480), 4
MOST_LABELS = 32  # of the measures of a system

Draw = Callable[[Any, float, float], None]


class Parts(NamedTuple):
    """``of_notes`` (M,) says which of the parts that have these ``names`` each note of a score is of, from 0."""

    of_notes: np.ndarray
    names: Sequence[str]


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
    part: np.ndarray | None = None  # (M,) from 0, None where notes are coloured by velocity


def draw_score_picture(
    path: Path,
    score: Score,
    performed: Performed,
    title: str,
    human: tuple[Score, Performed] | None = None,
    style: StyleCurve | None = None,
    parts: Parts | None = None,
) -> None:
    """Write a PNG of ``performed``, a performance of ``score.notes``, with a ``human`` one beside it if given.

    A human's goes with the notes of a score of its own, which may be the same with its ornaments not written out. ``style`` is drawn below
    tempo and dynamics. ``parts``: of a score for several, each drawn in a colour of its own.

    Raises PerfLiveError when the file cannot be written, ValueError when no note is performed.
    """
    shown = [show_performance(score, performed, ACCENT, "performed")]
    if human is not None:
        shown.append(show_performance(*human, HUMAN, "human"))
    shown[0] = replace(shown[0], part=None if parts is None else parts.of_notes[np.isfinite(performed.onset_sec)])
    lowest, highest = int(score.notes["pitch"].min()), int(score.notes["pitch"].max())

    def roll(each: Shown) -> Draw:
        bars = Bars(each.left, each.right, each.pitch, each.velocity, each.part)
        return lambda axes, begin, end: draw_roll(axes, bars, lowest, highest, begin, end)

    marks = find_marks(score)
    rows = [Row("", MARKS_INCHES, lambda axes, begin, end: draw_marks(axes, marks, begin, end))] if any(marks) else []
    rows += [Row(each.label if len(shown) > 1 else "pitch", ROLL_INCHES, roll(each)) for each in shown]
    rows.append(Row("tempo\n(beats/min)", TEMPO_INCHES, _tempo_of(shown, score)))
    rows.append(Row("velocity", VELOCITY_INCHES, _dynamics_of(shown, score)))
    if style is not None:
        rows.append(Row("style\n(deviations)", STYLE_INCHES, lambda axes, begin, end: draw_style(axes, style)))
    rows += [Row("pedal", PEDAL_INCHES, _pedal_of(each, score.end_quarter)) for each in shown]
    systems = spans(score.end_quarter, QUARTERS_A_SYSTEM, score.measures["onset_quarter"])
    key = Key() if parts is None else part_key(parts.names)
    draw_page(path, title, rows, systems, lambda begin, end: _measure_ticks(score, begin, end), "measure", key)


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


def smooth(at: np.ndarray, values: np.ndarray, grid: np.ndarray, deviation: float) -> np.ndarray:
    """Return Gaussian means of ``values`` (M,) on ``grid`` (G,)."""
    order = np.argsort(at, kind="stable")
    at, values = at[order], values[order]
    means = np.empty(len(grid))
    for index, place in enumerate(grid.tolist()):
        begin, end = np.searchsorted(at, (place - 4 * deviation, place + 4 * deviation))
        weights = np.exp(-0.5 * ((at[begin:end] - place) / deviation) ** 2)
        means[index] = weights @ values[begin:end] / weights.sum() if end > begin else np.nan
    return means


def _tempo_of(shown: list[Shown], score: Score) -> Draw:
    """Return what draws the performances' tempos, and the notated one, each within the range of all."""
    beat = 4 / int(score.time_signatures["beat_type"][0]) if len(score.time_signatures) else 1.0
    edges = np.append(score.tempos["onset_quarter"], score.end_quarter)
    notated = np.append(score.tempos["quarters_per_minute"], score.tempos["quarters_per_minute"][-1:]) / beat
    curves = [(each, smooth_tempo(each)) for each in shown if len(each.tempo)]
    values = [curve for _, curve in curves] + [np.percentile(each.tempo, (2, 98)) for each, _ in curves] + [notated]
    drawn = np.concatenate(values) if any(map(len, values)) else np.full(1, 120.0)

    def draw(axes: Any, begin: float, end: float) -> None:
        for each, smoothed in curves:
            axes.plot(each.beats, each.tempo, color=each.colour, linewidth=0.6, alpha=0.45)
            axes.plot(each.beats, smoothed, color=each.colour, linewidth=2, label=each.label)
        if len(notated):
            axes.step(edges, notated, where="post", color=GREY, linewidth=1.2, linestyle="--", label="notated")
        _scale_tempos(axes, 0.9 * float(drawn.min()), 1.15 * float(drawn.max()))
        if begin == 0 and axes.get_legend_handles_labels()[0]:  # a score of a beat has no tempo to show
            axes.legend(loc="upper right", ncols=3, frameon=False, fontsize=8, borderaxespad=0.1)

    return draw


def smooth_tempo(shown: Shown) -> np.ndarray:
    step = float(np.min(np.diff(shown.beats), initial=1.0))
    return np.exp2(smooth(shown.beats, np.log2(shown.tempo), shown.beats, SMOOTHING_BEATS * step))


def _scale_tempos(axes: Any, lowest: float, highest: float) -> None:
    from matplotlib.ticker import FixedLocator, NullLocator, ScalarFormatter

    axes.set_yscale("log", base=2)
    axes.set_ylim(lowest, highest)
    inside = [tempo for tempo in TEMPO_TICKS if lowest <= tempo <= highest]
    axes.yaxis.set_major_locator(FixedLocator(inside[:: -(-len(inside) // MOST_TEMPO_TICKS) or 1]))
    axes.yaxis.set_minor_locator(NullLocator())
    axes.yaxis.set_major_formatter(ScalarFormatter())
    axes.grid(axis="y", color=GREY, alpha=0.25)


def _dynamics_of(shown: list[Shown], score: Score) -> Draw:
    grid = np.linspace(0, score.end_quarter, int(np.clip(2 * score.end_quarter, 50, 10_000)))
    curves = [(each, smooth(each.onset_quarter, each.velocity, grid, SMOOTHING_BEATS)) for each in shown]

    def draw(axes: Any, begin: float, end: float) -> None:
        for each, smoothed in curves:
            own = (each.onset_quarter >= begin) & (each.onset_quarter <= end)
            size = float(np.clip(4000 / max(int(own.sum()), 1), 2, 16))
            axes.scatter(each.onset_quarter[own], each.velocity[own], s=size, color=each.colour, alpha=0.35, linewidths=0)
            axes.plot(grid, smoothed, color=each.colour, linewidth=2, label=each.label)
        axes.set_ylim(0, 130)
        axes.set_yticks((1, 32, 64, 96, 127))
        axes.grid(axis="y", color=GREY, alpha=0.25)
        if begin == 0 and len(shown) > 1:
            axes.legend(loc="upper right", ncols=2, frameon=False, fontsize=8, borderaxespad=0.1)

    return draw


def _pedal_of(shown: Shown, end_quarter: float) -> Draw:
    def draw(axes: Any, begin: float, end: float) -> None:
        draw_pedal(axes, shown.pedal, end_quarter, shown.colour)

    return draw


def _measure_ticks(score: Score, begin: float, end: float) -> tuple[list[float], list[str]]:
    """Return where measures of a system begin, and their numbers; of many only some."""
    starts = score.measures[(score.measures["onset_quarter"] >= begin - 1e-6) & (score.measures["onset_quarter"] < end - 1e-6)]
    starts = starts[:: max(1, -(-len(starts) // MOST_LABELS))]
    return starts["onset_quarter"].tolist(), [str(number) for number in starts["number"]]
