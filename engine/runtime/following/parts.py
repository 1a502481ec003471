"""Which notes of a score are the soloist's: a part by its name, a track, a staff or a hand."""

from collections.abc import Mapping

import numpy as np

from engine.base.errors import UsageError
from engine.score.estimation.hands import left_hand
from engine.score.piece import Piece

AUTO = "auto"
HANDS = ("right", "left")
UPPER_STAFF = 1


def solo_rows(piece: Piece, said: str) -> np.ndarray:
    """Return whether each note (N,) of the printed score is the soloist's. Raises UsageError, which lists the parts, for another name."""
    named = choices(piece)
    found = {name: rows for name, rows in named.items() if name.casefold() == said.strip().casefold()}
    if not found:
        found = {name: rows for name, rows in named.items() if said.strip() and name.casefold().startswith(said.strip().casefold())}
    if len(found) != 1:
        why = "several parts begin so" if found else "the score has no such part"
        raise UsageError(f"--follow {said!r}: {why}; allowed: {', '.join([*(found or named), AUTO])}")
    rows = next(iter(found.values()))
    if rows.all():
        raise UsageError(f"--follow {said!r}: these are all notes of the score, and none is left to accompany; give left, right or {AUTO}")
    return rows


def choices(piece: Piece) -> Mapping[str, np.ndarray]:
    """Return what can be followed, by name: parts and tracks, staves where there are several, and hands."""
    names, notes = piece.timeline.track_names, piece.score.notes
    found: dict[str, np.ndarray] = {}
    for track in np.unique(piece.tracks).tolist():
        name = names[track] if track < len(names) and names[track] else f"track {track + 1}"
        found[name if name not in found else f"{name} (track {track + 1})"] = piece.tracks == track
    staves = np.unique(notes["staff"]).tolist()
    if len(staves) > 1 and len(found) == 1:
        found |= {f"staff {staff}": notes["staff"] == staff for staff in staves}
    if len(found) == 1 or len(staves) > 1:
        found |= _hands(piece)
    return found


def alternatives(piece: Piece) -> Mapping[str, np.ndarray]:
    """Return what a soloist may turn out to play: one of the parts, or a hand where there is only one."""
    parts = {name: rows for name, rows in choices(piece).items() if name not in HANDS and not name.startswith("staff ")}
    return parts if len(parts) > 1 else _hands(piece)


def _hands(piece: Piece) -> dict[str, np.ndarray]:
    notes = piece.score.notes
    if len(np.unique(notes["staff"])) > 1:
        left = notes["staff"] > UPPER_STAFF
    else:
        left = left_hand(notes["onset_quarter"], notes["pitch"], piece.tracks)
    return {"right": ~left, "left": left}
