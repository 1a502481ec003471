"""A stream that changes nothing."""

from engine.performers.notes.stateless import StatelessStream


class PassthroughStream(StatelessStream):
    """Every event goes out as it came."""
