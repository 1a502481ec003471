"""The drums of a MIDI file and of a score as strokes, and the same file or score with them performed."""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import replace
from typing import NamedTuple

import numpy as np

from engine.midi.events import DRUM_CHANNEL, Event, channel_of, is_channel_message, is_note_on, note_on
from engine.midi.file import MidiTimeline, in_quarters
from engine.midi.routing import Router, Routing, Way
from engine.midi.tempo_map import DEFAULT_TEMPO_US
from engine.performers.drums.added import Grace
from engine.performers.drums.bass import around_the_drums, bass_notes, with_the_drums
from engine.performers.drums.groove import Groove
from engine.performers.drums.insertion import NewStroke, insert_strokes
from engine.performers.drums.order import moved_places
from engine.score.midi import time_signatures
from engine.score.piece import NonNoteEvent, Piece
from models.drums.representation import KEYS, SNARE, STROKE_DTYPE

NS_PER_S = 1_000_000_000
GHOST_QUARTERS = 1 / 8  # how long a ghost note is


class Unit(NamedTuple):
    """In what places are counted: quarters (N,) -> places, and of strokes (STROKE_DTYPE) how many are a second (N,)."""

    place_of: Callable[[np.ndarray], np.ndarray]
    in_a_second: Callable[[np.ndarray], np.ndarray]


class Track(NamedTuple):
    """The messages among which drums are, in order, with their places (N,), and which of those that were read each is, -1 for a new one.

    ``struck`` are indices of the strokes that are performed, ``strokes`` the same, STROKE_DTYPE; ``bass`` notes of a bass, ``others`` all
    other notes that go with the drums.
    """

    events: list[Event]
    places: np.ndarray
    source: np.ndarray
    struck: np.ndarray
    strokes: np.ndarray
    bass: np.ndarray
    others: np.ndarray

    def with_new(self, new: Sequence[NewStroke]) -> tuple["Track", np.ndarray]:
        """Return it with new strokes, which are not yet among the ``strokes``, and where these begin."""
        found = insert_strokes(self.events, self.places, new)
        source = np.full(len(found.events), -1)
        source[found.moved_to] = self.source
        struck, bass, others = (found.moved_to[each] for each in (self.struck, self.bass, self.others))
        return Track(found.events, found.places, source, struck, self.strokes, bass, others), found.begun


def perform_timeline(timeline: MidiTimeline, routing: Routing, channels: Collection[int], groove: Groove) -> MidiTimeline:
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
    others = [index for index in sorted(beside.difference(bass)) if is_note_on(timeline.events[index].message)]
    measured = in_quarters(timeline)
    ticks = np.array([measured.tempo_map.to_tick(timeline.events[index].time_ns) for index in struck])
    tempos = np.array([(0, DEFAULT_TEMPO_US), *measured.tempos], float)
    per_minute = 60e6 / np.maximum(tempos[np.searchsorted(tempos[:, 0], ticks, side="right") - 1, 1], 1) if struck else ticks
    strokes = _strokes(ticks / measured.division, per_minute, time_signatures(measured), [timeline.events[i] for i in struck], kit)
    places = np.array([event.time_ns for event in timeline.events], float)
    unit = Unit(lambda quarters: _times_ns(measured, quarters), lambda strokes: np.full(len(strokes), NS_PER_S))
    track = _track(timeline.events, places, struck, strokes, bass, others)
    events, found, _ = _perform(track, unit, kit, groove)
    times_ns = np.round(found).astype(np.int64).tolist()
    placed = sorted(range(len(events)), key=times_ns.__getitem__)
    return replace(timeline, events=[events[index]._replace(time_ns=times_ns[index]) for index in placed])


