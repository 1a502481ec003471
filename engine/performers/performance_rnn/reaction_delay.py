"""What an improviser has noticed and not yet heard, and how long it takes to react."""

from collections import deque
from dataclasses import dataclass, field

# On every machine and clock: a chord that is due sooner is spread by it rather than late by chance.
REACTION_NS = 16_000_000  # after an input it plays nothing for so long
THOUGHT_NS = 1_500_000  # for each note that it heard so much longer, and then each event at the earliest so long after the one before

Changes = list[tuple[int, int]]  # pitches and velocities of notes that begin, velocity 0 of those that end


@dataclass
class ReactionDelay:
    """``reacts_ns`` is when it reacts to the last input; ``reacting`` says that this reaction is not planned yet.

    ``thought_ns`` is the earliest time of the last planned event.
    """

    unheard: deque[tuple[int, Changes]] = field(default_factory=deque)  # when it was, and what
    hearing: deque[int] = field(default_factory=deque)  # events of what was the first of these
    reacts_ns: int = 0
    reacting: bool = False
    thought_ns: int = 0

    def notice(self, time_ns: int, changes: Changes) -> None:
        self.unheard.append((time_ns, changes))
        self.reacts_ns = max(self.reacts_ns, time_ns + REACTION_NS) + THOUGHT_NS * len(changes)
        self.reacting = True

    def react(self) -> None:
        self.reacting = False
        self.thought_ns = self.reacts_ns

    def think(self) -> int:
        """Return the earliest time of one event more."""
        self.thought_ns += THOUGHT_NS
        return self.thought_ns

    def next_ns(self, planned_ns: int) -> int:
        """Return the earliest time that the next event may be due, after one that is planned for ``planned_ns``."""
        return self.reacts_ns if self.reacting else max(self.thought_ns + THOUGHT_NS, planned_ns)
