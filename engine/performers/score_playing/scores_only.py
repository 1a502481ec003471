"""What the performers of scores have in common: without a score they play nothing."""

from collections.abc import Mapping

from engine.base.errors import UsageError
from engine.performers.protocol import PerformerStream


class ScoresOnly:
    """A performer of scores, whose ``perform`` takes them. ``create_stream`` is for performers of live notes, and refuses."""

    name: str
    latency_ns = 0

    def create_stream(self, seed: int, controls: Mapping[str, float]) -> PerformerStream:
        how = "give a score with --score FILE, or --lookahead 2 for live notes"
        raise UsageError(f"the performer {self.name!r} must know what follows: {how}")
