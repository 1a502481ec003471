"""A feedback that keeps a performance near its tempo. Imports nothing but the standard library.

The network learns from human performances but continues its own. Its average error, a few percent of each inter-onset interval, becomes the
tempo from which the next interval is expected, and accumulates. The feedback moves each onset against the drift of the tempo from that of
the beginning, relative to the notated or expected one: a share at once, and all of it within about RETURN_S.
"""

import math
from dataclasses import dataclass

RETURN_S = 6.0
AT_ONCE = 0.5
MOST = math.log(2)  # of the correction of one onset, and of the accumulated drift


@dataclass
class TempoHold:
    """``ratio``: the performance's initial tempo divided by the notated one; ``slower``: the accumulated drift, in log of seconds."""

    ratio: float
    slower: float = 0.0

    def deviation(self, deviation: float, tempo: float, written: float, at_once: float) -> float:
        """Return the corrected onset deviation of a note; ``tempo`` and ``written`` are in quarters a minute.

        ``at_once``: the share of the drift that is corrected at once; AT_ONCE, or 1 if the chosen deviation does not depend on the drift.
        """
        strayed = _within(math.log(self.ratio * written / tempo))
        return deviation + math.expm1(-at_once * strayed - self.slower)

    def passed(self, elapsed_s: float, quarters: float, written: float) -> None:
        """Take the time that passed from one onset to the next."""
        held_s = 60 * quarters / (self.ratio * written)
        share = -math.expm1(-held_s / RETURN_S)
        strayed = _within(math.log(elapsed_s / held_s)) if elapsed_s > 0 else -MOST
        self.slower = _within(self.slower + share * strayed)


def _within(value: float) -> float:
    return min(max(value, -MOST), MOST)
