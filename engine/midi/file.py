"""Standard MIDI files 1.0, read to events in nanoseconds and written back on their own ticks.

What is no message for a port (names, tempos, markers, split or escaped system exclusives) is kept as bytes in its place, so that reading a
file and writing it changes nothing but the spelling of running status.
"""

import os
import sys
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

from engine.base.errors import PerfLiveError
from engine.base.files import whole_file
from engine.midi.events import Event
from engine.midi.tempo_map import TempoMap

END = b"\xff\x2f\x00"  # of a track
NOTHING = b"\xff\x7f\x00"  # a sequencer-specific event without content, which every reader skips
TEMPO = b"\xff\x51\x03"
TRACK_NAME = b"\xff\x03"
META, SYSTEM_EXCLUSIVE, END_OF_EXCLUSIVE = 0xFF, 0xF0, 0xF7
MOST_FAULTS = 3  # that are told of one file
LONGEST_NS = 30 * 24 * 3600 * 1_000_000_000  # thirty days: a longer file is a damaged one
LIVE_DIVISION = 2000  # ticks a quarter; at the default 120 quarters a minute a tick is a quarter of a millisecond

LONGEST_DELTA_TICKS = 0x0FFFFFFF
_DATA_BYTES = {0x80: 2, 0x90: 2, 0xA0: 2, 0xB0: 2, 0xC0: 1, 0xD0: 1, 0xE0: 2}
_REAL_TIME = range(0xF8, 0xFF)
_TO_SEVEN_BITS = bytes(min(value, 127) for value in range(256))


class KeptEvent(NamedTuple):
    """An event of a file that is not for a port: its bytes as they stand after the delta time."""

    tick: int
    position: int  # how many of the track's messages come before it
    data: bytes


@dataclass(frozen=True)
class Track:
    kept: tuple[KeptEvent, ...] = ()
    end_tick: int = 0


@dataclass(frozen=True)
class MidiTimeline:
    """A file's messages in order of time (then track, then place in the track), and what is needed to write the file again."""

    events: list[Event] = field(default_factory=list)
    tracks: tuple[Track, ...] = (Track(),)
    kind: int = 0  # the header's type: 0 for one track, 1 for tracks that sound together
    division: int = LIVE_DIVISION  # the header's field: ticks a quarter, or SMPTE frames and ticks a frame
    tempos: tuple[tuple[int, int], ...] = ()  # (tick, microseconds a quarter)

    @property
    def track_names(self) -> tuple[str, ...]:
        """The name of each track, "" for one without."""
        names = (next((event.data for event in track.kept if event.data[:2] == TRACK_NAME), b"") for track in self.tracks)
        return tuple(_text(name) for name in names)

    @property
    def tempo_map(self) -> TempoMap:
        return TempoMap(self.division, self.tempos)


# Messages with their ticks, what else is in the track, and the tick of its end.
_RawTrack = tuple[list[tuple[int, bytes]], list[KeptEvent], int]


class _Damaged(Exception):
    """Raised while a file is parsed; its text says in a few words what is wrong."""


def read_midi_file(path: str | os.PathLike[str]) -> MidiTimeline:
    """Read a type 0 or type 1 file, in a RIFF wrapper or not.

    A file that is faulty but has events is read as far as it goes, and one line on standard error says what is wrong with it. Raises
    PerfLiveError naming the file when there is none, or none that can be understood.
    """
    try:
        with open(path, "rb") as file:
            start = file.read(14)
            if start[:4] not in (b"MThd", b"RIFF"):
                raise _Damaged("empty" if not start else "not a MIDI file (it does not begin with 'MThd')")
            faults: list[str] = []
            timeline = _parse(_unwrapped(start + file.read(), faults), faults)
    except OSError as error:
        raise PerfLiveError(f"cannot read {os.fspath(path)!r}: {error.strerror}; give the name of a MIDI file") from None
    except _Damaged as error:
        raise PerfLiveError(f"cannot read {os.fspath(path)!r}: {error}; give a standard MIDI file of type 0 or 1") from None
    if faults:
        said = [fault for fault, _ in zip(dict.fromkeys(faults), range(MOST_FAULTS), strict=False)]
        print(f"read what is there of {os.fspath(path)!r}: {'; '.join(said)}", file=sys.stderr, flush=True)
    return timeline


def write_midi_file(path: str | os.PathLike[str], events: Iterable[Event], timeline: MidiTimeline | None = None) -> None:
    """Write ``events`` (time 0 is the start of the file) with the tracks, tempos and texts of ``timeline``, or as a new file.

    The file appears whole or not at all. Raises PerfLiveError when it cannot be written.
    """
    with whole_file(path) as temporary:
        Path(temporary).write_bytes(encode_midi(events, timeline or MidiTimeline()))


