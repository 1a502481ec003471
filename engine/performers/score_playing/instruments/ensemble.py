"""Which instrument plays each note of a piece."""

from collections.abc import Sequence

import numpy as np

from engine.midi.events import PROGRAM_CHANGE, channel_of, is_channel_message
from engine.midi.general_midi import Instrument, instrument_of, program_of
from engine.score.piece import Piece


def named_programs(piece: Piece) -> dict[int, int]:
    """Return the programs of channels of a MIDI score that no program change names: what the names of their tracks stand for.

    A track with notes on several channels has the name of the piece.
    """
    told = {channel_of(event.message) for event in piece.non_note_events if _chooses(event.message)}
    names = {} if piece.score.has_markings else dict(enumerate(piece.timeline.track_names))  # parts of a notation were asked already
    found: dict[int, int] = {}
    for track in np.unique(piece.tracks).tolist():
        channels = np.unique(piece.instrument_channels[piece.tracks == track]).tolist()
        program = program_of(names.get(track, "")) if len(channels) == 1 else None
        if program is not None and channels[0] not in told:
            found.setdefault(channels[0], program)
    return found


def instruments_of(piece: Piece) -> list[Instrument]:
    """Return the instrument of each note (N) of the piece's score: that of the program in force on its channel."""
    programs = np.zeros(len(piece.instrument_channels), dtype=int)
    for channel, program in named_programs(piece).items():
        programs[piece.instrument_channels == channel] = program
    onsets = piece.score.notes["onset_quarter"]
    for event in piece.non_note_events:
        if _chooses(event.message):
            programs[(piece.instrument_channels == channel_of(event.message)) & (onsets >= event.quarter - 1e-6)] = event.message[1]
    return [instrument_of(program) for program in programs.tolist()]


def chosen(instruments: Sequence[Instrument], quality: str) -> np.ndarray:
    """Return for each note (N,) whether its instrument has a quality."""
    return np.array([getattr(instrument, quality) for instrument in instruments], dtype=bool)


def _chooses(message: bytes) -> bool:
    return is_channel_message(message) and message[0] & 0xF0 == PROGRAM_CHANGE
