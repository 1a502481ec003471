"""How windows of notes overlap when a piece is performed window by window. Imports nothing."""

OVERLAP_SHARE = 0.25  # of a window, on either side of the notes that it commits


def overlap_notes(window: int) -> int:
    """Return how many notes a window of so many notes shares with the window on either side."""
    return round(window * OVERLAP_SHARE)
