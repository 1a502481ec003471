"""What keeps a performance near its tempo.

The network learns from humans' performances and then goes on from its own: what it is early or late by on average, a few percent of each
gap, becomes the tempo from which the next gap is expected, and adds up without end. Held, an onset is moved by what the tempo has strayed
from that of the beginning, relative to the one that is written or to be expected: a share of it at once, all of it within about RETURN_S.
"""

import math
from dataclasses import dataclass

RETURN_S = 6.0
AT_ONCE = 0.5
MOST = math.log(2)  # of a single onset, and of what is taken back


@dataclass
class TempoHold:
    """``ratio``: of the performance's tempo at its beginning to the notated one; ``slower``: what is taken back, in log of seconds."""

    ratio: float
    slower: float = 0.0

    def deviation(self, deviation: float, tempo: float, written: float, at_once: float) -> float:
        """Return the onset deviation with which a note is played, of the one that was chosen, expected at ``tempo``; quarters a minute.

        ``at_once``: AT_ONCE, or all of it where the chosen one does not know how the tempo came to stray.
        """
        strayed = _within(math.log(self.ratio * written / tempo))
        return deviation + math.expm1(-at_once * strayed - self.slower)

    def passed(self, elapsed_s: float, quarters: float, written: float) -> None:
        """Hear how long the way from one onset to the next took."""
        held_s = 60 * quarters / (self.ratio * written)
        share = -math.expm1(-held_s / RETURN_S)
        strayed = _within(math.log(elapsed_s / held_s)) if elapsed_s > 0 else -MOST
        self.slower = _within(self.slower + share * strayed)


def _within(value: float) -> float:
    return min(max(value, -MOST), MOST)
