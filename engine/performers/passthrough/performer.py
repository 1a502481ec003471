"""The performer that changes nothing: every event goes out as it came. Other performers follow its pattern; tests measure against it."""

from collections.abc import Mapping
from pathlib import Path

from engine.base.errors import UsageError
from engine.performers.controls import Control
from engine.performers.notes.performer import NotesPerformer
from engine.performers.passthrough.stream import PassthroughStream


class PassthroughPerformer(NotesPerformer):
    name = "passthrough"
    controls: tuple[Control, ...] = ()
    latency_ns = 0

    def create_stream(self, seed: int, controls: Mapping[str, float]) -> PassthroughStream:
        return PassthroughStream()


def load_performer(model: Path | None, lookahead_s: float | None) -> PassthroughPerformer:
    """Return the performer. Raises UsageError for a model or a look-ahead, as it has neither."""
    if model is not None:
        raise UsageError(f"--model {str(model)!r}: the performer 'passthrough' has no model; leave --model out or choose another performer")
    if lookahead_s:
        raise UsageError("--lookahead: the performer 'passthrough' does not look ahead; leave --lookahead out or choose another performer")
    return PassthroughPerformer()


def known_controls(model: Path | None, lookahead_s: float | None) -> tuple[Control, ...]:
    """Return no controls."""
    return PassthroughPerformer.controls
