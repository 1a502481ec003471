"""Scores and aligned performances as ScorePerformer's tokens."""

import numpy as np

from engine.events import SUSTAIN_PEDAL
from engine.score import Score
from engine.score_tempo import tempo_at
from models.dexter.representation import Pedal, Performed
from models.score_performer.score_representation import encode_score, note_segments
from training.datasets.aligned import AlignedPerformance

PLAIN_VELOCITY = 64  # of a score whose notes have none


def score_tokens(score: Score) -> tuple[np.ndarray, np.ndarray]:
    """Return the tokens (N, 16) of a score, which are also those of it played without expression, and its notes' segments (N, 3)."""
    notes = score.notes
    velocity = np.where(notes["velocity"] > 0, notes["velocity"], PLAIN_VELOCITY)
    tokens = encode_score(notes, score.measures, score.time_signatures, tempo_at(score, notes["onset_quarter"]), velocity)
    return tokens, note_segments(notes, score.measures, score.time_signatures)


def performed_notes(item: AlignedPerformance) -> Performed:
    """Return a performance by note of its score."""
    pedal = item.pedals[item.pedals["number"] == SUSTAIN_PEDAL]
    table = item.performed
    return Performed(table["onset_sec"], table["duration_sec"], table["velocity"], Pedal(pedal["time_sec"], pedal["value"]))
