"""Notes as bars over time: coloured by velocity, or, of several parts, in the colour of the part, the brighter the louder."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from engine.output.picture_page import GREY, NIGHT, PART_COLOURS, Key

DARKEST = 0.5  # of a part's colour, for the softest notes; half as loud as can be is the colour itself


class Bars(NamedTuple):
    """Notes where they are drawn: ``left`` and ``right`` (M,) over the page's unit; ``part`` (M,) from 0, None for one part."""

    left: np.ndarray
    right: np.ndarray
    pitch: np.ndarray
    velocity: np.ndarray
    part: np.ndarray | None = None


def part_key(names: Sequence[str]) -> Key:
    """Return the key of parts with these names."""
    return Key([(name, PART_COLOURS[number % len(PART_COLOURS)]) for number, name in enumerate(names)])


def draw_roll(axes: Any, bars: Bars, lowest: int, highest: int, begin: float, end: float) -> None:
    """Draw the notes that sound between two places; ``lowest`` and ``highest`` are the pitches of the whole piece."""
    from matplotlib.collections import PolyCollection

    own = (bars.right >= begin) & (bars.left <= end)
    left, right, pitch, velocity = bars.left[own], bars.right[own], bars.pitch[own], bars.velocity[own]
    bottom, top = pitch - 0.45, pitch + 0.45
    corners = np.stack([left, bottom, left, top, right, top, right, bottom], axis=1).reshape(-1, 4, 2)
    notes = PolyCollection(list(corners), edgecolors=NIGHT, linewidths=0.3)
    if bars.part is None:
        notes.set(array=velocity, cmap="turbo", clim=(1, 127))
    else:
        notes.set(facecolor=_shades(bars.part[own], velocity))
    axes.add_collection(notes)
    axes.set_facecolor(NIGHT)
    axes.set_ylim(lowest - 2, highest + 2)
    octaves = [pitch for pitch in range(0, 128, 12) if lowest - 2 <= pitch <= highest + 2]
    axes.set_yticks(octaves, [f"C{pitch // 12 - 1}" for pitch in octaves])
    axes.grid(axis="y", color=GREY, alpha=0.25)


def _shades(parts: np.ndarray, velocities: np.ndarray) -> np.ndarray:
    """Return the colours of notes, (M, 3)."""
    from matplotlib.colors import to_rgb

    colours = np.array([to_rgb(colour) for colour in PART_COLOURS])[parts % len(PART_COLOURS)]
    return np.minimum(colours * (DARKEST + velocities[:, None] / 127), 1.0)


def draw_pedal(axes: Any, pedal: np.ndarray, end: float, colour: str) -> None:
    """Draw the sustain pedal, (P, 2) place and value, of a piece that ends at ``end``."""
    places = np.minimum(np.concatenate(([0.0], pedal[:, 0], [end])), end)
    values = np.concatenate(([0.0], pedal[:, 1], pedal[-1:, 1] if len(pedal) else [0.0]))
    axes.fill_between(places, values, step="post", color=colour, alpha=0.75, linewidth=0)
    if not len(pedal):
        axes.text(0.5, 0.5, "not used", ha="center", va="center", color=GREY, fontsize=8, transform=axes.transAxes)
    axes.set_ylim(0, 127)
    axes.set_yticks([])
