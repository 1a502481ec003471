"""Directions in the space of style vectors: learnt ones that change what is heard, and principal components. NumPy only.

A style vector concatenates a note's latents of the whole performance, of its bar, its beat and its onset.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from safetensors import SafetensorError, safe_open

from models.performance.ordered_file import save_in_order

LEVEL_NAMES = ("piece", "bar", "beat", "onset")
FORMAT = "perf-live style space 1"
MOVE, MEANING, DEVIATION = "move/", "meaning/", "deviation/"  # what names in the file begin with


@dataclass(frozen=True)
class StyleSpace:
    """Statistics of the styles of human performances.

    ``latents``: the number of latents of each level of LEVEL_NAMES, W in all. ``mean`` (W,): the average style. ``components`` (W, W): each
    row is one standard deviation along a principal component; levels are analysed by themselves, the largest component first. ``moves``: by
    quality (see training.score_performer.style_space), the vector (W,) that moves it by one deviation. ``deviations``: by quality, that
    deviation, of pace in octaves. ``meanings``: in words, what the first components of each level go with, by name, as in bar-1.
    """

    latents: tuple[int, ...]
    mean: np.ndarray
    components: np.ndarray
    moves: Mapping[str, np.ndarray]
    meanings: Mapping[str, str]
    deviations: Mapping[str, float] = field(default_factory=dict)

    @property
    def width(self) -> int:
        return sum(self.latents)

    def columns(self, level: int) -> slice:
        """Return the columns of a level's latents in a style vector; its components have the same indices."""
        begin = sum(self.latents[:level])
        return slice(begin, begin + self.latents[level])

    @property
    def knobs(self) -> dict[str, np.ndarray]:
        """All directions by name: the vector (W,) that one deviation adds."""
        numbered = {f"{name}-{index + 1}": row for level, name in enumerate(LEVEL_NAMES) for index, row in enumerate(self._rows(level))}
        return {name: self.moves[name] if name in self.moves else numbered[name] for name in self.meanings}

    def _rows(self, level: int) -> np.ndarray:
        return self.components[self.columns(level)]

    def save(self, path: Path) -> None:
        """Write a safetensors file that ``load_style_space`` reads."""
        moves = {MOVE + name: move for name, move in self.moves.items()}
        meanings = {MEANING + name: meaning for name, meaning in self.meanings.items()}
        deviations = {DEVIATION + name: repr(float(deviation)) for name, deviation in self.deviations.items()}
        # What is said of it is kept in no certain order, and the knobs have one.
        said = {"format": FORMAT, "latents": " ".join(map(str, self.latents)), "knobs": " ".join(self.meanings)} | meanings | deviations
        arrays = {name: np.ascontiguousarray(array) for name, array in {"mean": self.mean, "components": self.components, **moves}.items()}
        save_in_order(arrays, path, {"moves": " ".join(self.moves)} | said)


def load_style_space(path: Path) -> StyleSpace:
    """Read a file that ``save`` wrote. Raises OSError if it cannot be read, ValueError if it is no such file."""
    try:
        with safe_open(path, framework="numpy") as file:
            said = file.metadata() or {}
            if said.get("format") != FORMAT:
                raise ValueError(f"it is no style space of format {FORMAT}")
            moves = {name: file.get_tensor(MOVE + name) for name in said["moves"].split()}
            meanings = {name: said[MEANING + name] for name in said["knobs"].split()}
            deviations = {name: float(said[DEVIATION + name]) for name in moves if DEVIATION + name in said}
            latents = tuple(map(int, said["latents"].split()))
            return StyleSpace(latents, file.get_tensor("mean"), file.get_tensor("components"), moves, meanings, deviations)
    except SafetensorError as error:
        raise ValueError(f"it is no safetensors file ({error})") from None
