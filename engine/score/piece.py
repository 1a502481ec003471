"""A score to be played: the channel and track of each note, what else is to be sent, and the file's texts and markers."""

import sys
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import pairwise
from math import isclose
from pathlib import Path
from typing import NamedTuple

import numpy as np

from engine.base.errors import PerfLiveError
from engine.base.on_demand import load_object
from engine.midi.events import Event, channel_of, is_channel_message, is_note_on, note_off, note_on, program_change
from engine.midi.file import KeptEvent, MidiTimeline, Track, encode_length, read_midi_file
from engine.midi.general_midi import changes_notes, chooses_program
from engine.midi.routing import DEFAULT_ROUTING, Routing, Way
from engine.score.dynamics import with_playback_velocities
from engine.score.files import MIDI, Repeats, check_size, checked, read_score
from engine.score.midi import midi_score
from engine.score.parts import CHANNELS, Part, spread_channels
from engine.score.tables import DYNAMICS, Score, WrittenOut

PART_READER = "engine.score.notation.part_lists:read_parts"  # by name, as the reader of scores is
WRITER_OUT = "engine.score.realisation.written_out:write_out"
DIVISION = 960  # ticks a quarter of a file made of a score; a MIDI score's own is multiplied until it is as fine
TEXT, TRACK_NAME, MARKER, TEMPO, TIME_SIGNATURE = 0x01, 0x03, 0x06, 0x51, 0x58
CLOCKS_A_QUARTER, THIRTY_SECONDS_A_QUARTER = 24, 8
MIDDLE_VELOCITY = 64  # of a note as it is written that nothing says the loudness of
GRACE_NOTE_QUARTERS = 1 / 8  # before its main note, as it is written


class NonNoteEvent(NamedTuple):
    """A message of a score that is no note to be performed: a drum, what is left alone, a program change, a controller.

    ``leads``: whether notes of its channel that follow it must not sound before it.
    """

    quarter: float
    message: bytes
    track: int
    leads: bool = False


@dataclass(frozen=True)
class Piece:
    """``channels`` (N,) 0 to 15, ``tracks`` (N,) and ``instruments`` (N,), the channels of their pedals, go with the score's notes.

    ``timeline`` has the tracks on the score's own ticks, without messages and tempos. ``repeats``: whether the score's repeats are
    played.
    """

    score: Score
    channels: np.ndarray
    tracks: np.ndarray
    non_note_events: tuple[NonNoteEvent, ...]
    timeline: MidiTimeline
    repeats: Repeats = "play"
    instruments: np.ndarray | None = None  # the notes' own channels

    @property
    def pedal_channels(self) -> np.ndarray:
        """The channel of each note's pedal, (N,): its own, or of an MPE zone the master."""
        return self.channels if self.instruments is None else self.instruments

    @cached_property
    def played(self) -> WrittenOut:
        """The score as it sounds, ornaments and tremolos as notes; ``score`` is what is printed, and what the networks have learnt from."""
        written_out: WrittenOut = load_object(WRITER_OUT)(self.score)
        return written_out


