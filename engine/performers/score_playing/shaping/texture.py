"""What a score is for, as far as its tempo goes: a pianist's two hands, or lines that several play."""

import math

import numpy as np

from engine.midi.events import PROGRAM_CHANGE, channel_of, is_channel_message
from engine.midi.general_midi import PIANOS
from engine.score.piece import Piece
from engine.score.tables import Score
from engine.score.tempo import moderate_tempo
from models.performance.representation import SAME_POSITION_QUARTERS

MOST_HANDS = 2  # tracks of one piano
LEAST_TEXTURE = 1.25  # notes for one of the melody; fewer are a single line
# Quarters a minute of a melody in quarters, and octaves that a melody in eighths is slower: the line that is nearest to humans' tempos of
# (n)ASAP's train split (perf-eval tempo-limits).
HUMANS_QUARTERS_PER_MINUTE, HUMANS_SLOWER_IN_EIGHTHS = 149.0, 0.39


def is_solo_keyboard(piece: Piece) -> bool:
    """Return whether all is played on one keyboard: what the models have learnt a tempo of."""
    notes = piece.score.notes
    if len(np.unique(piece.instrument_channels)) > 1 or len(np.unique(piece.tracks)) > MOST_HANDS:
        return False
    own = int(piece.instrument_channels[0])
    programs = [event.message for event in piece.non_note_events if is_channel_message(event.message)]
    chosen = [message[1] for message in programs if message[0] & 0xF0 == PROGRAM_CHANGE and channel_of(message) == own]
    return (not chosen or chosen[0] in PIANOS) and len(notes) >= LEAST_TEXTURE * len(melody_onsets(notes))


def fitting_tempo(score: Score) -> float:
    """Return quarters a minute that fit the rhythm of the melody and the metre: however many voices go with it, they are the same.

    It is the geometric mean of what pianists take on average for such a rhythm, and of a moderate beat: a pianist's pieces are quicker than
    what is sung or bowed, of which there is nothing to learn from.
    """
    of_pianists = HUMANS_QUARTERS_PER_MINUTE * 2.0 ** (HUMANS_SLOWER_IN_EIGHTHS * melody_octaves(score.notes))
    return math.sqrt(of_pianists * moderate_tempo(score))


def melody_octaves(notes: np.ndarray) -> float:
    """Return the mean log2 of the quarters from one onset of the melody to the next; 0 where there is none."""
    intervals = np.diff(melody_onsets(notes))
    return float(np.log2(intervals).mean()) if len(intervals) else 0.0


def melody_onsets(notes: np.ndarray) -> np.ndarray:
    """Return the positions (K,), in quarters, of the notes that no other sounds above, grace notes apart."""
    onsets: list[float] = []
    sounding: list[tuple[float, int]] = []  # end and pitch of what may sound above what follows
    full = notes[~notes["is_grace"]]
    order = np.lexsort((-full["pitch"], full["onset_quarter"]))
    for onset, duration, pitch in full[["onset_quarter", "duration_quarter", "pitch"]][order].tolist():
        sounding = [(end, above) for end, above in sounding if end > onset + SAME_POSITION_QUARTERS and above >= pitch]
        if not sounding and not (onsets and onset - onsets[-1] <= SAME_POSITION_QUARTERS):
            onsets.append(onset)
        sounding.append((onset + duration, pitch))
    return np.array(onsets)
