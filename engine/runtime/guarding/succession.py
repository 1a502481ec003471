"""The stream that plays and those before it that are not over. So a performer is exchanged in mid-chord: notes end where they began."""

import threading
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from typing import Any

from engine.midi.events import Event, channel_of, is_control_change, is_note_off, is_note_on, note_off
from engine.midi.held import ends_all_notes
from engine.midi.ledger import MOST_OVERLAPS, PEDALS
from engine.performers.notes.stateless import StatelessStream
from engine.performers.protocol import ClockFollower, KeyswitchFollower, PausableStream, PerformerStream, WindowedStream
from engine.runtime.guarding.guard import GuardedStream, PlainStream

Guarded = GuardedStream | PlainStream
Pedals = dict[tuple[int, int], int]  # channel and controller: value
PASSING = StatelessStream()


@dataclass(frozen=True)
class Predecessor:
    """A stream that looks ahead and begins no more notes. It is over a look-ahead later, or when the last of its keys is let go."""

    stream: PerformerStream
    guarded: Guarded
    until_ns: int


class Succession:
    """What the loop feeds: speaks as one stream, each of which fails alone."""

    def __init__(self, stream: PerformerStream, guarded: Guarded, parted: Callable[[Pedals], None] = lambda pedals: None):
        """``guarded`` is the stream as it is called. ``parted`` is told when a predecessor is over, and where the player's own pedals are
        then.
        """
        self.stream = stream
        self._guarded = guarded
        self._parted = parted
        self._before: list[Predecessor] = []
        self._owners: dict[tuple[int, int, int], list[Any]] = {}  # track, channel, pitch: who began the notes, oldest first
        self._pedals: Pedals = {}
        self._past: dict[tuple[int, int], list[int]] = {}  # by channel and pitch, of notes that go past it: how much later each leaves
        self._failures = self._passed = 0  # of those that are over
        self._kept: Guarded | None = None

    @property
    def failures(self) -> int:
        """How often a performer was left out."""
        return self._failures + sum(each.failures for each in self._all())

    @property
    def passed(self) -> int:
        """How many notes went out as they came."""
        return self._passed + sum(each.passed for each in self._all())

    def exchange(self, stream: PerformerStream, guarded: Guarded, now_ns: int, latency_ns: int, improvises: bool) -> list[Event]:
        """Let ``stream`` begin all further notes; return what ends those that an improviser has begun by itself.

        ``latency_ns`` is the look-ahead of the one that has played: with none, the ends of its notes go out as they come.
        """
        before, last = self._guarded, self.stream
        self.stream, self._guarded = stream, guarded
        if latency_ns:
            before.retire()
            self._before.append(Predecessor(last, before, now_ns + latency_ns))
            return []
        for owners in self._owners.values():
            owners[:] = [PASSING if owner is before else owner for owner in owners]
        ends = []
        if improvises:
            before.set_control("seconds", 0.0)  # every improviser's: how long it goes on when its input has ended
            ends = before.finish()
        self._count(before)
        return ends

    def feed(self, event: Event, late: bool) -> list[Event]:
        message = event.message
        if is_note_on(message):
            return self._begin(event, late)
        if is_note_off(message):
            return self._end(event, late)
        sent: list[Event] = []
        if is_control_change(message):
            sent = self._let_go(event, late) if ends_all_notes(message) else []
            self.follow_controller(message)
        return sent + self._guarded.feed(event, late)

    def follow_past(self, event: Event, latency_ns: int) -> Event:
        """Return an event that goes past the performer, ``latency_ns`` later; the end of a note as much later as its beginning."""
        message = event.message
        if is_note_on(message):
            begun = self._past.setdefault((channel_of(message), message[1]), [])
            begun[:] = [*begun[1 - MOST_OVERLAPS :], latency_ns]
        elif is_note_off(message):
            begun = self._past.get((channel_of(message), message[1]), [])
            latency_ns = begun.pop(0) if begun else latency_ns
        elif is_control_change(message):
            self.follow_controller(message)
        return event._replace(time_ns=event.time_ns + latency_ns) if latency_ns else event

    def follow_controller(self, message: bytes) -> None:
        """Hear a control change, which may go past the performer: where the pedals are, and that a channel's keys are let go."""
        if message[1] in PEDALS:
            self._pedals[channel_of(message), message[1]] = message[2]
        elif ends_all_notes(message):
            self._owners = {key: owners for key, owners in self._owners.items() if key[1] != channel_of(message)}

    def _begin(self, event: Event, late: bool) -> list[Event]:
        message = event.message
        key = event.track, channel_of(message), message[1]
        owners = self._owners.get(key)
        if not owners:
            self._owners[key] = [self._guarded]
            return self._guarded.feed(event, late)
        sent: list[Event] = []
        if owners[0] is not self._guarded:  # the key is struck again: what it has begun before is over
            release = event._replace(message=note_off(channel_of(message), message[1]))
            sent = [each for owner in owners if owner is not self._guarded for each in owner.feed(release, late)]
            owners[:] = [owner for owner in owners if owner is self._guarded]
        if len(owners) < MOST_OVERLAPS:
            owners.append(self._guarded)
        return sent + self._guarded.feed(event, late)

    def _end(self, event: Event, late: bool) -> list[Event]:
        owners = self._owners.get((event.track, channel_of(event.message), event.message[1]))
        ended: list[Event] = (owners.pop(0) if owners else self._guarded).feed(event, late)
        return ended

    def _let_go(self, event: Event, late: bool) -> list[Event]:
        """End the notes of a channel one by one, as performers know notes and not what ends them all, before it is said to the channel."""
        channel = channel_of(event.message)
        held = [(track, pitch) for (track, own, pitch), owners in self._owners.items() if own == channel for _ in owners]
        releases = [Event(event.time_ns, note_off(channel, pitch), track) for track, pitch in held]
        return [each for release in releases for each in self._end(release, late)]

    def foresee(self, events: Sequence[Event]) -> None:
        self._guarded.foresee(events)

    def next_due_ns(self) -> int | None:
        due_ns = self._guarded.next_due_ns()
        if not self._before:
            return due_ns
        return min((time_ns for time_ns in (due_ns, *map(self._due_ns, self._before)) if time_ns is not None), default=None)

    def advance(self, now_ns: int) -> list[Event]:
        sent = self._guarded.advance(now_ns)
        for each in [*self._before]:
            sent = [*sent, *each.guarded.advance(now_ns)]
            due_ns = self._due_ns(each)
            if each.guarded.next_due_ns() is None and due_ns is not None and due_ns <= now_ns:
                self._part(each)
        return sent

    def _due_ns(self, predecessor: Predecessor) -> int | None:
        """Return when a predecessor has something to give or, when there is nothing more to come, is over; None while it holds a key."""
        due_ns = predecessor.guarded.next_due_ns()
        if due_ns is not None:
            return due_ns
        held = any(owner is predecessor.guarded for owners in self._owners.values() for owner in owners)
        return None if held else predecessor.until_ns

    def _part(self, predecessor: Predecessor) -> None:
        self._before.remove(predecessor)
        self._count(predecessor.guarded)
        self._parted(dict(self._pedals))
        threading.Thread(target=close, args=(predecessor.stream,), name="parting", daemon=True).start()  # a worker may still be computing

    def _count(self, over: Guarded) -> None:
        self._failures, self._passed = self._failures + over.failures, self._passed + over.passed

    def finish(self) -> list[Event]:
        return [event for each in self._all() for event in each.finish()]

    def rest(self) -> bool:
        return self._guarded.rest()

    def set_control(self, name: str, value: float) -> None:
        self._guarded.set_control(name, value)

    def follow_clock(self, event: Event) -> None:
        for stream, guarded in self._pairs():
            if isinstance(stream, ClockFollower):
                guarded.tell(stream.follow_clock, event)

    def follow_keyswitch(self, event: Event) -> None:
        for stream, guarded in self._pairs():
            if isinstance(stream, KeyswitchFollower):
                guarded.tell(stream.follow_keyswitch, event)

    def begin_anew(self, now_ns: int) -> None:
        """Forget what was planned, and what came before; a score pauses where it is."""
        for each in [*self._before]:
            self._part(each)
        self._owners.clear()
        if isinstance(self.stream, PausableStream):
            self._guarded.tell(self.stream.pause, now_ns)
        else:
            self._guarded.begin_anew()

    def work_ahead(self) -> None:
        """Let the stream's worker begin, if it has one."""
        if isinstance(self.stream, WindowedStream):
            self._guarded.tell(self.stream.work_ahead)

    def close(self) -> None:
        """End the workers."""
        for stream, _ in self._pairs():
            close(stream)

    def is_kept(self, most_looks: int) -> bool:
        """Look whether one of the streams is in the same call as at the last ``most_looks`` looks. Called by another thread."""
        kept = [each for each in self._all() if isinstance(each, GuardedStream) and each.is_kept(most_looks)]
        self._kept = kept[0] if kept else None
        return self._kept is not None

    def overtake(self) -> bool:
        """Leave that stream out; return whether another thread is to go on in its place."""
        return isinstance(self._kept, GuardedStream) and self._kept.overtake()

    def _pairs(self) -> list[tuple[PerformerStream, Guarded]]:
        return [*((each.stream, each.guarded) for each in self._before), (self.stream, self._guarded)]

    def _all(self) -> list[Guarded]:
        return [guarded for _, guarded in self._pairs()]


def close(stream: PerformerStream) -> None:
    """End a stream's worker, if it has one."""
    if isinstance(stream, WindowedStream):
        stream.close()


def corrections(down: Collection[tuple[int, int]], player: Pedals) -> Pedals:
    """Return what puts the pedals that are ``down`` where the player has them."""
    wanted = {key: player.get(key, 0) for key in {*down, *player}}
    return {key: value for key, value in wanted.items() if (value > 0) != (key in down)}
