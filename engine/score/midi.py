"""A MIDI file as a Score: exact ticks, velocities and gate lengths as they were exported; no markings, voices by track and channel."""

import sys
from collections.abc import Sequence
from functools import partial
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple

import numpy as np

from engine.base.errors import PerfLiveError
from engine.midi.events import (
    ALL_NOTES_OFF,
    ALL_SOUND_OFF,
    DRUM_CHANNEL,
    PROGRAM_CHANGE,
    SUSTAIN_PEDAL,
    Event,
    channel_of,
    is_channel_message,
    is_control_change,
    is_note_off,
    is_note_on,
)
from engine.midi.file import MidiTimeline, in_quarters, read_midi_file
from engine.midi.general_midi import PIANOS
from engine.midi.held import ends_all_notes, note_ends
from engine.midi.routing import DEFAULT_ROUTING, Router, Routing, Way
from engine.score.estimation.hands import left_hand
from engine.score.estimation.notated_lengths import notated_lengths
from engine.score.tables import (
    MARKING_DTYPE,
    MEASURE_DTYPE,
    PERCUSSION_DTYPE,
    SCORE_NOTE_DTYPE,
    TEMPO_DTYPE,
    TIME_SIGNATURE_DTYPE,
    Score,
    note_order,
)

TIME_SIGNATURE = b"\xff\x58\x04"
MOST_MEASURES = 100_000


def read_midi_score(path: Path) -> Score:
    """Read a MIDI file as a score. Raises PerfLiveError for one that cannot be read."""
    return midi_score(read_timeline(path), path).score


def read_timeline(path: Path) -> MidiTimeline:
    """Read a MIDI file whose ticks are parts of quarters, or are made so. Raises PerfLiveError for one that cannot be read."""
    timeline = read_midi_file(path)
    if timeline.division & 0x8000:
        print(f"{str(path)!r} has times in seconds, not in beats: 120 quarters a minute are taken", file=sys.stderr, flush=True)
    return in_quarters(timeline)


class MidiScore(NamedTuple):
    """A file as a score. ``channels`` (N,) 0 to 15 go with its notes; ``untouched`` are the messages that are no notes to be performed.

    ``instruments`` (N,) are the channels of the notes' pedals: a note's own, or of an MPE zone its master.
    """

    score: Score
    channels: np.ndarray
    instruments: np.ndarray
    untouched: list[tuple[Event, Way]]


def midi_score(timeline: MidiTimeline, path: Path, routing: Routing = DEFAULT_ROUTING) -> MidiScore:
    """Return a file that was read as a score, with what ``routing`` leaves alone beside it.

    Raises PerfLiveError, which names ``path``, for one that is left alone entirely, UsageError for a track that it does not have.
    """
    router, heard = Router(routing, timeline.track_names), [*map(partial(Event, 0), routing.announcement), *timeline.events]
    performed: list[tuple[Event, int]] = []  # what begins and ends notes, with its instrument's channel
    untouched: list[tuple[Event, Way]] = []
    for event in heard:
        router.zones.observe(event.message)
        way = router.way(event)
        if way is not Way.PERFORMED or not _is_performed(event.message):
            untouched.append((event, way))
        if way is Way.PERFORMED and _moves_keys(event.message):
            performed.append((event, router.zones.instrument_of(channel_of(event.message))))
    left_alone = [event.message for event, _ in untouched if is_channel_message(event.message) and is_note_on(event.message)]
    has_notes = any(is_note_on(event.message) for event, _ in performed)
    if left_alone and not has_notes and (routing.names_tracks or routing.keyswitches or routing.excluded_channels):
        raise PerfLiveError(f"cannot perform {str(path)!r}: all of its {len(left_alone)} notes are left alone; leave fewer of them alone")
    notes, channels, instruments = _notes(timeline, performed)
    percussion = _percussion(timeline, [event for event, _ in untouched])
    if _is_piano(channels, [event.message for event, _ in untouched]):
        notes["staff"] = 1 + left_hand(notes["onset_quarter"], notes["pitch"], 16 * notes["part"] + channels)
    signatures = time_signatures(timeline)
    end = max(float((table["onset_quarter"] + table["duration_quarter"]).max(initial=0.0)) for table in (notes, percussion))
    measures = _measures(signatures, end)
    bars = np.append(measures["onset_quarter"], end)
    notes["duration_quarter"] = notated_lengths(notes["onset_quarter"], notes["duration_quarter"], bars, 1 / timeline.division)
    tempos = [(tick / timeline.division, 60e6 / microseconds) for tick, microseconds in timeline.tempos if microseconds]
    score = Score(
        notes,
        measures,
        signatures,
        np.array(tempos, dtype=TEMPO_DTYPE),
        np.zeros(len(notes), MARKING_DTYPE),
        has_markings=False,
        percussion=percussion,
    )
    return MidiScore(score, channels, instruments, untouched)


