"""Performers with look-ahead as functions from a score to a performance: a DAW plays its notes flat and as written, on its own time."""

from collections import defaultdict, deque
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from engine.base.clock import VirtualClock
from engine.midi.events import DRUM_CHANNEL, SUSTAIN_PEDAL, Event, channel_of, is_control_change, is_note_off, is_note_on, note_off, note_on
from engine.midi.file import MidiTimeline, Track
from engine.performers.registry import load_performer
from engine.performers.setup import Setup
from engine.runtime.sinks import CollectingSink
from engine.runtime.sources import FileSource
from engine.score.piece import Piece
from engine.score.tables import Score
from engine.session import Session
from models.performance.pedal import Pedal
from models.performance.representation import Performed
from training.evaluation.expressiveness.pieces import as_written
from training.evaluation.expressiveness.renderers import Renderer, check_performs_scores, setup_of

FLAT_VELOCITY = 64
SHORTEST_NS = 50_000_000  # of a grace note
CHANNELS = [channel for channel in range(16) if channel != DRUM_CHANNEL]  # one for each part


def load_live_renderer(performer: str, model: Path | None, lookahead_s: float) -> Renderer:
    """Return the renderer of a performer's ``model``, None for the one that ships. Raises UsageError for one that performs no scores."""
    check_performs_scores(performer)
    loaded = load_performer(performer, model, lookahead_s)

    def render(piece: Piece, seed: int | None, controls: Mapping[str, float]) -> Performed:
        return _perform(setup_of(loaded, seed, controls), piece.score)

    return render


def _perform(setup: Setup, score: Score) -> Performed:
    played, sink, clock = _play_flat(score), CollectingSink(), VirtualClock()
    tracks = tuple(Track() for _ in CHANNELS)
    source = FileSource(MidiTimeline([event for event, _ in played], tracks), clock)
    Session(setup, source, [sink], clock).run()
    rows: dict[tuple[int, int], deque[int]] = defaultdict(deque)
    for event, row in played:
        if is_note_on(event.message):
            rows[_key(event)].append(row)
    return _read(sink.events(), rows, len(score.notes))


def _play_flat(score: Score) -> list[tuple[Event, int]]:
    """Return the note-ons and note-offs in order, each with its note's row."""
    written, played = as_written(score), []
    notes = zip(score.notes["pitch"].tolist(), score.notes["part"].tolist(), written.onset_sec, written.duration_sec, strict=True)
    for row, (pitch, part, onset_sec, duration_sec) in enumerate(notes):
        track = part % len(CHANNELS)
        onset_ns = round(onset_sec * 1e9)
        played.append((Event(onset_ns, note_on(CHANNELS[track], pitch, FLAT_VELOCITY), track), row))
        played.append((Event(onset_ns + max(round(duration_sec * 1e9), SHORTEST_NS), note_off(CHANNELS[track], pitch), track), row))
    return sorted(played, key=lambda each: (each[0].time_ns, is_note_on(each[0].message), each[1]))


def _key(event: Event) -> tuple[int, int]:
    return channel_of(event.message), event.message[1]


def _read(events: list[Event], rows: dict[tuple[int, int], deque[int]], count: int) -> Performed:
    """Return a performance from what was sent, in which the notes of one key keep their order."""
    onset_sec, end_sec, velocity = np.full(count, np.nan), np.full(count, np.nan), np.zeros(count, np.int64)
    sounding: dict[tuple[int, int], deque[int]] = defaultdict(deque)
    pedal = [(0.0, 0)]
    for event in events:
        time_sec = event.time_ns / 1e9
        if is_note_on(event.message):
            row = rows[_key(event)].popleft()
            onset_sec[row], velocity[row] = time_sec, event.message[2]
            sounding[_key(event)].append(row)
        elif is_note_off(event.message) and sounding[_key(event)]:
            end_sec[sounding[_key(event)].popleft()] = time_sec
        elif is_control_change(event.message) and event.message[1] == SUSTAIN_PEDAL:
            pedal.append((time_sec, event.message[2]))
    times, values = zip(*pedal, strict=True)
    return Performed(onset_sec, end_sec - onset_sec, velocity, Pedal(np.array(times), np.array(values)))