def _unwrapped(data: bytes, faults: list[str]) -> bytes:
    """Return the MIDI file inside a RIFF file of kind RMID; any other as it is."""
    if data[:4] != b"RIFF":
        return data
    at = data.find(b"MThd")
    if data[8:12] != b"RMID" or at < 0:
        raise _Damaged("not a MIDI file (a RIFF file without one inside)")
    faults.append("it is wrapped in RIFF")
    return data[at : at + int.from_bytes(data[at - 4 : at], "little")]


def _parse(data: bytes, faults: list[str]) -> MidiTimeline:
    if len(data) < 14:
        raise _Damaged("truncated in its header")
    kind, track_count, division = (int.from_bytes(data[i : i + 2], "big") for i in (8, 10, 12))
    if kind > 1:
        raise _Damaged(f"type {kind}, whose tracks are separate pieces")
    raw = _parse_tracks(data, track_count, faults)
    kept_in_order = sorted((event for _, kept, _ in raw for event in kept), key=lambda event: event.tick)
    tempos = tuple((event.tick, int.from_bytes(event.data[3:], "big")) for event in kept_in_order if event.data[:3] == TEMPO)
    try:
        tempo_map = TempoMap(division, tempos)
    except ValueError:
        raise _Damaged(f"its time division 0x{division:04x} means nothing") from None
    last_tick = max((end_tick for _, _, end_tick in raw), default=0)
    if tempo_map.to_ns(last_tick) > LONGEST_NS:
        raise _Damaged(f"it claims to last {tempo_map.to_ns(last_tick) / 86_400e9:.0f} days; at most 30 are taken")
    placed = sorted(
        ((tick, number, message) for number, (messages, _, _) in enumerate(raw) for tick, message in messages),
        key=lambda place: place[:2],
    )
    events = [Event(tempo_map.to_ns(tick), message, number) for tick, number, message in placed]
    tracks = tuple(Track(tuple(kept), end_tick) for _, kept, end_tick in raw)
    return MidiTimeline(events, tracks, 1 if len(tracks) > 1 else kind, division, tempos)


def _parse_tracks(data: bytes, count: int, faults: list[str]) -> list[_RawTrack]:
    """Parse all tracks that are there; chunks of other kinds are skipped, as the standard asks.

    Lengths are believed where a chunk follows the track's end; elsewhere the track's own end counts.
    """
    raw: list[_RawTrack] = []
    at = 8 + int.from_bytes(data[4:8], "big")
    while at + 8 <= len(data):
        end = at + 8 + int.from_bytes(data[at + 4 : at + 8], "big")
        if data[at : at + 4] == b"MTrk":
            found: list[str] = []
            track, ended_at = _parse_track(data[at + 8 : end], found)
            faults += [f"{fault} in track {len(raw) + 1}" for fault in found]
            ended_at += at + 8
            if end > len(data) or (ended_at < end and data[ended_at : ended_at + 4] == b"MTrk"):
                ends = data[ended_at - len(END) : ended_at] == END
                number = len(raw) + 1
                faults.append(f"the length of track {number} is wrong" if ends else f"the file is cut short in track {number}")
                end = ended_at if data[ended_at : ended_at + 4] == b"MTrk" else len(data)
            raw.append(track)
        elif not data[at : at + 4].isalnum():
            at = data.find(b"MTrk", at)
            if at < 0:
                break  # what follows the last track is not the file's yet: a recording that is being written has it
            faults.append("there is something between its tracks that is no chunk")
            continue
        at = end
    if len(raw) != count:
        faults.append(f"it has {len(raw)} of the {count} tracks that its header counts")
    if faults and count and not any(messages for messages, _, _ in raw):
        raise _Damaged(faults[0])
    return raw


def _read_length(data: bytes, at: int) -> tuple[int, int]:
    """Return the variable-length number at ``at`` and the place after it."""
    value = 0
    for i in range(at, at + 4):
        value = value << 7 | data[i] & 0x7F
        if data[i] < 0x80:
            return value, i + 1
    raise _Damaged("a number of more than four bytes")


def _parse_track(data: bytes, faults: list[str]) -> tuple[_RawTrack, int]:
    """Return the track as far as it can be read, and the place where it ends. ``faults`` takes what is wrong with it."""
    messages: list[tuple[int, bytes]] = []
    kept: list[KeptEvent] = []
    tick = at = status = 0
    try:
        while at < len(data):
            delta, at = _read_length(data, at)
            first = data[at]
            if first in _REAL_TIME:
                faults.append(f"real-time byte 0x{first:02x}")
                at += 1
                tick += delta
                continue
            if first >= SYSTEM_EXCLUSIVE:
                event, at = _read_unusual(data, at)
                tick += delta
                if event[:2] == END[:2]:
                    break
                _add_unusual(event, tick, messages, kept, faults)
                continue
            if first >= 0x80:
                status = first
                at += 1
            elif not status:
                raise _Damaged(f"byte 0x{first:02x} where a message should begin")
            end = at + _DATA_BYTES[status & 0xF0]
            if end > len(data):
                raise IndexError
            tick += delta
            messages.append((tick, bytes((status,)) + data[at:end].translate(_TO_SEVEN_BITS)))
            at = end
    except IndexError:
        faults.append("truncated in the middle of an event")
        at = len(data)
    except _Damaged as damaged:
        faults.append(str(damaged))
        at = len(data)
    return (messages, kept, tick), at


