"""The drums of a MIDI file and of a score as strokes, and the same file or score with them performed."""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import replace

import numpy as np

from engine.midi.events import DRUM_CHANNEL, Event, channel_of, is_channel_message, is_note_on, note_on
from engine.midi.file import MidiTimeline, in_quarters
from engine.midi.routing import Router, Routing, Way
from engine.midi.tempo_map import DEFAULT_TEMPO_US
from engine.performers.drums.bass import bass_notes, with_the_drums
from engine.performers.drums.order import moved_places
from engine.score.midi import time_signatures
from engine.score.piece import NonNoteEvent, Piece
from models.drums.representation import KEYS, STROKE_DTYPE

Play = Callable[[np.ndarray, np.ndarray], tuple[np.ndarray, np.ndarray]]  # strokes, velocities -> velocities, seconds later than written
NS_PER_S = 1_000_000_000


def perform_timeline(
    timeline: MidiTimeline, routing: Routing, channels: Collection[int], play: Play
) -> MidiTimeline:
    """Return a file with the strokes performed that are on ``channels`` and that ``routing`` does not leave alone; a bass goes with them.

    Raises UsageError for a track that it does not have.
    """
    router, kit = Router(routing, timeline.track_names), dict(routing.kit)
    struck: list[int] = []
    beside: set[int] = set()
    for index, event in enumerate(timeline.events):
        router.zones.observe(event.message)
        if router.way(event) is not Way.PERFORMED:
            continue
        if channel_of(event.message) not in channels:
            beside.add(index)
        elif _key(event, kit) in KEYS:
            struck.append(index)
    bass = [index for index in bass_notes(timeline.events, timeline.track_names) if index in beside]
    measured = in_quarters(timeline)
    ticks = np.array([measured.tempo_map.to_tick(timeline.events[index].time_ns) for index in struck])
    tempos = np.array([(0, DEFAULT_TEMPO_US), *measured.tempos], float)
    per_minute = 60e6 / np.maximum(tempos[np.searchsorted(tempos[:, 0], ticks, side="right") - 1, 1], 1) if struck else ticks
    strokes = _strokes(ticks / measured.division, per_minute, time_signatures(measured), [timeline.events[i] for i in struck], kit)
    places = np.array([event.time_ns for event in timeline.events], float)
    events, found = _perform(timeline.events, places, struck, strokes, np.full(len(struck), NS_PER_S), kit, play, bass)
    times_ns = np.round(found).astype(np.int64).tolist()
    placed = sorted(range(len(events)), key=times_ns.__getitem__)
    return replace(timeline, events=[events[index]._replace(time_ns=times_ns[index]) for index in placed])


def perform_piece(piece: Piece, routing: Routing, play: Play) -> Piece:
    """Return a score with its drums performed, beside the notes, along whatever tempo these will have.

    Raises UsageError for a track that it does not have.
    """
    beside, score, kit = piece.non_note_events, piece.score, dict(routing.kit)
    router = Router(replace(routing, perform_drums=True), piece.timeline.track_names)
    events = [Event(0, event.message, event.track) for event in beside]
    struck = [
        index
        for index, event in enumerate(events)
        if router.way(event) is Way.PERFORMED and channel_of(event.message) == DRUM_CHANNEL and _key(event, kit) in KEYS
    ]
    places = np.array([event.quarter for event in beside])
    quarters = places[struck]
    tempos = score.tempos if len(score.tempos) else np.array([(0.0, 60e6 / DEFAULT_TEMPO_US)], score.tempos.dtype)
    rows = (np.searchsorted(tempos["onset_quarter"], quarters, side="right") - 1).clip(0)
    per_minute = tempos["quarters_per_minute"][rows]
    strokes = _strokes(quarters, per_minute, score.time_signatures, [events[index] for index in struck], kit)
    performed, found = _perform(events, places, struck, strokes, per_minute / 60, kit, play)
    moved = [
        NonNoteEvent(quarter, event.message, event.track, old.leads)
        for quarter, event, old in zip(found.tolist(), performed, beside, strict=True)
    ]
    return replace(piece, non_note_events=tuple(sorted(moved, key=lambda event: event.quarter)))


def _key(event: Event, kit: Mapping[int, int]) -> int | None:
    """Return General MIDI's key for a note-on, None for another message."""
    message = event.message
    return kit.get(message[1], message[1]) if is_channel_message(message) and is_note_on(message) else None


def _strokes(
    quarters: np.ndarray, per_minute: np.ndarray, signatures: np.ndarray, events: Sequence[Event], kit: Mapping[int, int]
) -> np.ndarray:
    strokes = np.zeros(len(events), STROKE_DTYPE)
    if not len(events):
        return strokes
    own = signatures[(np.searchsorted(signatures["onset_quarter"], quarters + 1e-6, side="right") - 1).clip(0)]
    strokes["quarter"], strokes["tempo"] = quarters, per_minute
    strokes["key"] = [_key(event, kit) for event in events]
    strokes["bar_quarters"] = 4 * own["beats"] / own["beat_type"]
    bars = np.floor((quarters - own["onset_quarter"]) / strokes["bar_quarters"])
    strokes["bar_quarter"] = own["onset_quarter"] + bars * strokes["bar_quarters"]
    return strokes


def _perform(
    events: Sequence[Event],
    places: np.ndarray,
    struck: Sequence[int],
    strokes: np.ndarray,
    units_a_second: np.ndarray,
    kit: Mapping[int, int],
    play: Play,
    bass: Sequence[int] = (),
) -> tuple[list[Event], np.ndarray]:
    """Return the events with the strokes' new velocities, and the places of all; notes of the ``bass`` are moved with the drums."""
    velocities, later_s = play(strokes, np.array([events[index].message[2] for index in struck], int))
    shifts = dict(zip(struck, (later_s * units_a_second).tolist(), strict=True))
    shifts |= with_the_drums(bass, places, shifts, lambda index: _key(events[index], kit) or 0)
    performed = list(events)
    for index, velocity in zip(struck, velocities.tolist(), strict=True):
        message = performed[index].message
        performed[index] = performed[index]._replace(message=note_on(channel_of(message), message[1], velocity))
    return performed, moved_places(events, places, shifts, kit)
