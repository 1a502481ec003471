"""A picture of a performed take: piano roll, velocities beside the input's, sustain pedal, over time; perhaps a human's beside it."""

from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from engine.base.files import check_writable
from engine.midi.events import Event, channel_of, is_channel_message
from engine.midi.note_table import Played, note_array, pedal_array
from engine.output.piano_roll import Bars, draw_pedal, draw_roll, part_key
from engine.output.picture_page import ACCENT, GREY, HUMAN, INK, Key, Row, draw_page, spans
from engine.runtime.sinks import CollectingSink

ROLL_INCHES, VELOCITY_INCHES, PEDAL_INCHES = 2.4, 1.3, 0.25
SECONDS_A_SYSTEM, TICK_S = 60.0, 5
CURVE_POINTS_A_SECOND = 10  # of the smoothed curve
SMOOTHING_S = 1.2  # the standard deviation of its Gaussian


class PictureSink(CollectingSink):
    """Collects what is sent (see engine/runtime/sinks.py) and draws it when closed, beside ``written``, the events of the input."""

    def __init__(
        self,
        path: Path,
        written: Sequence[Event],
        title: str,
        human: Played | None = None,
        track_names: Sequence[str] = (),
        drums: bool = True,
    ):
        """``human``: a performance to draw beside it, at the take's times.

        ``drums``: whether channel 10 is drums, whose keys are no pitches. Raises PerfLiveError when the file could not be written.
        """
        super().__init__()
        self._path = check_writable(path)
        self._written, self._title, self._human = written, title, human
        self._track_names, self._drums = track_names, drums

    def close(self) -> None:
        draw_picture(self._path, self._written, self.events(), self._title, self._human, self._track_names, self._drums)