def _add_unusual(event: bytes, tick: int, messages: list[tuple[int, bytes]], kept: list[KeptEvent], faults: list[str]) -> None:
    """Put a meta event or system exclusive where it belongs: whole exclusives are messages, all else is kept."""
    if event[0] == SYSTEM_EXCLUSIVE and event[-1] == END_OF_EXCLUSIVE:
        _, body = _read_length(event, 1)
        messages.append((tick, b"\xf0" + event[body:-1].translate(_TO_SEVEN_BITS) + b"\xf7"))
    elif event[:3] == TEMPO and not any(event[3:]):
        faults.append("a tempo of 0 microseconds a quarter, which is left out,")
    else:
        kept.append(KeptEvent(tick, len(messages), event))


def _read_unusual(data: bytes, at: int) -> tuple[bytes, int]:
    """Return the meta event, system exclusive or escape at ``at``, whole, and the place after it."""
    if data[at] not in (META, SYSTEM_EXCLUSIVE, END_OF_EXCLUSIVE):
        raise _Damaged(f"byte 0x{data[at]:02x} where a message should begin")
    length, body = _read_length(data, at + 2 if data[at] == META else at + 1)
    if body + length > len(data):
        raise IndexError
    return data[at : body + length], body + length


def _text(event: bytes) -> str:
    """Return the text of a meta event; "" for no event. The standard names no character set: it is UTF-8, or else Latin-1."""
    if not event:
        return ""
    _, body = _read_length(event, 2)
    try:
        return event[body:].decode()
    except UnicodeDecodeError:
        return event[body:].decode("latin-1")


def encode_length(value: int) -> bytes:
    """Return ``value`` as a variable-length number, seven bits a byte, the highest first."""
    encoded = [value & 0x7F]
    while value := value >> 7:
        encoded.append(value & 0x7F | 0x80)
    return bytes(reversed(encoded))


def encode_delta(ticks: int) -> bytes:
    """Return a delta time, made of several where the format's longest is too short."""
    encoded = b""
    while ticks > LONGEST_DELTA_TICKS:
        encoded += encode_length(LONGEST_DELTA_TICKS) + NOTHING
        ticks -= LONGEST_DELTA_TICKS
    return encoded + encode_length(ticks)


def encode_message(message: bytes) -> bytes:
    """Return a message as it stands in a file; empty for system common and real-time messages, which have no place there."""
    if 0x80 <= message[0] < SYSTEM_EXCLUSIVE:
        return message
    if message[0] == SYSTEM_EXCLUSIVE:
        return b"\xf0" + encode_length(len(message) - 1) + message[1:]
    return b""


def encode_midi(events: Iterable[Event], timeline: MidiTimeline) -> bytes:
    """Return the bytes of a file with ``events`` in the tracks of ``timeline``; an event of an unknown track goes into the first."""
    to_tick = timeline.tempo_map.to_tick
    messages: list[list[tuple[int, bytes]]] = [[] for _ in timeline.tracks]
    for event in sorted(events, key=lambda event: event.time_ns):
        if encoded := encode_message(event.message):
            number = event.track if event.track < len(messages) else 0
            messages[number].append((to_tick(event.time_ns), encoded))
    chunks = [_encode_track(track, own) for track, own in zip(timeline.tracks, messages, strict=True)]
    header = (6).to_bytes(4, "big") + b"".join(
        value.to_bytes(2, "big") for value in (timeline.kind, len(chunks), timeline.division)
    )
    return b"MThd" + header + b"".join(b"MTrk" + len(chunk).to_bytes(4, "big") + chunk for chunk in chunks)


def _encode_track(track: Track, messages: list[tuple[int, bytes]]) -> bytes:
    """Merge what was kept with the messages: by tick, and at the same tick in the original order."""
    kept_places = [(event.tick, event.position, 0, event.data) for event in track.kept]
    # A message's place among the kept events of its own tick: after those that stood before it in the file.
    placed = [(tick, position, 1, data) for position, (tick, data) in enumerate(messages)]
    merged = sorted(kept_places + placed, key=lambda place: place[:3])
    body = bytearray()
    now = 0
    for tick, _, _, data in merged:
        body += encode_delta(tick - now) + data
        now = tick
    return bytes(body + encode_delta(max(track.end_tick, now) - now) + END)
