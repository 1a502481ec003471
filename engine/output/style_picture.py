"""The style of a performance over the bars of a score, drawn."""

from typing import Any

from engine.output.picture_page import GREY, INK
from engine.performers.score_playing.style_curve import StyleCurve

COLOURS = ("#c0392b", "#2f6f9f", "#e08e0b", "#6c4f9e", "#2e8b57", "#8a6d3b")


def draw_style(axes: Any, curve: StyleCurve) -> None:
    """Draw a curve over score positions, coloured by direction."""
    left, right = curve.edges.T
    for way, name in enumerate(curve.names):
        own = curve.ways == way
        if own.any():
            colour = COLOURS[way % len(COLOURS)]
            axes.bar(left[own], curve.leans[own], (right - left)[own], align="edge", color=colour, alpha=0.8, label=name)
    axes.plot((left + right) / 2, curve.leans, color=INK, linewidth=0.8)
    axes.set_ylim(0, max(1.0, 1.1 * float(curve.leans.max())))
    axes.grid(axis="y", color=GREY, alpha=0.25)
    axes.legend(loc="upper right", ncols=len(curve.names), frameon=False, fontsize=8, borderaxespad=0.1)
