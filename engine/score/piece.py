"""A score to be played: the channel and track of each note, what else is to be sent, and the file's texts and markers."""

import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import NamedTuple

import numpy as np

from engine.base.errors import PerfLiveError
from engine.base.files import MIDI_SUFFIXES
from engine.base.on_demand import load_object
from engine.midi.chunks import KeptEvent
from engine.midi.events import DRUM_CHANNEL, Event, channel_of, is_channel_message, is_note_on, note_off, note_on, program_change
from engine.midi.file import MidiTimeline, Track
from engine.midi.general_midi import changes_notes, chooses_program
from engine.midi.routing import DEFAULT_ROUTING, Routing, Way
from engine.score.dynamics import with_playback_velocities
from engine.score.files import Repeats, check_size, checked, read_score
from engine.score.midi import midi_score, read_timeline
from engine.score.parts import CHANNELS, Part, spread_channels
from engine.score.tables import Score, WrittenOut
from engine.score.track_texts import track_timeline

PART_READER = "engine.score.notation.part_lists:read_parts"  # by name, as the reader of scores is
WRITER_OUT = "engine.score.realisation.written_out:write_out"
DIVISION = 960  # ticks a quarter of a file made of a score; a MIDI score's own is multiplied until it is as fine
TEMPO = 0x51
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
    def instrument_channels(self) -> np.ndarray:
        """The channel of each note's instrument, (N,), which has its pedal and its program: its own, or of an MPE zone the master."""
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
    if path.suffix.lower() in MIDI_SUFFIXES:
        check_size(path)
        timeline = read_timeline(path)
        read = midi_score(timeline, path, routing)
        score = checked(read.score, path)
        finer = max(1, -(-DIVISION // timeline.division))
        tracks = _without_tempos(timeline, finer)
        events = _non_note_events(timeline, read.untouched)
        return Piece(score, read.channels, score.notes["part"], events, tracks, repeats, read.instruments)
    score = read_score(path, repeats)
    parts: Sequence[Part] = load_object(PART_READER)(path, _part_count(score))
    instruments = {parts[number].instrument for number in np.unique(score.notes["part"]).tolist()}
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
    if len(alone) and alone.all():
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

    Without ``parts`` all are one piano. Unpitched notes are messages on the drums' channel, beside the notes that are performed.
    """
    own = score.notes["part"]
    parts = parts or [Part(0)] * _part_count(score)
    pitched = np.unique(own).tolist()
    channels = dict(zip(pitched, spread_channels([parts[number] for number in pitched]), strict=True))
    by_note = np.array([channels[number] for number in own.tolist()], dtype=int)
    beside = (*_programs(parts, channels), *_strokes(score.percussion))
    timeline = track_timeline(score, [part.name for part in parts], DIVISION)
    return Piece(score, by_note, own, tuple(sorted(beside, key=lambda event: event.quarter)), timeline, repeats)


def _part_count(score: Score) -> int:
    return 1 + max([0, *(int(table["part"].max()) for table in (score.notes, score.percussion) if len(table))])


def _strokes(percussion: np.ndarray) -> list[NonNoteEvent]:
    """Return the messages of unpitched notes (PERCUSSION_DTYPE), in order; ends before beginnings."""
    begins, ends = [], []
    for onset, duration, key, velocity, part in percussion.tolist():
        begins.append(NonNoteEvent(onset, note_on(DRUM_CHANNEL, key, velocity), part))
        ends.append(NonNoteEvent(onset + duration, note_off(DRUM_CHANNEL, key), part))
    return sorted((*ends, *begins), key=lambda event: event.quarter)


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


def _programs(parts: Sequence[Part], channels: Mapping[int, int]) -> tuple[NonNoteEvent, ...]:
    """Return the program change of each channel of the parts, none where all are pianos: an instrument is one already."""
    chosen: dict[int, NonNoteEvent] = {}
    for number, channel in channels.items():
        chosen.setdefault(channel, NonNoteEvent(0.0, program_change(channel, parts[number].program or 0), number))
    return tuple(chosen.values()) if any(parts[number].program for number in channels) else ()


def _without_tempos(timeline: MidiTimeline, finer: int) -> MidiTimeline:
    """Return the tracks with ``finer`` times as many ticks a quarter."""
    tracks = []
    for track in timeline.tracks:
        kept = tuple(KeptEvent(event.tick * finer, 0, event.data) for event in track.kept if event.data[:2] != bytes((0xFF, TEMPO)))
        tracks.append(Track(kept, track.end_tick * finer))
    return MidiTimeline([], tuple(tracks), timeline.kind, timeline.division * finer)
