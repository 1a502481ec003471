"""What the numbers of a style vector do: learnt ways to move what is heard, and principal components. NumPy only.

A style vector is a note's latents of the whole performance, of its bar, its beat and its onset, one after the other.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

LEVEL_NAMES = ("piece", "bar", "beat", "onset")
FORMAT = 1


@dataclass(frozen=True)
class StyleSpace:
    """Of the styles of humans; ``latents`` says how many each level of LEVEL_NAMES has, W in all.

    ``moves``: by quality (see training.score_performer_style_space) the way (W,) that moves it by a deviation. ``mean`` (W,), and
    ``components`` (W, W): in each row what one deviation along a principal component adds, each level's by themselves, the largest first.
    ``names`` and ``meanings`` (in words, what it goes with) of the components that are knobs: each level's first ones, as in bar-1.
    """

    latents: tuple[int, ...]
    mean: np.ndarray
    components: np.ndarray
    moves: Mapping[str, np.ndarray]
    meanings: Mapping[str, str]

    @property
    def width(self) -> int:
        return sum(self.latents)

    def columns(self, level: int) -> slice:
        """Return where a level's latents are in a style, and its components among the components."""
        begin = sum(self.latents[:level])
        return slice(begin, begin + self.latents[level])

    @property
    def knobs(self) -> dict[str, np.ndarray]:
        """All that can be turned by name: what one deviation of it adds (W,)."""
        numbered = {f"{name}-{index + 1}": row for level, name in enumerate(LEVEL_NAMES) for index, row in enumerate(self._rows(level))}
        return {name: self.moves[name] if name in self.moves else numbered[name] for name in self.meanings}

    def _rows(self, level: int) -> np.ndarray:
        return self.components[self.columns(level)]

    def save(self, path: Path) -> None:
        """Write a file that ``load_style_space`` reads."""
        arrays: dict[str, Any] = {f"move/{name}": move for name, move in self.moves.items()}
        arrays |= {f"meaning/{name}": np.array(meaning) for name, meaning in self.meanings.items()}
        with path.open("wb") as file:
            np.savez(file, format=FORMAT, latents=self.latents, mean=self.mean, components=self.components, **arrays)


def load_style_space(path: Path) -> StyleSpace:
    """Read what ``save`` wrote. Raises OSError when the file cannot be read, ValueError when it is another one."""
    with path.open("rb") as file:
        stored = np.load(file, allow_pickle=False)
        if not isinstance(stored, np.lib.npyio.NpzFile):
            raise ValueError("it holds a single array")
        if "format" not in stored or int(stored["format"]) != FORMAT:
            raise ValueError(f"it is no style space of format {FORMAT}")
        arrays = dict(stored)
    moves, meanings = (
        {name.removeprefix(kind): array for name, array in arrays.items() if name.startswith(kind)} for kind in ("move/", "meaning/")
    )
    words = {name: str(text) for name, text in meanings.items()}
    return StyleSpace(tuple(arrays["latents"].tolist()), arrays["mean"], arrays["components"], moves, words)