def perform_piece(piece: Piece, routing: Routing, groove: Groove) -> Piece:
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
    unit = Unit(lambda quarters: quarters, lambda strokes: strokes["tempo"] / 60)
    performed, found, source = _perform(_track(events, places, struck, strokes), unit, kit, groove)
    moved = [
        NonNoteEvent(quarter, event.message, event.track, old >= 0 and beside[old].leads)
        for quarter, event, old in zip(found.tolist(), performed, source.tolist(), strict=True)
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


def _track(
    events: Sequence[Event],
    places: np.ndarray,
    struck: Sequence[int],
    strokes: np.ndarray,
    bass: Sequence[int] = (),
    others: Sequence[int] = (),
) -> Track:
    own, of_bass, of_others = (np.array(each, np.int64) for each in (struck, bass, others))
    return Track(list(events), places, np.arange(len(events)), own, strokes, of_bass, of_others)


def _times_ns(timeline: MidiTimeline, quarters: np.ndarray) -> np.ndarray:
    to_ns, ticks = timeline.tempo_map.to_ns, np.round(quarters * timeline.division).astype(np.int64).tolist()
    return np.array([to_ns(tick) for tick in ticks], float)


def _perform(track: Track, unit: Unit, kit: Mapping[int, int], groove: Groove) -> tuple[list[Event], np.ndarray, np.ndarray]:
    """Return the messages with the strokes' new velocities and what is added, their places, and which of those read each is."""
    added = groove.add(track.strokes)
    of_grace = {int(track.struck[row]): grace for row, grace in added.graces.items()}  # those read are yet where they were
    if len(snares := _snares(track, kit)) and len(added.ghosts):
        track = _with_ghosts(track, added.ghosts, int(snares[-1]), unit)
    ghosts = track.source[track.struck] < 0
    velocities, later_s = groove.play(track.strokes, np.array([track.events[index].message[2] for index in track.struck], int), ghosts)
    for index, velocity in zip(track.struck.tolist(), velocities.tolist(), strict=True):
        message = track.events[index].message
        track.events[index] = track.events[index]._replace(message=note_on(channel_of(message), message[1], velocity))
    shifts = later_s * unit.in_a_second(track.strokes)
    track, all_shifts = _with_graces(track, of_grace, shifts, unit)
    written = {index: shift for index, shift in all_shifts.items() if track.source[index] >= 0}
    all_shifts |= around_the_drums(track.others, track.places, written, groove.mix)
    all_shifts |= with_the_drums(track.bass.tolist(), track.places, written, lambda index: _key(track.events[index], kit) or 0)
    return track.events, moved_places(track.events, track.places, all_shifts, kit), track.source


def _snares(track: Track, kit: Mapping[int, int]) -> np.ndarray:
    """Return the strokes on the key of the snare that is struck most often."""
    snares = [index for index in track.struck.tolist() if KEYS[_key(track.events[index], kit) or 0][0] == SNARE]
    keys = np.array([track.events[index].message[1] for index in snares], int)
    return np.array(snares, int)[keys == np.bincount(keys).argmax()] if snares else keys


def _with_ghosts(track: Track, ghosts: np.ndarray, like: int, unit: Unit) -> Track:
    begin, end = (unit.place_of(ghosts["quarter"] + length) for length in (0, GHOST_QUARTERS))
    new = [NewStroke(place, like, 1, length) for place, length in zip(begin.tolist(), (end - begin).tolist(), strict=True)]
    track, begun = track.with_new(new)
    indices, strokes = np.append(track.struck, begun), np.append(track.strokes, ghosts)
    order = np.argsort(indices)
    return track._replace(struck=indices[order], strokes=strokes[order])


def _with_graces(track: Track, of_grace: Mapping[int, Grace], shifts: np.ndarray, unit: Unit) -> tuple[Track, dict[int, float]]:
    """Return it with grace strokes before the strokes ``of_grace``, by index of those read, and by how much what is struck is moved."""
    new, with_main = [], []
    a_second = unit.in_a_second(track.strokes)
    for row, index in enumerate(track.struck.tolist()):
        grace = of_grace.get(int(track.source[index]))
        if grace is None or track.places[index] < grace.before_s * a_second[row]:
            continue
        length = grace.before_s * float(a_second[row])
        velocity = max(1, round(track.events[index].message[2] * grace.share))
        new.append(NewStroke(float(track.places[index]) - length, index, velocity, length))
        with_main.append(float(shifts[row]))
    track, begun = track.with_new(new) if new else (track, np.zeros(0, int))
    return track, dict(zip([*track.struck.tolist(), *begun.tolist()], [*shifts.tolist(), *with_main], strict=True))
