"""What came to a performer and what it put out, so that it can be left out at any moment: no note is lost or left sounding."""

from collections import Counter
from collections.abc import Sequence

from engine.midi.events import (
    PROGRAM_CHANGE,
    Event,
    channel_of,
    control_change,
    is_channel_message,
    is_control_change,
    is_note_off,
    is_note_on,
    note_off,
)
from engine.midi.ledger import PEDALS

Key = tuple[int, int]  # channel and pitch, or channel and controller
MOST_UNREAD = 16  # events that came, each with what was put out for it
GIVEN_UP = 2  # look-aheads after it came, what was not put out never will be: the performer has left it out


class Passage:
    """Events come at one end, and leave at the other as the performer plays them, or ``latency_ns`` later as they are.

    It is told of them while a note waits to be sent, and so reads what it was told later, several at once.
    """

    def __init__(self, latency_ns: int):
        self.latency_ns = latency_ns
        self._held: Counter[Key] = Counter()  # keys that are down where the events come from
        self._strangers: Counter[Key] = Counter()  # of those: struck before the performer began anew, which knows nothing of them
        self._sounding: Counter[Key] = Counter()  # notes that were put out and not ended
        self._onset_ns: dict[Key, int] = {}  # when the last note of a key that was put out is due
        self._pedals: dict[Key, int] = {}  # as they came
        self._pedals_out: dict[Key, int] = {}
        self._programs: dict[int, Event] = {}  # by channel
        self._waiting: list[Event] = []  # that came and were not put out yet; none without a look-ahead
        self._unread: list[tuple[Event | None, tuple[Event, ...]]] = []  # an event that came, if there was one, and what was put out

    def follow(self, came: Event | None, put_out: Sequence[Event] = ()) -> None:
        """Take note of an event that the performer was given, if it was, and of what has left since."""
        self._unread.append((came, tuple(put_out)))
        if len(self._unread) >= MOST_UNREAD:
            self._read()

    def _read(self) -> None:
        unread, self._unread = self._unread, []
        for came, put_out in unread:
            if came:
                self._come(came)
            self._put_out(put_out)

    def _come(self, event: Event) -> None:
        message = event.message
        if is_note_on(message):
            self._held[_key(message)] += 1
        elif is_note_off(message):
            _end(self._held, _key(message))
        elif is_control_change(message) and message[1] in PEDALS:
            self._pedals[_key(message)] = message[2]
        elif message[0] & 0xF0 == PROGRAM_CHANGE:
            self._programs[channel_of(message)] = event
        if self.latency_ns:
            while self._waiting and self._waiting[0].time_ns < event.time_ns - GIVEN_UP * self.latency_ns:
                del self._waiting[0]
            self._waiting.append(event)

    def _put_out(self, events: Sequence[Event]) -> None:
        for event in events:
            message = event.message
            if is_note_on(message):
                self._sounding[_key(message)] += 1
                self._onset_ns[_key(message)] = event.time_ns
            elif is_note_off(message):
                _end(self._sounding, _key(message))
            elif is_control_change(message) and message[1] in PEDALS:
                self._pedals_out[_key(message)] = message[2]
            if self._waiting:
                self._forget(_likeness(message))

    def pass_on(self, event: Event) -> list[Event]:
        """Return an event as it leaves without the performer. No note ends before it has begun."""
        self._read()
        time_ns = event.time_ns + self.latency_ns
        if is_note_off(event.message):
            time_ns = max(time_ns, self._onset_ns.get(_key(event.message), time_ns))
        return self._left([event._replace(time_ns=time_ns)])

    def ends_stranger(self, event: Event) -> bool:
        """Whether an event ends a note that was struck before the performer began anew: it would not know what to do with that."""
        if not (self._strangers and is_note_off(event.message) and (key := _key(event.message)) in self._strangers):
            return False
        _end(self._strangers, key)
        return True

    def leave_out(self, now_ns: int) -> list[Event]:
        """Return what is to be sent as the performer puts out nothing more.

        These are the ends of notes that it has begun by itself, the pedals where the player has them, and all that it still held back.
        """
        self._read()
        to_come = Counter(self._held)
        for event in self._waiting:
            if is_note_off(event.message):
                to_come[_key(event.message)] += 1
            elif is_note_on(event.message):
                to_come[_key(event.message)] -= 1
        sent = []
        for key, sounding in list(self._sounding.items()):
            ends = [Event(max(now_ns, self._onset_ns[key]), note_off(*key))] * (sounding - max(to_come[key], 0))
            sent += self._left(ends)
        moved = {_key(event.message) for event in self._waiting if is_control_change(event.message)}
        for key, value in list(self._pedals_out.items()):
            if value != self._pedals.get(key, 0) and key not in moved:
                sent += self._left([Event(now_ns, control_change(*key, self._pedals.get(key, 0)))])
        waiting, self._waiting = self._waiting, []
        return sent + [passed for event in waiting for passed in self.pass_on(event)]

    def standing(self, now_ns: int) -> list[Event]:
        """Return what a performer that begins now has to be told first: programs, and pedals that are down."""
        self._read()
        self._strangers = Counter(self._held)
        pedals = [Event(now_ns, control_change(*key, value)) for key, value in self._pedals.items() if value]
        return [event._replace(time_ns=now_ns) for event in self._programs.values()] + pedals

    def _left(self, events: list[Event]) -> list[Event]:
        self._put_out(events)
        return events

    def _forget(self, likeness: bytes) -> None:
        """Let the first event that waits to be put out as such be put out."""
        for index, event in enumerate(self._waiting):
            if _likeness(event.message) == likeness:
                del self._waiting[index]
                return


def _key(message: bytes) -> Key:
    return channel_of(message), message[1]


def _end(notes: Counter[Key], key: Key) -> None:
    if notes[key] > 1:
        notes[key] -= 1
    else:
        del notes[key]


def _likeness(message: bytes) -> bytes:
    """Return what an event has in common with what is made of it: of a note all but how hard it is struck or let go."""
    if not is_channel_message(message):
        return message
    if is_note_on(message):
        return message[:2]
    return bytes((0x80 | channel_of(message), message[1])) if is_note_off(message) else message
