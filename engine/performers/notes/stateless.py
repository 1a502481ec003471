"""A stream without state: every event goes out as it came. Streams that also send events of their own are subclasses."""

from collections.abc import Sequence

from engine.midi.events import Event


class StatelessStream:
    """Follows the protocol ``PerformerStream``; its snapshots are empty."""

    def feed(self, event: Event, late: bool = False) -> list[Event]:
        return [event]

    def foresee(self, events: Sequence[Event]) -> None:
        pass

    def advance(self, now_ns: int) -> list[Event]:
        return []

    def next_due_ns(self) -> int | None:
        return None

    def finish(self) -> list[Event]:
        return []

    def rest(self) -> bool:
        return False

    def set_control(self, name: str, value: float) -> None:
        pass

    def snapshot(self) -> None:
        return None

    def restore(self, snapshot: None) -> None:
        pass

    def reset(self) -> None:
        pass


class DelayedStream(StatelessStream):
    """Everything leaves as it is, ``latency_ns`` later."""

    def __init__(self, latency_ns: int):
        self._latency_ns = latency_ns

    def feed(self, event: Event, late: bool = False) -> list[Event]:
        return [event._replace(time_ns=event.time_ns + self._latency_ns)]


class TakeStream(StatelessStream):
    """Plays what comes as it is, then a take that goes on from it."""

    def __init__(self, take: list[Event]):
        self._take = take

    def finish(self) -> list[Event]:
        return self._take
