"""A stream made of several, each of which performs what the one before it gives out."""

from collections.abc import Sequence

from engine.midi.events import Event
from engine.performers.notes.several import SeveralStreams


class ChainStream(SeveralStreams):
    """The first of them hears what is played. All but the last answer at once."""

    def feed(self, event: Event, late: bool = False) -> list[Event]:
        return self._pass_on([event], 0, late)

    def _pass_on(self, events: list[Event], first: int, late: bool = False) -> list[Event]:
        """Feed events to the streams from ``first`` on."""
        for stream in self._streams[first:]:
            events = [each for event in events for each in stream.feed(event, late)]
        return events

    def foresee(self, events: Sequence[Event]) -> None:
        self._streams[0].foresee(events)

    def advance(self, now_ns: int) -> list[Event]:
        return [sent for index, stream in enumerate(self._streams) for sent in self._pass_on(stream.advance(now_ns), index + 1)]

    def finish(self) -> list[Event]:
        return [sent for index, stream in enumerate(self._streams) for sent in self._pass_on(stream.finish(), index + 1)]
