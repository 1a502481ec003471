"""Standard MIDI files 1.0, read to events in nanoseconds and written back on their own ticks.

What is no message for a port (names, tempos, markers, split or escaped system exclusives) is kept as bytes in its place, so that reading a
file and writing it changes nothing but the spelling of running status.
"""

import os
import sys
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

from engine.base.errors import PerfLiveError
from engine.base.files import whole_file
from engine.midi.chunks import (
    END,
    LONGEST_DELTA_TICKS,
    NOTHING,
    SYSTEM_EXCLUSIVE,
    TEMPO,
    Damaged,
    KeptEvent,
    RawTrack,
    read_chunks,
    read_length,
)
from engine.midi.events import Event
from engine.midi.tempo_map import DEFAULT_TEMPO_US, DROP_FRAME, TempoMap

TRACK_NAME = b"\xff\x03"
MOST_BYTES = 40_000_000  # ten million notes
MOST_FAULTS = 3  # that are told of one file
LONGEST_NS = 30 * 24 * 3600 * 1_000_000_000  # thirty days: what comes later is damaged
USUAL_DIVISION = 480  # ticks a quarter where a header says none
LIVE_DIVISION = 2000  # ticks a quarter; at the default 120 quarters a minute a tick is a quarter of a millisecond


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


def read_midi_file(path: str | os.PathLike[str]) -> MidiTimeline:
    """Read a file, in a RIFF wrapper or not. The tracks of type 2, which are separate pieces, come one after another.

    A file that is faulty but has events is read as far as it goes, and one line on standard error says what is wrong with it. Raises
    PerfLiveError naming the file when there is none, when it is too large, or when none of it can be understood.
    """
    faults: list[str] = []
    try:
        with open(path, "rb") as file:
            data = file.read(MOST_BYTES + 1)
        if len(data) > MOST_BYTES:
            raise Damaged(f"it has more than {MOST_BYTES / 1e6:.0f} MB")
        timeline = _timeline(*read_chunks(data, faults), faults)
    except OSError as error:
        raise PerfLiveError(f"cannot read {os.fspath(path)!r}: {error.strerror}; give the name of a MIDI file") from None
    except Damaged as error:
        raise PerfLiveError(f"cannot read {os.fspath(path)!r}: {error}; give a standard MIDI file") from None
    if faults:
        said = [fault for fault, _ in zip(dict.fromkeys(faults), range(MOST_FAULTS), strict=False)]
        print(f"read what is there of {os.fspath(path)!r}: {'; '.join(said)}", file=sys.stderr, flush=True)
    return timeline


def in_quarters(timeline: MidiTimeline) -> MidiTimeline:
    """Return a file whose times are in seconds (SMPTE frames) with the same times in quarters, at 120 a minute; any other as it is."""
    if not timeline.division & 0x8000:
        return timeline
    frames, ticks_a_frame = 256 - (timeline.division >> 8), timeline.division & 0xFF
    drop_frame = frames == DROP_FRAME
    ticks_in_two_quarters = (30 if drop_frame else frames) * ticks_a_frame
    finer = 1 + ticks_in_two_quarters % 2
    tracks = tuple(
        Track(tuple(event._replace(tick=event.tick * finer) for event in track.kept), track.end_tick * finer) for track in timeline.tracks
    )
    tempos = ((0, DEFAULT_TEMPO_US * 1001 // 1000 if drop_frame else DEFAULT_TEMPO_US),)
    return MidiTimeline(timeline.events, tracks, timeline.kind, ticks_in_two_quarters * finer // 2, tempos)


def write_midi_file(path: str | os.PathLike[str], events: Iterable[Event], timeline: MidiTimeline | None = None) -> None:
    """Write ``events`` (time 0 is the start of the file) with the tracks, tempos and texts of ``timeline``, or as a new file.

    The file appears whole or not at all. Raises PerfLiveError when it cannot be written.
    """
    with whole_file(path) as temporary:
        Path(temporary).write_bytes(encode_midi(events, timeline or MidiTimeline()))


def _timeline(kind: int, division: int, raw: list[RawTrack], faults: list[str]) -> MidiTimeline:
    """Put what was read in order of time. ``faults`` takes what is wrong with it."""
    try:
        TempoMap(division)
    except ValueError:
        faults.append(f"its time division 0x{division:04x} means nothing, and {USUAL_DIVISION} ticks a quarter are taken")
        division = USUAL_DIVISION
    kept_in_order = sorted((event for _, kept, _ in raw for event in kept), key=lambda event: event.tick)
    tempos = tuple((event.tick, int.from_bytes(event.data[3:], "big")) for event in kept_in_order if event.data[:3] == TEMPO)
    tempo_map = TempoMap(division, tempos)
    last_tick = max((end_tick for _, _, end_tick in raw), default=0)
    if tempo_map.to_ns(last_tick) > LONGEST_NS:
        fault = f"it claims to last {tempo_map.to_ns(last_tick) / 86_400e9:.0f} days, and what comes after 30 is left out"
        raw = [_until(tempo_map.to_tick(LONGEST_NS), track) for track in raw]
        if not any(messages for messages, _, _ in raw):
            raise Damaged(fault)
        faults.append(fault)
    placed = sorted(
        ((tick, number, message) for number, (messages, _, _) in enumerate(raw) for tick, message in messages),
        key=lambda place: place[:2],
    )
    events = [Event(tempo_map.to_ns(tick), message, number) for tick, number, message in placed]
    tracks = tuple(Track(tuple(kept), end_tick) for _, kept, end_tick in raw)
    return MidiTimeline(events, tracks, 1 if len(tracks) > 1 else kind, division, tempos)


def _until(last_tick: int, track: RawTrack) -> RawTrack:
    messages, kept, end_tick = track
    return (
        [(tick, message) for tick, message in messages if tick <= last_tick],
        [event for event in kept if event.tick <= last_tick],
        min(end_tick, last_tick),
    )


def _text(event: bytes) -> str:
    """Return the text of a meta event; "" for no event. The standard names no character set: it is UTF-8, or else Latin-1."""
    if not event:
        return ""
    _, body = read_length(event, 2)
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
