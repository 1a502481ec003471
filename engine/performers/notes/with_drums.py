"""A performer with a drummer beside it, who plays channel 10: live each stroke as it comes, of files and scores all of them beforehand."""

import copy
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from engine.base.errors import UsageError
from engine.midi.events import DRUM_CHANNEL, Event, channel_of, is_channel_message
from engine.midi.mpe import Zones
from engine.midi.routing import Routing
from engine.performers.controls import Control
from engine.performers.notes.several import SeveralStreams
from engine.performers.protocol import Drummer, InFile, Performer, PerformerStream
from engine.systems.manifest import Kind, Request

if TYPE_CHECKING:
    from engine.midi.file import MidiTimeline
    from engine.score.piece import Piece

DRUM_CHANNELS = (DRUM_CHANNEL,)


def drum_controls(drummer: str, controls: Sequence[Control]) -> tuple[Control, ...]:
    """Return the drummer's controls as they are called beside another performer's."""
    return tuple(replace(control, name=f"{drummer}.{control.name}") for control in controls)


class WithDrums:
    """Follows the protocols ``Performer`` and ``FilePerformer``; all but drums is the other performer's."""

    def __init__(self, performer: Performer, drummer: Drummer, routing: Routing):
        """``routing``: what both leave alone. Raises UsageError for a performer that improvises."""
        if performer.plays is Kind.IMPROVISES:
            raise UsageError(f"--drums perform: {performer.name!r} improvises, and the drummer performs what is played; leave it out")
        self._performer, self._drummer, self._routing = performer, drummer, routing
        self.name, self.plays, self.latency_ns = performer.name, performer.plays, performer.latency_ns
        self.controls = (*performer.controls, *drum_controls(drummer.name, drummer.controls))

    def check(self, request: Any) -> None:
        self._performer.check(request)

    def perform(
        self, material: "Piece | None", request: Any, controls: Mapping[str, float], seed: int, live: bool
    ) -> PerformerStream:
        """As ``Performer.perform``; of a score the drums are performed beforehand, and go along its tempo."""
        own, drums = self._divided(controls)
        if material is not None:
            material = self._drummer.perform_piece(material, self._routing, drums, seed)
            return self._performer.perform(material, request, own, seed, live)
        streams = (self._performer.perform(None, request, own, seed, live), self._drummer.perform(None, Request(), drums, seed, live))
        return BesideStream(*streams, f"{self._drummer.name}.", [control.name for control in self.controls])

    def perform_file(self, timeline: "MidiTimeline", request: Any, controls: Mapping[str, float], seed: int, live: bool) -> InFile:
        """Perform the drums of a MIDI file beforehand; they then go past the other performer."""
        own, drums = self._divided(controls)
        performed = self._drummer.perform_timeline(timeline, self._routing, drums, seed, DRUM_CHANNELS)
        stream = self._performer.perform(None, request, own, seed, live)
        return InFile(performed, stream, replace(self._routing, perform_drums=False))

    def _divided(self, controls: Mapping[str, float]) -> tuple[dict[str, float], dict[str, float]]:
        """Return the performer's controls, and the drummer's as it calls them."""
        prefix = f"{self._drummer.name}."
        drums = {name.removeprefix(prefix): value for name, value in controls.items() if name.startswith(prefix)}
        return {name: value for name, value in controls.items() if not name.startswith(prefix)}, drums


class BesideStream(SeveralStreams):
    """Channel 10 is the drummer's, who looks ahead as far as the other performer; everything else is the other's."""

    def __init__(self, performer: PerformerStream, drummer: PerformerStream, prefix: str, names: Sequence[str]):
        setters = {
            name: [(drummer, name.removeprefix(prefix)) if name.startswith(prefix) else (performer, name)] for name in names
        }
        super().__init__((performer, drummer), setters)
        self._performer, self._drummer = performer, drummer
        self._zones = Zones()  # of MPE: a channel of theirs is no kit

    def feed(self, event: Event, late: bool = False) -> list[Event]:
        if not self._is_drums(event):
            self._zones.observe(event.message)
            return self._performer.feed(event, late)
        return self._drummer.feed(event, late)

    def _is_drums(self, event: Event) -> bool:
        message = event.message
        return is_channel_message(message) and channel_of(message) == DRUM_CHANNEL and DRUM_CHANNEL not in self._zones

    def foresee(self, events: Sequence[Event]) -> None:
        self._performer.foresee([event for event in events if not self._is_drums(event)])

    def advance(self, now_ns: int) -> list[Event]:
        return _in_order(self._performer.advance(now_ns), self._drummer.advance(now_ns))

    def finish(self) -> list[Event]:
        return _in_order(self._performer.finish(), self._drummer.finish())

    def snapshot(self) -> Any:
        return super().snapshot(), copy.deepcopy(self._zones)

    def restore(self, snapshot: Any) -> None:
        streams, zones = snapshot
        super().restore(streams)
        self._zones = copy.deepcopy(zones)


def _in_order(played: list[Event], struck: list[Event]) -> list[Event]:
    return sorted([*played, *struck], key=lambda event: event.time_ns)
