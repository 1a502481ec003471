"""Who plays which notes of a piece: players of an ensemble stray from each other, the hands of a pianist do not."""

import numpy as np

from engine.midi.events import PROGRAM_CHANGE, channel_of, is_channel_message
from engine.midi.general_midi import PIANOS
from engine.performers.score_playing.instruments.ensemble import named_programs
from engine.score.piece import Piece

KEYBOARDS = frozenset((*PIANOS, *range(16, 21)))  # organs too


def channel_programs(piece: Piece) -> dict[int, int]:
    """Return the first program of each channel that has notes; 0 where none is chosen, by a message or by the name of its track."""
    programs = named_programs(piece)
    for event in piece.non_note_events:
        if is_channel_message(event.message) and event.message[0] & 0xF0 == PROGRAM_CHANGE:
            programs.setdefault(channel_of(event.message), event.message[1])
    return {channel: programs.get(channel, 0) for channel in np.unique(piece.instrument_channels).tolist()}


def players_of(piece: Piece) -> np.ndarray:
    """Return the player (N,) of each note, numbered in score order of their first parts.

    Each channel has a player. Those of an MPE zone have one together, and so have those of one keyboard program, such as the hands' of a
    MIDI file.
    """
    seats: dict[tuple[int, int], int] = {}
    seat_of = {}
    programs = channel_programs(piece)
    order = [int(piece.instrument_channels[piece.tracks == track][0]) for track in np.unique(piece.tracks)]
    for channel in dict.fromkeys([*order, *programs]):
        program = programs[channel]
        seat_of[channel] = seats.setdefault((program, -1 if program in KEYBOARDS else channel), len(seats))
    return np.array([seat_of[channel] for channel in piece.instrument_channels.tolist()], dtype=int)
