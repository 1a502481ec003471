"""What is sounding: the notes and pedals that were sent down and not yet released."""

from engine.midi.events import (
    CONTROL_CHANGE,
    NOTE_OFF,
    NOTE_ON,
    SOFT_PEDAL,
    SOSTENUTO_PEDAL,
    SUSTAIN_PEDAL,
    Event,
    control_change,
    note_off,
)

PEDALS = (SUSTAIN_PEDAL, SOSTENUTO_PEDAL, SOFT_PEDAL)
MOST_OVERLAPS = 16  # of one key: a sender of note-ons that never sends a note-off must not fill the memory
MOST_UNREAD = 16  # messages


class NoteLedger:
    """Counts, for each channel and pitch, the note-ons that still wait for their note-off, and keeps the pedals that are down.

    It is told of messages while the next note waits, and so reads them later, several at once.
    All-notes-off (controllers 120 and 123 to 127) clears nothing here: many instruments ignore it, and a note-off too many does no harm.
    """

    def __init__(self) -> None:
        self._sounding: dict[tuple[int, int], list[int]] = {}  # (channel, pitch) -> the file track of each note-on, oldest first
        self._pedals: dict[tuple[int, int], int] = {}  # (channel, controller) -> file track
        self._unread: list[tuple[bytes, int]] = []  # messages and tracks

    def observe(self, message: bytes, track: int = 0) -> None:
        """Take note of one sent message. System messages and anything else that starts or ends no note are ignored."""
        self._unread.append((message, track))
        if len(self._unread) >= MOST_UNREAD:
            self._read()

    def _read(self) -> None:
        unread, self._unread = self._unread, []
        for message, track in unread:
            self._count(message, track)

    def _count(self, message: bytes, track: int) -> None:
        kind = message[0] & 0xF0
        if kind == NOTE_ON and message[2] > 0:
            tracks = self._sounding.setdefault((message[0] & 0x0F, message[1]), [])
            if len(tracks) < MOST_OVERLAPS:
                tracks.append(track)
        elif kind in (NOTE_ON, NOTE_OFF):
            key = (message[0] & 0x0F, message[1])
            tracks = self._sounding.get(key, [])
            if len(tracks) > 1:
                tracks.pop(tracks.index(track) if track in tracks else 0)
            else:
                self._sounding.pop(key, None)
        elif kind == CONTROL_CHANGE and message[1] in PEDALS:
            if message[2] > 0:
                self._pedals[message[0] & 0x0F, message[1]] = track
            else:
                self._pedals.pop((message[0] & 0x0F, message[1]), None)

    @property
    def sounding(self) -> int:
        """How many notes sound (a key pressed twice counts twice)."""
        self._read()
        return sum(len(tracks) for tracks in self._sounding.values())

    @property
    def pedals(self) -> set[tuple[int, int]]:
        """The pedals that are down: channel and controller."""
        self._read()
        return set(self._pedals)

    def release_all(self, time_ns: int = 0) -> list[Event]:
        """Forget everything; return what ends it, all due at ``time_ns``: the note-offs, then the pedals at 0."""
        events = self.releases(time_ns)
        self._sounding.clear()
        self._pedals.clear()
        return events

    def releases(self, time_ns: int) -> list[Event]:
        """Return what would end everything, all due at ``time_ns``."""
        self._read()
        notes = [Event(time_ns, note_off(*key), track) for key, tracks in self._sounding.items() for track in tracks]
        pedals = [Event(time_ns, control_change(*key, 0), track) for key, track in self._pedals.items()]
        return notes + pedals
