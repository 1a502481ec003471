"""A score as numbers by note: as the networks read it, and as a performance without expression would play it."""

from collections.abc import Mapping

import numpy as np

from engine.score.dynamics import with_playback_velocities
from engine.score.tables import Score
from models.performance.representation import BEAT_PERIOD, PERFORMANCE_COLUMNS, VELOCITY
from models.performance.score_representation import encode_score

DYNAMIC_VELOCITIES = np.array([64, 16, 33, 49, 64, 80, 96, 112, 126]) / 127  # none, ppp to fff: as notation programs play them


def playback_columns(score: Score) -> np.ndarray:
    """Return a score as numbers, with the velocities that its dynamics stand for: as the networks read it."""
    return score_columns(with_playback_velocities(score))


def score_columns(score: Score) -> np.ndarray:
    """Return a score as numbers, (N, len(SCORE_COLUMNS)): for training and playing alike."""
    markings = score.markings if score.has_markings else None
    return encode_score(score.notes, score.measures, score.time_signatures, score.tempos, markings)


def written_columns(score_columns: Mapping[str, np.ndarray], unknown_beat_period: np.ndarray) -> np.ndarray:
    """Return the columns (N, 8) of the score as it is written: its tempo and its dynamics, full lengths, no pedal.

    ``score_columns`` are those of ``models.performance.score_representation`` by name; where the score has no tempo,
    ``unknown_beat_period`` (N,) takes its place.
    """
    columns = np.zeros((len(unknown_beat_period), len(PERFORMANCE_COLUMNS)))
    columns[:, BEAT_PERIOD] = np.where(score_columns["tempo_known"] > 0, score_columns["beat_period"], unknown_beat_period)
    marked = DYNAMIC_VELOCITIES[score_columns["dynamic"].astype(int)]
    columns[:, VELOCITY] = np.where(score_columns["velocity_known"] > 0, score_columns["velocity"], marked)
    return columns
