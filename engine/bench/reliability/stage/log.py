"""What keyboards sent and sound modules heard, and what is missing between the two."""

import struct
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from engine.midi.events import CONTROL_CHANGE, NOTE_OFF, NOTE_ON, SOFT_PEDAL, SOSTENUTO_PEDAL, SUSTAIN_PEDAL, is_note_on, is_whole

HEAD = struct.Struct("<qI")  # nanoseconds on the monotonic clock, bytes of the message
PEDALS = (SUSTAIN_PEDAL, SOSTENUTO_PEDAL, SOFT_PEDAL)

Key = tuple[int, int]  # channel and pitch
Wait = tuple[int, int]  # from when to when, nanoseconds on the monotonic clock


class Entry(NamedTuple):
    time_ns: int
    message: bytes


def encode(time_ns: int, message: bytes) -> bytes:
    return HEAD.pack(time_ns, len(message)) + message


def read_log(path: Path, offset: int = 0) -> tuple[list[Entry], int]:
    """Return the whole entries from ``offset`` on, and where the next one begins; a program that is killed may leave a piece of one."""
    with path.open("rb") as file:
        file.seek(offset)
        data = file.read()
    entries, place = [], 0
    while place + HEAD.size <= len(data):
        time_ns, length = HEAD.unpack_from(data, place)
        if place + HEAD.size + length > len(data):
            break
        entries.append(Entry(time_ns, data[place + HEAD.size : place + HEAD.size + length]))
        place += HEAD.size + length
    return entries, offset + place


@dataclass(frozen=True)
class Delivered:
    """``sent`` note-ons, ``lost`` of them that were not heard, ``extra`` that were heard and never sent; what still sounds at the end:
    ``stuck`` notes and ``pedals``; ``waits``, when each note-on was sent and when it was heard, of the keys of which none is lost.
    """

    sent: int
    lost: int
    extra: int
    stuck: int
    pedals: int
    waits: tuple[Wait, ...] = ()


def compare(sent: Sequence[Entry], heard: Sequence[Entry], channels: Iterable[int] = range(16)) -> Delivered:
    """Compare note by note, whatever their velocities, on ``channels`` alone: others may be heard besides."""
    own = set(channels)
    sent_ns, heard_ns = _onsets(sent), _onsets(heard)
    keys = [key for key in sent_ns.keys() | heard_ns.keys() if key[0] in own]
    missing = {key: len(sent_ns[key]) - len(heard_ns[key]) for key in keys}
    waits = [wait for key in keys if not missing[key] for wait in zip(sent_ns[key], heard_ns[key], strict=True)]
    stuck, pedals = ([place for place in places if place[0] in own] for places in sounding(entry.message for entry in heard))
    return Delivered(
        sent=sum(len(sent_ns[key]) for key in keys),
        lost=sum(max(0, count) for count in missing.values()),
        extra=sum(max(0, -count) for count in missing.values()),
        stuck=len(stuck),
        pedals=len(pedals),
        waits=tuple(waits),
    )


def sounding(messages: Iterable[bytes]) -> tuple[list[Key], list[Key]]:
    """Return the keys that are on after ``messages``, and the pedals that are down: of most instruments one end ends a key's every note."""
    keys: dict[Key, bool] = {}
    pedals: dict[Key, bool] = {}
    for message in filter(is_whole, messages):
        kind, place = message[0] & 0xF0, (message[0] & 0x0F, message[1] if len(message) > 1 else 0)
        if kind in (NOTE_ON, NOTE_OFF):
            keys[place] = is_note_on(message)
        elif kind == CONTROL_CHANGE and message[1] in PEDALS:
            pedals[place] = message[2] > 0
    return [key for key, on in keys.items() if on], [pedal for pedal, down in pedals.items() if down]


def _onsets(entries: Iterable[Entry]) -> dict[Key, list[int]]:
    onsets: dict[Key, list[int]] = defaultdict(list)
    for time_ns, message in entries:
        if is_whole(message) and is_note_on(message):
            onsets[message[0] & 0x0F, message[1]].append(time_ns)
    return onsets