def read_piece(path: Path, repeats: Repeats = "play", routing: Routing = DEFAULT_ROUTING) -> Piece:
    """Read a score to be played; what ``routing`` leaves alone is sent as it is written.

    Raises PerfLiveError, as ``read_score`` does, UsageError for a track that is not there.
    """
    if path.suffix.lower() in MIDI:
        check_size(path)
        timeline = read_midi_file(path)
        read = midi_score(timeline, path, routing)
        score = checked(read.score, path)
        finer = max(1, -(-DIVISION // timeline.division))
        tracks = _without_tempos(timeline, finer)
        events = _non_note_events(timeline, read.untouched)
        return Piece(score, read.channels, score.notes["part"], events, tracks, repeats, read.instruments)
    score = read_score(path, repeats)
    parts: Sequence[Part] = load_object(PART_READER)(path, int(score.notes["part"].max()) + 1)
    instruments = {part.instrument for part in parts}
    if len(instruments) > len(CHANNELS):
        said = f"{str(path)!r} has {len(instruments)} instruments: those that are alike share channels, of which there are {len(CHANNELS)}"
        print(said, file=sys.stderr, flush=True)
    return leave_alone(piece_of(score, repeats, parts), parts, routing, path)


def leave_alone(piece: Piece, parts: Sequence[Part], routing: Routing, path: Path) -> Piece:
    """Return a piece that was read from a notation without the notes that ``routing`` leaves alone, which are sent as they are written.

    Raises UsageError for a part that is not there, PerfLiveError, which names ``path``, where nothing is left.
    """
    if routing == DEFAULT_ROUTING:
        return piece
    notes, written, source = piece.score.notes, with_playback_velocities(piece.played.score), piece.played.source
    parts_alone = routing.tracks_left_alone([part.name for part in parts]) if routing.names_tracks else ()
    switches = np.isin(notes["pitch"], list(routing.keyswitches))
    alone = switches | np.isin(notes["part"], list(parts_alone)) | np.isin(piece.channels, list(routing.excluded_channels))
    if alone.all():
        raise PerfLiveError(f"cannot perform {str(path)!r}: all of its {len(alone)} notes are left alone; leave fewer of them alone")
    events = list(piece.non_note_events)
    for row in np.flatnonzero(alone[source]).tolist():
        note, own = written.notes[row], source[row]
        channel, track, leads = int(piece.channels[own]), int(piece.tracks[own]), bool(switches[own])
        length = max(float(note["duration_quarter"]), GRACE_NOTE_QUARTERS)
        begin = max(float(note["onset_quarter"]) - length * bool(note["is_grace"]), 0.0)
        events.append(NonNoteEvent(begin, note_on(channel, int(note["pitch"]), int(note["velocity"]) or MIDDLE_VELOCITY), track, leads))
        events.append(NonNoteEvent(begin + length, note_off(channel, int(note["pitch"])), track, leads))
    events.sort(key=lambda event: (event.quarter, is_channel_message(event.message) and is_note_on(event.message)))
    score = replace(piece.score, notes=notes[~alone], markings=piece.score.markings[~alone])
    return replace(piece, score=score, channels=piece.channels[~alone], tracks=piece.tracks[~alone], non_note_events=tuple(events))


def piece_of(score: Score, repeats: Repeats = "play", parts: Sequence[Part] | None = None) -> Piece:
    """Return a score as it is played when it was read from a notation: a track for each part, on the channel of its instrument.

    Without ``parts`` all are one piano.
    """
    own = score.notes["part"]
    parts = parts or [Part(0)] * (int(own.max()) + 1)
    channels = spread_channels(parts)
    return Piece(score, np.array(channels)[own], own, _programs(parts, channels), _timeline(score, parts), repeats)


def _non_note_events(timeline: MidiTimeline, untouched: Sequence[tuple[Event, Way]]) -> tuple[NonNoteEvent, ...]:
    """Return the messages that are no notes to be performed, in order.

    What chooses a channel's program before its first note stands at the very beginning: the note may sound before its place.
    """
    to_tick = timeline.tempo_map.to_tick
    first_ns: dict[int, int] = {}  # by channel: when its first note begins
    for event in timeline.events:
        if is_channel_message(event.message) and is_note_on(event.message):
            first_ns.setdefault(channel_of(event.message), event.time_ns)
    found = []
    for event, way in untouched:
        message = event.message
        early = chooses_program(message) and event.time_ns <= first_ns.get(channel_of(message), event.time_ns)
        quarter = 0.0 if early else to_tick(event.time_ns) / timeline.division
        leads = way is Way.KEYSWITCH or (way is Way.PERFORMED and changes_notes(message) and quarter > 0)
        found.append(NonNoteEvent(quarter, message, event.track, leads))
    return tuple(sorted(found, key=lambda event: event.quarter))


def _programs(parts: Sequence[Part], channels: Sequence[int]) -> tuple[NonNoteEvent, ...]:
    """Return the program change of each channel, none where all parts are pianos: an instrument is one already."""
    chosen: dict[int, NonNoteEvent] = {}
    for track, (part, channel) in enumerate(zip(parts, channels, strict=True)):
        chosen.setdefault(channel, NonNoteEvent(0.0, program_change(channel, part.program or 0), track))
    return tuple(chosen.values()) if any(part.program for part in parts) else ()


def _without_tempos(timeline: MidiTimeline, finer: int) -> MidiTimeline:
    """Return the tracks with ``finer`` times as many ticks a quarter."""
    tracks = []
    for track in timeline.tracks:
        kept = tuple(
            KeptEvent(event.tick * finer, 0, event.data) for event in track.kept if event.data[:2] != bytes((0xFF, TEMPO))
        )
        tracks.append(Track(kept, track.end_tick * finer))
    return MidiTimeline([], tuple(tracks), timeline.kind, timeline.division * finer)


def _timeline(score: Score, parts: Sequence[Part]) -> MidiTimeline:
    """Make tracks for a score: one a part, with its name; metre, tempo words and dynamics in the first."""
    metas = _metres(score) + _words(score) + _dynamics(score)
    kept = tuple(KeptEvent(tick, 0, data) for tick, data in sorted(metas, key=lambda meta: meta[0]))
    names = [(KeptEvent(0, 0, meta(TRACK_NAME, part.name.encode())),) if part.name else () for part in parts]
    end_tick = round(score.end_quarter * DIVISION)
    tracks = (Track((*names[0], *kept), end_tick), *(Track(name, end_tick) for name in names[1:]))
    return MidiTimeline([], tracks, 1 if len(parts) > 1 else 0, DIVISION)


def meta(kind: int, data: bytes) -> bytes:
    """Return a meta event as it stands in a file after its delta time."""
    return bytes((0xFF, kind)) + encode_length(len(data)) + data


def _metres(score: Score) -> list[tuple[int, bytes]]:
    """Return time signatures such that bar lines fall where the score has them: an upbeat has one of its own."""
    found: list[tuple[float, int, int]] = []
    starts = score.time_signatures["onset_quarter"]
    for onset, duration, _ in score.measures.tolist():
        index = int(np.searchsorted(starts, onset + 1e-6, side="right")) - 1
        _, beats, beat_type = score.time_signatures[max(index, 0)].tolist() if len(starts) else (0.0, 4, 4)
        actual = duration * beat_type / 4
        if not isclose(actual, beats, abs_tol=1e-6) and actual >= 1 and isclose(actual, round(actual), abs_tol=1e-6):
            beats = round(actual)
        found.append((onset, beats, beat_type))
    changes = found[:1] + [row for before, row in pairwise(found) if row[1:] != before[1:]]
    return [
        (
            round(onset * DIVISION),
            meta(
                TIME_SIGNATURE,
                bytes((min(beats, 255), max(beat_type, 1).bit_length() - 1, CLOCKS_A_QUARTER, THIRTY_SECONDS_A_QUARTER)),
            ),
        )
        for onset, beats, beat_type in changes
    ]


def _words(score: Score) -> list[tuple[int, bytes]]:
    """Return tempo words as markers, which serve to navigate, and other words as text; those that all parts have, once."""
    rows = dict.fromkeys((word.onset_quarter, word.text, word.kind in ("tempo", "a-tempo")) for word in score.words)
    return [(round(onset * DIVISION), meta(MARKER if marks else TEXT, text.encode())) for onset, text, marks in rows]


def _dynamics(score: Score) -> list[tuple[int, bytes]]:
    if not score.has_markings:
        return []
    rows: list[tuple[int, bytes]] = []
    for part in np.unique(score.notes["part"]).tolist():
        own = score.notes["part"] == part
        levels, onsets = score.markings["dynamic"][own], score.notes["onset_quarter"][own]
        for index in np.flatnonzero(np.diff(levels, prepend=0)).tolist():
            if levels[index]:
                rows.append((round(float(onsets[index]) * DIVISION), meta(TEXT, DYNAMICS[levels[index] - 1].encode())))
    return list(dict.fromkeys(rows))