def _is_piano(channels: np.ndarray, messages: Sequence[bytes]) -> bool:
    """Return whether all notes are a piano's; what no program was chosen for is."""
    used = set(channels.tolist())
    chosen = [message for message in messages if message[0] & 0xF0 == PROGRAM_CHANGE and channel_of(message) in used]
    return all(message[1] in PIANOS for message in chosen)


def _moves_keys(message: bytes) -> bool:
    return is_note_on(message) or is_note_off(message) or ends_all_notes(message)


def _is_performed(message: bytes) -> bool:
    """Return whether a channel message is a note's, or the sustain pedal's, which the performer plays itself.

    What silences a channel is the end of the notes that it has, and would cut off those that are performed longer.
    """
    silences = is_control_change(message) and message[1] in (ALL_SOUND_OFF, ALL_NOTES_OFF)
    return silences or is_note_on(message) or is_note_off(message) or (is_control_change(message) and message[1] == SUSTAIN_PEDAL)


def _notes(timeline: MidiTimeline, performed: Sequence[tuple[Event, int]]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return the notes of note-ons and what ends them, each with its instrument's channel, their channels, and their instruments'.

    How they end is told in engine.midi.held. Of two equal keys that overlap, the earlier ends first.
    """
    to_tick, division = timeline.tempo_map.to_tick, timeline.division
    last_tick = to_tick(max((event.time_ns for event in timeline.events), default=0))
    ends = note_ends([event for event, _ in performed])
    rows: list[list[float | int | str | bool]] = []
    channels: list[int] = []
    for index, (event, instrument) in enumerate(performed):
        message, tick, channel = event.message, to_tick(event.time_ns), channel_of(event.message)
        if is_note_on(message):
            end_tick = to_tick(performed[ends[index]][0].time_ns) if index in ends else last_tick  # never ended: it sounds to the end
            rows.append([tick, end_tick - tick, message[1], instrument + 1, 0, event.track, f"n{len(rows)}", False, message[2]])
            channels.append(channel)
    notes = np.array([tuple(row) for row in rows], dtype=SCORE_NOTE_DTYPE)
    notes["onset_quarter"] /= division
    notes["duration_quarter"] /= division
    _lengthen_unisons(notes)
    order = note_order(notes)
    return notes[order], np.array(channels, int)[order], notes["voice"][order] - 1


def _percussion(timeline: MidiTimeline, untouched: Sequence[Event]) -> np.ndarray:
    """Return the notes of the drums' channel (PERCUSSION_DTYPE)."""
    notes = (event for event in untouched if is_channel_message(event.message))
    drums = [(event, DRUM_CHANNEL) for event in notes if channel_of(event.message) == DRUM_CHANNEL]
    struck = _notes(timeline, [each for each in drums if _moves_keys(each[0].message)])[0]
    return struck[["onset_quarter", "duration_quarter", "pitch", "velocity", "part"]].astype(PERCUSSION_DTYPE)


def _lengthen_unisons(notes: np.ndarray) -> None:
    """Make notes of no length as long as another that strikes the same key with them.

    Where two voices meet on a key, notation programs write on, off and on again at one tick.
    """
    longest: dict[tuple[float, int], float] = {}
    for onset, pitch, duration in notes[["onset_quarter", "pitch", "duration_quarter"]].tolist():
        longest[onset, pitch] = max(duration, longest.get((onset, pitch), 0.0))
    for row in np.flatnonzero(notes["duration_quarter"] == 0).tolist():
        notes["duration_quarter"][row] = longest[float(notes["onset_quarter"][row]), int(notes["pitch"][row])]


def time_signatures(timeline: MidiTimeline) -> np.ndarray:
    """Return the time signatures of all tracks; 4/4 from the beginning where none stands there (Standard MIDI Files 1.0)."""
    found = {0: (4, 4)}
    for track in timeline.tracks:
        for event in track.kept:
            if event.data[:3] == TIME_SIGNATURE and event.data[3] and event.data[4] <= 8:
                found[event.tick] = (event.data[3], 2 ** event.data[4])
    rows = [(tick / timeline.division, *found[tick]) for tick in sorted(found)]
    kept = rows[:1] + [row for previous, row in pairwise(rows) if row[1:] != previous[1:]]
    return np.array(kept, dtype=TIME_SIGNATURE_DTYPE)


def _measures(signatures: np.ndarray, end: float) -> np.ndarray:
    """Lay measures from each time signature to the next, the last before a change shortened, until ``end``."""
    rows: list[tuple[float, float, int]] = []
    ends = [*signatures["onset_quarter"][1:], max(end, signatures["onset_quarter"][-1])]
    for (onset, beats, beat_type), until in zip(signatures.tolist(), ends, strict=True):
        length = 4 * beats / beat_type
        last = until == ends[-1]
        while onset < until - 1e-9 and len(rows) < MOST_MEASURES:
            rows.append((onset, length if last else min(length, until - onset), len(rows) + 1))
            onset += length
    return np.array(rows, dtype=MEASURE_DTYPE)
