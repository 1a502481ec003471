"""A score as ScorePerformer's networks read it."""

from dataclasses import dataclass

import numpy as np

from engine.performers.dexter import score_columns
from engine.performers.score_performer_networks import Networks
from engine.score import Score
from engine.score_playback import with_playback_velocities
from engine.score_tempo import tempo_at
from models.dexter.features import note_features
from models.dexter.representation import BEAT_PERIOD, PERFORMANCE_COLUMNS, VELOCITY
from models.score_performer.score_representation import encode_score, note_segments

PLAIN_VELOCITY = 64  # of a score whose notes have none


@dataclass(frozen=True)
class ScoreReading:
    """By note of ``score``, whose notes have the velocities of its dynamics: ``tokens`` (N, 16) and ``segments`` (N, 3), see
    models.score_performer.score_representation; ``context`` (N, width), what the decoder is to know of them, the style to be
    ``expected`` (N, style_width), and ``expected_tempo`` (N,), in octaves above the notated one and the performance's mean, float32.
    """

    score: Score
    tokens: np.ndarray
    segments: np.ndarray
    context: np.ndarray
    expected: np.ndarray
    expected_tempo: np.ndarray

    def written(self) -> np.ndarray:
        """Return DExter's columns (N, 8) of the score as it is written: tempo and velocities, full lengths, no pedal."""
        notes = self.score.notes
        columns = np.zeros((len(notes), len(PERFORMANCE_COLUMNS)))
        columns[:, BEAT_PERIOD] = np.log2(60 / tempo_at(self.score, notes["onset_quarter"]))
        columns[:, VELOCITY] = _velocities(self.score) / 127
        return columns


def read_score(networks: Networks, score: Score) -> ScoreReading:
    """Read a score, in windows (see score_performer_networks)."""
    score = with_playback_velocities(score)
    tokens, segments = score_tokens(score)
    return ScoreReading(score, tokens, segments, *networks.read_score(tokens, note_features(score_columns(score))))


def score_tokens(score: Score) -> tuple[np.ndarray, np.ndarray]:
    """Return the tokens (N, 16) of a score, which are also those of it played without expression, and its notes' segments (N, 3)."""
    notes = score.notes
    tokens = encode_score(notes, score.measures, score.time_signatures, tempo_at(score, notes["onset_quarter"]), _velocities(score))
    return tokens, note_segments(notes, score.measures, score.time_signatures)


def _velocities(score: Score) -> np.ndarray:
    return np.where(score.notes["velocity"] > 0, score.notes["velocity"], PLAIN_VELOCITY)
