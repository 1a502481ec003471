"""What performers of notes share: they know no score, and only their controls can be set."""

from collections.abc import Mapping
from typing import TYPE_CHECKING

from engine.base.arguments import request_of, whole_number_of
from engine.base.errors import UsageError
from engine.performers.protocol import MOST_SEED, PerformerStream
from engine.systems.manifest import Kind, Request

if TYPE_CHECKING:
    from engine.score.piece import Piece


class NotesPerformer:
    """Base of performers whose ``create_stream`` begins a performance of notes that come one by one."""

    name: str
    plays = Kind.NOTES

    def create_stream(self, seed: int, controls: Mapping[str, float]) -> PerformerStream:
        """Return a new stream; ``controls`` holds a checked value for some or all of the controls."""
        raise NotImplementedError

    def check(self, request: Request) -> None:
        """Raise UsageError for a request that asks for anything: requests are for scores."""
        if said := request_of(request, Request).said():
            flag = request.questions()[said[0]].flag
            raise UsageError(f"{flag} is not for notes that come one by one; leave it out, or give a score")

    def perform(
        self, material: "Piece | None", request: Request, controls: Mapping[str, float], seed: int, live: bool
    ) -> PerformerStream:
        """Return a new stream. Raises UsageError for a score, for a request, which is of a score, and for what is no seed."""
        if material is not None:
            raise UsageError(f"the performer {self.name!r} plays notes as they come, not scores; leave --lookahead out, or choose another")
        self.check(request)
        return self.create_stream(whole_number_of("seed", seed, 0, MOST_SEED), controls)
