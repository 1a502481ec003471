"""The bytes of a standard MIDI file as its tracks: as far as they can be read, with what is wrong with them in a few words."""

from typing import NamedTuple

from engine.midi.events import END_OF_EXCLUSIVE, SYSTEM_EXCLUSIVE

END = b"\xff\x2f\x00"  # of a track
NOTHING = b"\xff\x7f\x00"  # a sequencer-specific event without content, which every reader skips
TEMPO = b"\xff\x51\x03"
DEFAULT_TEMPO = TEMPO + (500_000).to_bytes(3, "big")
META = 0xFF
LONGEST_DELTA_TICKS = 0x0FFFFFFF
HEADER_BYTES = 14
NO_HEADER = b"MThd\x00\x00\x00\x06\x00\x01\x00\x00\x00\x00"  # of type 1, counting nothing
_DATA_BYTES = {0x80: 2, 0x90: 2, 0xA0: 2, 0xB0: 2, 0xC0: 1, 0xD0: 1, 0xE0: 2}
_REAL_TIME = range(0xF8, 0xFF)
_TO_SEVEN_BITS = bytes(min(value, 127) for value in range(256))


class KeptEvent(NamedTuple):
    """An event of a file that is not for a port: its bytes as they stand after the delta time."""

    tick: int
    position: int  # how many of the track's messages come before it
    data: bytes


# Messages with their ticks, what else is in the track, and the tick of its end.
RawTrack = tuple[list[tuple[int, bytes]], list[KeptEvent], int]


class Damaged(Exception):
    """Raised while a file is parsed; its text says in a few words what is wrong."""


def read_chunks(data: bytes, faults: list[str]) -> tuple[int, int, list[RawTrack]]:
    """Return the type (0 or 1), the division and the tracks of a file. ``faults`` takes what is wrong with it; raises Damaged."""
    data = _from_header(data, faults)
    if len(data) < HEADER_BYTES:
        raise Damaged("truncated in its header")
    kind, count, division = (int.from_bytes(data[i : i + 2], "big") for i in (8, 10, 12))
    raw = _parse_tracks(data, count, faults)
    if kind > 1:
        kind = 1
        if len(raw) > 1:
            faults.append("its tracks are separate pieces, which are taken one after another")
            raw = _one_after_another(raw)
    return kind, division, raw


def _from_header(data: bytes, faults: list[str]) -> bytes:
    """Return the data from the header on: without a wrapper (RIFF) or what else stands before it."""
    at = data.find(b"MThd")
    if at < 0:
        at = data.find(b"MTrk")
        if at < 0:
            raise Damaged("not a MIDI file (it has no 'MThd')" if data else "empty")
        faults.append("it has no header")
        return NO_HEADER + data[at:]
    if data[:4] == b"RIFF":
        faults.append("it is wrapped in RIFF")
        length = int.from_bytes(data[at - 4 : at], "little")
        return data[at : at + length] if HEADER_BYTES < length <= len(data) - at else data[at:]
    if at:
        faults.append(f"{at} bytes stand before its header")
    return data[at:]


def _one_after_another(raw: list[RawTrack]) -> list[RawTrack]:
    """Return the tracks each from where the one before ends, and at the tempo that the format begins with where it says none."""
    shifted: list[RawTrack] = []
    start = 0
    for messages, kept, end_tick in raw:
        moved = [KeptEvent(event.tick + start, event.position, event.data) for event in kept]
        if not any(event.tick == 0 and event.data[:3] == TEMPO for event in kept):
            moved.insert(0, KeptEvent(start, 0, DEFAULT_TEMPO))
        shifted.append(([(tick + start, message) for tick, message in messages], moved, end_tick + start))
        start += end_tick
    return shifted


def _parse_tracks(data: bytes, count: int, faults: list[str]) -> list[RawTrack]:
    """Parse all tracks that are there; chunks of other kinds are skipped, as the standard asks.

    Lengths are believed where a chunk follows the track's end; elsewhere the track's own end counts.
    """
    raw: list[RawTrack] = []
    at = 8 + int.from_bytes(data[4:8], "big")
    if at > len(data):
        faults.append("the length of its header is wrong")
        at = max(data.find(b"MTrk"), HEADER_BYTES)
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
    if len(raw) != count and data[:HEADER_BYTES] != NO_HEADER:
        faults.append(f"it has {len(raw)} of the {count} tracks that its header counts")
    if faults and not any(messages for messages, _, _ in raw):
        raise Damaged(faults[0])
    return raw


def read_length(data: bytes, at: int) -> tuple[int, int]:
    """Return the variable-length number at ``at`` and the place after it."""
    value = 0
    for i in range(at, at + 4):
        value = value << 7 | data[i] & 0x7F
        if data[i] < 0x80:
            return value, i + 1
    raise Damaged("a number of more than four bytes")


def _parse_track(data: bytes, faults: list[str]) -> tuple[RawTrack, int]:
    """Return the track as far as it can be read, and the place where it ends. ``faults`` takes what is wrong with it."""
    messages: list[tuple[int, bytes]] = []
    kept: list[KeptEvent] = []
    tick = at = status = 0
    try:
        while at < len(data):
            delta, at = read_length(data, at)
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
                raise Damaged(f"byte 0x{first:02x} where a message should begin")
            end = at + _DATA_BYTES[status & 0xF0]
            if end > len(data):
                raise IndexError
            tick += delta
            messages.append((tick, bytes((status,)) + data[at:end].translate(_TO_SEVEN_BITS)))
            at = end
    except IndexError:
        faults.append("truncated in the middle of an event")
        at = len(data)
    except Damaged as damaged:
        faults.append(str(damaged))
        at = len(data)
    return (messages, kept, tick), at


def _add_unusual(event: bytes, tick: int, messages: list[tuple[int, bytes]], kept: list[KeptEvent], faults: list[str]) -> None:
    """Put a meta event or system exclusive where it belongs: whole exclusives are messages, all else is kept."""
    if event[0] == SYSTEM_EXCLUSIVE and event[-1] == END_OF_EXCLUSIVE:
        _, body = read_length(event, 1)
        messages.append((tick, b"\xf0" + event[body:-1].translate(_TO_SEVEN_BITS) + b"\xf7"))
    elif event[:3] == TEMPO and not any(event[3:]):
        faults.append("a tempo of 0 microseconds a quarter, which is left out,")
    else:
        kept.append(KeptEvent(tick, len(messages), event))


def _read_unusual(data: bytes, at: int) -> tuple[bytes, int]:
    """Return the meta event, system exclusive or escape at ``at``, whole, and the place after it."""
    if data[at] not in (META, SYSTEM_EXCLUSIVE, END_OF_EXCLUSIVE):
        raise Damaged(f"byte 0x{data[at]:02x} where a message should begin")
    length, body = read_length(data, at + 2 if data[at] == META else at + 1)
    if body + length > len(data):
        raise IndexError
    return data[at : body + length], body + length
