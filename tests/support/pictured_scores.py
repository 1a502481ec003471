"""Scores and performances for pictures."""

import numpy as np

from engine.score.tables import MARKING_DTYPE, MEASURE_DTYPE, SCORE_NOTE_DTYPE, TEMPO_DTYPE, TIME_SIGNATURE_DTYPE, Score
from models.performance.pedal import Pedal
from models.performance.representation import Performed


def make_score(quarters: int, tempos: tuple[tuple[float, float], ...] = ()) -> Score:
    notes = np.zeros(quarters, SCORE_NOTE_DTYPE)
    notes["onset_quarter"], notes["duration_quarter"], notes["staff"] = np.arange(quarters), 1, 1
    notes["pitch"] = 60 + np.arange(quarters) % 13
    markings = np.zeros(quarters, MARKING_DTYPE)
    markings["dynamic"] = 1 + np.arange(quarters) // 8 % 8
    measures = np.array([(4 * number, 4, number + 1) for number in range(-(-quarters // 4))], dtype=MEASURE_DTYPE)
    metre = np.array([(0, 4, 4)], dtype=TIME_SIGNATURE_DTYPE)
    return Score(notes, measures, metre, np.array(list(tempos), dtype=TEMPO_DTYPE), markings, has_markings=True)


def make_performed(quarters: int, period_s: float = 0.5) -> Performed:
    """Return notes held for half their time, with the pedal down from the second on."""
    places = np.arange(quarters) * period_s
    pedal = Pedal(np.array([period_s]), np.array([127]))
    return Performed(3 + places, np.full(quarters, period_s / 2), np.full(quarters, 64), pedal._replace(time_sec=3 + pedal.time_sec))