def smooth_velocity(notes: np.ndarray, end_s: float) -> tuple[np.ndarray, np.ndarray]:
    """Return the curve of the velocity from 0 to ``end_s`` seconds: times and Gaussian means, NaN far from any note."""
    points = max(round(end_s * CURVE_POINTS_A_SECOND), 100)
    edges = np.linspace(0, end_s, points + 1)
    deviation = max(round(SMOOTHING_S * points / end_s), 1)
    offsets = np.arange(-3 * deviation, 3 * deviation + 1)
    kernel = np.exp(-0.5 * (offsets / deviation) ** 2)
    counts = np.convolve(np.histogram(notes["onset_sec"], edges)[0], kernel)[len(offsets) // 2 :][:points]
    sums = np.convolve(np.histogram(notes["onset_sec"], edges, weights=notes["velocity"])[0], kernel)[len(offsets) // 2 :][:points]
    means = np.divide(sums, counts, out=np.full(points, np.nan), where=counts > kernel[0])
    return (edges[:-1] + edges[1:]) / 2, means


def draw_picture(
    path: Path,
    written: Sequence[Event],
    performed: Sequence[Event],
    title: str,
    human: Played | None = None,
    track_names: Sequence[str] = (),
    drums: bool = True,
) -> None:
    """Write a PNG of ``performed`` with the velocities of ``written``, the input, beside it. Raises PerfLiveError if it cannot."""
    before, pedal = note_array(written, drums), pedal_array(performed)
    parts, names = parts_of(performed, track_names, drums)
    notes = np.concatenate(parts)
    part = np.repeat(np.arange(len(parts)), [len(each) for each in parts]) if len(parts) > 1 else None
    pitches = np.concatenate([notes["pitch"], *([] if human is None else [human.notes["pitch"]])])
    lowest, highest = int(pitches.min(initial=60)), int(pitches.max(initial=60))
    end_s = max(float((notes["onset_sec"] + notes["duration_sec"]).max(initial=0.1)), 0.1)

    def roll(own: np.ndarray, of_part: np.ndarray | None) -> Any:
        bars = Bars(own["onset_sec"], own["onset_sec"] + own["duration_sec"], own["pitch"], own["velocity"], of_part)
        return lambda axes, begin, end: draw_roll(axes, bars, lowest, highest, begin, end)

    rows = [Row("pitch" if human is None else "performed", ROLL_INCHES, roll(notes, part))]
    if human is not None:
        rows.append(Row("human", ROLL_INCHES, roll(human.notes, None)))
    rows.append(Row("velocity", VELOCITY_INCHES, _velocities_of(before, notes, None if human is None else human.notes, end_s)))
    pedals = [(pedal, INK), *([] if human is None else [(human.pedal, HUMAN)])]
    rows += [Row("pedal", PEDAL_INCHES, partial(_draw_pedal, own, end_s, colour)) for own, colour in pedals]
    systems = spans(end_s, SECONDS_A_SYSTEM, np.arange(0, end_s, TICK_S))
    draw_page(path, title, rows, systems, _second_ticks, "time (s)", part_key(names) if part is not None else Key())


def parts_of(events: Sequence[Event], names: Sequence[str], drums: bool) -> tuple[list[np.ndarray], list[str]]:
    """Return the notes of each instrument: of each channel, or of each track where more than two share one. Then their names."""
    messages = [event for event in events if is_channel_message(event.message)]
    by_channel = {channel: [event for event in messages if channel_of(event.message) == channel] for channel in range(16)}
    by_track = {track: [event for event in messages if event.track == track] for track in sorted({event.track for event in messages})}
    channels = {channel: notes for channel, own in by_channel.items() if len(notes := note_array(own, drums))}
    tracks = {track: notes for track, own in by_track.items() if len(notes := note_array(own, drums))}

    def named(track: int, otherwise: str) -> str:
        return (names[track] if track < len(names) else "") or otherwise

    if len(channels) > 1:
        firsts = {channel: next(event.track for event in by_channel[channel]) for channel in channels}
        return list(channels.values()), [named(track, f"channel {channel + 1}") for channel, track in firsts.items()]
    if len(tracks) > 2:
        return list(tracks.values()), [named(track, f"track {track + 1}") for track in tracks]
    return [note_array(events, drums)], []


def _draw_pedal(pedal: np.ndarray, end_s: float, colour: str, axes: Any, begin: float, end: float) -> None:
    draw_pedal(axes, pedal, end_s, colour)


def _second_ticks(begin: float, end: float) -> tuple[list[float], list[str]]:
    step = TICK_S if end - begin > 2 * TICK_S else 1
    places = np.arange(np.ceil(begin / step) * step, end, step)
    return places.tolist(), [f"{place:g}" for place in places]


def _velocities_of(before: np.ndarray, notes: np.ndarray, human: np.ndarray | None, end_s: float) -> Any:
    shown = [(before, GREY, 0.7, "input", False), (notes, ACCENT, 0.5, "performed", True)]
    shown += [] if human is None else [(human, HUMAN, 0.5, "human", True)]
    curves = [(smooth_velocity(own, end_s), colour, label) for own, colour, _, label, is_smoothed in shown if is_smoothed]

    def draw(axes: Any, begin: float, end: float) -> None:
        for own, colour, alpha, label, _ in shown:
            inside = own[(own["onset_sec"] >= begin) & (own["onset_sec"] <= end)]
            size = np.clip(4000 / max(len(inside), 1), 4, 24)
            axes.scatter(inside["onset_sec"], inside["velocity"], s=size, color=colour, alpha=alpha, linewidths=0, label=label)
        for curve, colour, label in curves:
            axes.plot(*curve, color=colour, linewidth=2, label=f"{label}, smoothed")
        axes.set_ylim(0, 130)
        axes.set_yticks((1, 32, 64, 96, 127))
        axes.grid(axis="y", color=GREY, alpha=0.25)
        if begin == 0:
            axes.legend(loc="upper right", ncols=5, frameon=False, fontsize=8, markerscale=1.5, borderaxespad=0.1)

    return draw
