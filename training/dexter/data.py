"""Pieces as DExter's networks are trained on them."""

from pathlib import Path

from training.datasets.asap import Split
from training.performance.pieces import load_performed_pieces
from training.performance.windows import Shown, show


def load_shown_pieces(root: Path, split: Split, cache: Path) -> list[list[Shown]]:
    """Return the pieces of a split of the (n)ASAP folder ``root``, each in all its presentations; what is slow to read is in ``cache``."""
    return [[show(presentation) for presentation in piece.presentations] for piece in load_performed_pieces(root, split, cache)]


def load_followed_presentations(root: Path, cache: Path) -> list[tuple[str, Shown]]:
    """Return every second validation piece, which a training is followed by: the kind of each presentation, and what is shown of it."""
    pieces = load_performed_pieces(root, "validation", cache)[::2]
    return [(shown.kind, show(shown)) for piece in pieces for shown in piece.presentations]
