"""The same music for other numbers of voices, and with something else said of its tempo."""

from dataclasses import replace
from typing import Literal

import numpy as np

from engine.score.parts import CHANNELS
from engine.score.piece import Piece
from engine.score.tables import TEMPO_DTYPE, Score, Word, note_order

Said = Literal["nothing", "word", "mark"]


def with_voices(piece: Piece, count: int) -> Piece:
    """Return a piece for ``count`` parts, each on a channel of its own: the outer parts first, then the others, then all an octave higher.

    ``count`` is 1 or more and at most 15.
    """
    notes, parts = piece.score.notes, np.unique(piece.score.notes["part"]).tolist()
    outer_first = [parts[0], *parts[-1:], *parts[1:-1]] if len(parts) > 1 else parts
    rows, octaves, voices = [], [], []
    for voice in range(count):
        own = np.flatnonzero(notes["part"] == outer_first[voice % len(parts)])
        rows.append(own)
        octaves.append(np.full(len(own), voice // len(parts)))
        voices.append(np.full(len(own), voice))
    chosen, octave, voice_of = (np.concatenate(each) for each in (rows, octaves, voices))
    found = notes[chosen]
    found["pitch"] = np.minimum(found["pitch"] + 12 * octave, 127)
    found["part"] = voice_of
    order = note_order(found)
    score = replace(piece.score, notes=found[order], markings=piece.score.markings[chosen][order])
    return replace(piece, score=score, channels=np.array(CHANNELS)[voice_of[order]], tracks=voice_of[order], non_note_events=())


def with_tempo(score: Score, said: Said, quarters_per_minute: float, word: str) -> Score:
    """Return a score that says nothing of its tempo, or a ``word`` or a mark at its beginning, and nothing else."""
    words = tuple(each for each in score.words if each.kind == "tempo-change")
    said_words = (Word(0.0, word, "tempo"),) if said == "word" else ()
    tempos = [(0.0, quarters_per_minute)] if said == "mark" else []
    return replace(score, words=(*said_words, *words), tempos=np.array(tempos, dtype=TEMPO_DTYPE))
