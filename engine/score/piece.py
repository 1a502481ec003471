"""A score to be played: the channel and track of each note, what else is to be sent, and the file's texts and markers."""

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from math import isclose
from pathlib import Path
from typing import NamedTuple

import numpy as np

from engine.base.on_demand import load_object
from engine.midi.events import (
    DRUM_CHANNEL,
    SUSTAIN_PEDAL,
    channel_of,
    is_channel_message,
    is_control_change,
    is_note_off,
    is_note_on,
    program_change,
)
from engine.midi.file import KeptEvent, MidiTimeline, Track, encode_length, read_midi_file
from engine.midi.general_midi import chooses_program
from engine.score.files import MIDI, Repeats, check_size, checked, read_score
from engine.score.midi import midi_score
from engine.score.parts import CHANNELS, Part, spread_channels
from engine.score.tables import DYNAMICS, Score, WrittenOut

PART_READER = "engine.score.notation.part_lists:read_parts"  # by name, as the reader of scores is
WRITER_OUT = "engine.score.realisation.written_out:write_out"
DIVISION = 960  # ticks a quarter of a file made of a score; a MIDI score's own is multiplied until it is as fine
TEXT, TRACK_NAME, MARKER, TEMPO, TIME_SIGNATURE = 0x01, 0x03, 0x06, 0x51, 0x58
CLOCKS_A_QUARTER, THIRTY_SECONDS_A_QUARTER = 24, 8


class NonNoteEvent(NamedTuple):
    """A message of a MIDI score that is no note to be performed: a drum, a program change, a controller."""

    quarter: float
    message: bytes
    track: int


@dataclass(frozen=True)
class Piece:
    """``channels`` (N,) 0 to 15 and ``tracks`` (N,) go with the score's notes.

    ``timeline`` has the tracks on the score's own ticks, without messages and tempos. ``repeats``: whether the score's repeats are
    played.
    """

    score: Score
    channels: np.ndarray
    tracks: np.ndarray
    non_note_events: tuple[NonNoteEvent, ...]
    timeline: MidiTimeline
    repeats: Repeats = "play"

    @cached_property
    def played(self) -> WrittenOut:
        """The score as it sounds, ornaments and tremolos as notes; ``score`` is what is printed, and what the networks have learnt from."""
        written_out: WrittenOut = load_object(WRITER_OUT)(self.score)
        return written_out


def read_piece(path: Path, repeats: Repeats = "play") -> Piece:
    """Read a score to be played. Raises PerfLiveError, as ``read_score`` does."""
    if path.suffix.lower() in MIDI:
        check_size(path)
        timeline = read_midi_file(path)
        score = checked(midi_score(timeline, path), path)
        finer = max(1, -(-DIVISION // timeline.division))
        tracks = _without_tempos(timeline, finer)
        return Piece(score, score.notes["voice"] - 1, score.notes["part"], _non_note_events(timeline), tracks, repeats)
    score = read_score(path, repeats)
    parts: Sequence[Part] = load_object(PART_READER)(path, int(score.notes["part"].max()) + 1)
    instruments = {part.instrument for part in parts}
    if len(instruments) > len(CHANNELS):
        said = f"{str(path)!r} has {len(instruments)} instruments: those that are alike share channels, of which there are {len(CHANNELS)}"
        print(said, file=sys.stderr, flush=True)
    return piece_of(score, repeats, parts)


def piece_of(score: Score, repeats: Repeats = "play", parts: Sequence[Part] | None = None) -> Piece:
    """Return a score as it is played when it was read from a notation: a track for each part, on the channel of its instrument.

    Without ``parts`` all are one piano.
    """
    own = score.notes["part"]
    parts = parts or [Part(0)] * (int(own.max()) + 1)
    channels = spread_channels(parts)
    return Piece(score, np.array(channels)[own], own, _programs(parts, channels), _timeline(score, parts), repeats)


def _non_note_events(timeline: MidiTimeline) -> tuple[NonNoteEvent, ...]:
    """Return everything but the notes that are performed and the sustain pedal, which the performer plays itself.

    What chooses a channel's program before its first note stands at the very beginning: the note may sound before its place.
    """
    to_tick = timeline.tempo_map.to_tick
    found = []
    played: set[int] = set()  # the channels that have had a note
    for event in timeline.events:
        if is_channel_message(event.message) and (is_note_on(event.message) or is_note_off(event.message)):
            played.add(channel_of(event.message))
        if not _is_performed(event.message):
            early = chooses_program(event.message) and channel_of(event.message) not in played
            quarter = 0.0 if early else to_tick(event.time_ns) / timeline.division
            found.append(NonNoteEvent(quarter, event.message, event.track))
    return tuple(sorted(found, key=lambda event: event.quarter))


def _programs(parts: Sequence[Part], channels: Sequence[int]) -> tuple[NonNoteEvent, ...]:
    """Return the program change of each channel, none where all parts are pianos: an instrument is one already."""
    chosen: dict[int, NonNoteEvent] = {}
    for track, (part, channel) in enumerate(zip(parts, channels, strict=True)):
        chosen.setdefault(channel, NonNoteEvent(0.0, program_change(channel, part.program or 0), track))
    return tuple(chosen.values()) if any(part.program for part in parts) else ()


def _is_performed(message: bytes) -> bool:
    if not is_channel_message(message) or channel_of(message) == DRUM_CHANNEL:
        return False
    return is_note_on(message) or is_note_off(message) or (is_control_change(message) and message[1] == SUSTAIN_PEDAL)


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
