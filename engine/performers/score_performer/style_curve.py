"""How far each bar of a performance leans, and which way, in words of directions."""

import numpy as np

from engine.performers.score_performer.directions import DIRECTIONS, Places
from engine.performers.score_playing.style_curve import StyleCurve
from engine.score.tables import Score
from models.score_performer.style_space import StyleSpace


def style_curve(score: Score, styles: np.ndarray, space: StyleSpace) -> StyleCurve | None:
    """Return the curve of the ``styles`` (N, W) of a score's notes, relative to the mean of humans' styles.

    Return None if the space knows no directions.
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
    """Return by quality the two directions that move whole passages furthest up and down along it."""
    pairs = {}
    for quality in dict.fromkeys(meaning.quality for meaning in DIRECTIONS.values() if meaning.shape == "even"):
        by_deviations = {
            name: meaning.deviations for name, meaning in DIRECTIONS.items() if (meaning.quality, meaning.shape) == (quality, "even")
        }
        if quality in space.moves:
            pairs[quality] = max(by_deviations, key=by_deviations.__getitem__), min(by_deviations, key=by_deviations.__getitem__)
    return pairs
