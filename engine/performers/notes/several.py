"""What streams that are made of several share."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from engine.midi.events import Event
from engine.performers.protocol import ClockFollower, KeyswitchFollower, PerformerStream, WindowedStream

if TYPE_CHECKING:
    from engine.performers.counts import WindowCounts

Setters = Mapping[str, Sequence[tuple[PerformerStream, str]]]  # for each control the streams that have it, and by which name


class SeveralStreams:
    """Base of such streams: what does not depend on how they are put together."""

    def __init__(self, streams: Sequence[PerformerStream], setters: Setters):
        self._streams = streams
        self._setters = setters

    @property
    def counts(self) -> "WindowCounts | None":
        """What became of the windows of the last of them that looks ahead in windows."""
        counts = None
        for stream in self._windowed():
            counts = stream.counts
        return counts

    def next_due_ns(self) -> int | None:
        return min((due_ns for stream in self._streams if (due_ns := stream.next_due_ns()) is not None), default=None)

    def rest(self) -> bool:
        """Let each do a piece of its work; return whether one has more."""
        return any([stream.rest() for stream in self._streams])

    def set_control(self, name: str, value: float) -> None:
        for stream, own in self._setters.get(name, ()):
            stream.set_control(own, value)

    def snapshot(self) -> Any:
        return [stream.snapshot() for stream in self._streams]

    def restore(self, snapshot: Any) -> None:
        for stream, own in zip(self._streams, snapshot, strict=True):
            stream.restore(own)

    def reset(self) -> None:
        for stream in self._streams:
            stream.reset()

    def follow_clock(self, event: Event) -> None:
        for stream in self._streams:
            if isinstance(stream, ClockFollower):
                stream.follow_clock(event)

    def follow_keyswitch(self, event: Event) -> None:
        for stream in self._streams:
            if isinstance(stream, KeyswitchFollower):
                stream.follow_keyswitch(event)

    def work_ahead(self) -> None:
        for stream in self._windowed():
            stream.work_ahead()

    def close(self) -> None:
        for stream in self._windowed():
            stream.close()

    def _windowed(self) -> list[WindowedStream]:
        return [stream for stream in self._streams if isinstance(stream, WindowedStream)]
