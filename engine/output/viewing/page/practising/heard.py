"""What a soloist has played, stroke by stroke, and where the follower heard it."""

from collections import deque
from collections.abc import Mapping
from typing import Any

MOST_STROKES = 20_000  # the last ones


class Heard:
    """Told by one thread and read by another."""

    def __init__(self) -> None:
        self._strokes: deque[tuple[float, int, int, float | None]] = deque(maxlen=MOST_STROKES)
        self._part: str | None = None

    def take(self, snapshot: Mapping[str, Any]) -> None:
        """Take what a snapshot shows of a duo."""
        duo = snapshot.get("duo")
        if not duo:
            return
        self._part = duo["part"]
        quarter = duo["place"]["quarter"] if duo["place"] and not duo["lost"] else None
        for note in snapshot["notes_in"]:
            if note["velocity"]:
                self._strokes.append((note["time_ns"] / 1e9, note["key"], note["velocity"], quarter))

    def told(self) -> dict[str, Any]:
        """Return it for the program that compares it."""
        return {"part": self._part, "strokes": self._strokes.copy()}
