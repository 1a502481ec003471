"""What the performers of scores have in common: without a score they play nothing."""

from engine.base.errors import UsageError
from engine.score.piece import Piece


def require_score(material: Piece | None, performer: str) -> Piece:
    """Return the score. Raises UsageError when there is none."""
    if material is None:
        how = "give a score with --score FILE, or --lookahead 2 for live notes"
        raise UsageError(f"the performer {performer!r} must know what follows: {how}")
    return material
