"""A stream made of several, one for each range of keys."""

from collections.abc import Sequence

from engine.midi.events import Event
from engine.midi.routing import OF_KEYS
from engine.performers.notes.several import Setters, SeveralStreams
from engine.performers.protocol import PerformerStream


class SplitStream(SeveralStreams):
    """A key belongs to one stream, or to none and goes out as it came; everything else is heard by all and goes out once."""

    def __init__(self, streams: Sequence[PerformerStream], ranges: Sequence[frozenset[int]], setters: Setters):
        super().__init__(streams, setters)
        self._ranges = ranges
        self._by_key = {key: stream for keys, stream in zip(ranges, streams, strict=True) for key in keys}

    def feed(self, event: Event, late: bool = False) -> list[Event]:
        if event.message[0] & 0xF0 in OF_KEYS:
            stream = self._by_key.get(event.message[1])
            return stream.feed(event, late) if stream else [event]
        return [*(sent for stream in self._streams for sent in stream.feed(event, late) if sent != event), event]

    def foresee(self, events: Sequence[Event]) -> None:
        for keys, stream in zip(self._ranges, self._streams, strict=True):
            stream.foresee([event for event in events if event.message[0] & 0xF0 not in OF_KEYS or event.message[1] in keys])

    def advance(self, now_ns: int) -> list[Event]:
        return [sent for stream in self._streams for sent in stream.advance(now_ns)]

    def finish(self) -> list[Event]:
        return [sent for stream in self._streams for sent in stream.finish()]
