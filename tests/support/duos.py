"""A song to accompany: how it would be performed without any expression, and a singer who plays it."""

from pathlib import Path

import numpy as np

from engine import examples
from engine.midi.events import Event, control_change, note_off, note_on
from engine.runtime.following.rendition import PLANNED_DTYPE, Message, Rendition
from engine.runtime.following.solo import written_sec
from engine.runtime.following.stream import DuoStream
from engine.score.piece import Piece, read_piece

LULLABY = Path(examples.__file__).parent / "brahms_lullaby.musicxml"
VELOCITY = 60


def lullaby() -> Piece:
    return read_piece(LULLABY)


def written_rendition(piece: Piece) -> Rendition:
    """Return a performance as it is written, with the pedal down from the first note on."""
    notes = piece.score.notes
    planned = np.zeros(len(notes), PLANNED_DTYPE)
    quarters = np.unique(np.concatenate([notes["onset_quarter"], notes["onset_quarter"] + notes["duration_quarter"]]))
    seconds = written_sec(piece.score, quarters)
    planned["onset_quarter"], planned["pitch"], planned["note"] = notes["onset_quarter"], notes["pitch"], np.arange(len(notes))
    planned["onset_sec"] = np.interp(notes["onset_quarter"], quarters, seconds)
    planned["end_sec"] = np.interp(notes["onset_quarter"] + notes["duration_quarter"], quarters, seconds)
    planned["velocity"], planned["channel"], planned["track"] = VELOCITY, piece.channels, piece.tracks
    pedal = Message(0.1, control_change(int(piece.channels.max()), 64, 127), 1)
    return Rendition(planned[np.argsort(planned["onset_sec"], kind="stable")], (pedal,), quarters, seconds)


def sung(piece: Piece, rows: np.ndarray, pace: float = 1.0, begin_sec: float = 1.0, velocity: int = VELOCITY) -> list[Event]:
    """Return the notes ``rows`` (N,) of a piece at ``pace`` times the time that is written."""
    notes = piece.score.notes[rows]
    begins = begin_sec + pace * written_sec(piece.score, np.sort(notes["onset_quarter"]))
    begins -= begins[0] - begin_sec
    events = []
    for begin_sec, pitch in zip(begins.tolist(), notes["pitch"].tolist(), strict=True):
        begin_ns = round(begin_sec * 1e9)
        events += [Event(begin_ns, note_on(0, pitch, velocity)), Event(begin_ns + 100_000_000, note_off(0, pitch))]
    return sorted(events, key=lambda event: event.time_ns)


def accompany(stream: DuoStream, events: list[Event], until_ns: int | None = None) -> list[Event]:
    """Play events to a stream as the engine does; return what it adds. It goes on to ``until_ns``, or as long as it has something."""
    sent: list[Event] = []

    def advance(limit_ns: int | None) -> None:
        while (due_ns := stream.next_due_ns()) is not None and (limit_ns is None or due_ns <= limit_ns):
            sent.extend(stream.advance(due_ns))

    for event in events:
        advance(event.time_ns - 1)
        assert stream.feed(event) == [event]
        advance(event.time_ns)
    advance(until_ns)
    return sent
