"""What became of the windows of a performance that is computed window by window, or of its notes where it is computed note by note."""

from dataclasses import dataclass


@dataclass
class WindowCounts:
    """``windows`` that were played, and the ``evaluations`` of the network and ``seconds`` of computing that they took.

    ``reduced`` windows had fewer evaluations than asked for, as time was short; ``carried`` ones were not sampled at all, as time was up.
    Of these, ``failed`` ones could not be, and ``failure`` is why the first one could not. Where notes are computed one by one, ``failed``
    are notes that were played as written, and all else is 0.
    """

    windows: int = 0
    evaluations: int = 0
    reduced: int = 0
    carried: int = 0
    seconds: float = 0.0
    failed: int = 0
    failure: Exception | None = None

    def fail(self, failure: Exception) -> None:
        """Count a window that could not be computed: live it is done without."""
        self.failed += 1
        self.failure = self.failure or failure
