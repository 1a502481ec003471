"""The style of a performance over the bars of a score: how far each bar leans, and which way, in words of directions."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from engine.output.take_picture import GREY, INK
from engine.performers.score_performer.directions import DIRECTIONS, Places
from engine.score.tables import Score
from models.score_performer.style_space import StyleSpace

COLOURS = ("#c0392b", "#2f6f9f", "#e08e0b", "#6c4f9e", "#2e8b57", "#8a6d3b")


@dataclass(frozen=True)
class StyleCurve:
    """``edges`` (B, 2) of the bars that have notes, in quarters; ``leans`` (B,), in deviations of humans' bars; ``ways`` (B,), which of
    ``names`` it is towards.
    """

    edges: np.ndarray
    leans: np.ndarray
    ways: np.ndarray
    names: tuple[str, ...]

    def draw(self, axes: Any) -> None:
        """Draw a curve over score positions, coloured by direction."""
        left, right = self.edges.T
        for way, name in enumerate(self.names):
            own = self.ways == way
            if own.any():
                colour = COLOURS[way % len(COLOURS)]
                axes.bar(left[own], self.leans[own], (right - left)[own], align="edge", color=colour, alpha=0.8, label=name)
        axes.plot((left + right) / 2, self.leans, color=INK, linewidth=0.8)
        axes.set_ylim(0, max(1.0, 1.1 * float(self.leans.max())))
        axes.set_ylabel("style\n(deviations)", color=INK)
        axes.grid(axis="y", color=GREY, alpha=0.25)
        axes.legend(loc="upper right", ncols=len(self.names), frameon=False, fontsize=9)


def style_curve(score: Score, styles: np.ndarray, space: StyleSpace) -> StyleCurve | None:
    """Return the curve of ``styles`` (N, W), those of the notes of ``score``, beside the mean of humans'; None if the space knows no
    directions.
    """
    pairs = opposites(space)
    if not pairs:
        return None
    places = Places(score)
    bars, first = np.unique(places.measures, return_index=True)
    index = np.searchsorted(bars, places.measures)
    sums = np.zeros((len(bars), space.width))
    np.add.at(sums, index, styles - space.mean)
    leans = sums / np.bincount(index)[:, None] @ np.linalg.pinv(np.stack([space.moves[quality] for quality in pairs]))
    strongest = np.abs(leans).argmax(axis=1)
    chosen = leans[np.arange(len(bars)), strongest]
    names = tuple(name for pair in pairs.values() for name in pair)
    return StyleCurve(places.edges[first], np.abs(chosen), 2 * strongest + (chosen < 0), names)


def opposites(space: StyleSpace) -> dict[str, tuple[str, str]]:
    """Return by quality the directions that move whole passages furthest up and down along it."""
    pairs = {}
    for quality in dict.fromkeys(meaning.quality for meaning in DIRECTIONS.values() if meaning.shape == "even"):
        by_deviations = {
            name: meaning.deviations for name, meaning in DIRECTIONS.items() if (meaning.quality, meaning.shape) == (quality, "even")
        }
        if quality in space.moves:
            pairs[quality] = max(by_deviations, key=by_deviations.__getitem__), min(by_deviations, key=by_deviations.__getitem__)
    return pairs
