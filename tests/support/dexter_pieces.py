"""Made-up pieces with performances, in the form that DExter is trained on."""

import numpy as np

from engine.score.tables import MARKING_DTYPE, MEASURE_DTYPE, SCORE_NOTE_DTYPE, TEMPO_DTYPE, TIME_SIGNATURE_DTYPE
from models.performance.descriptors import describe
from models.performance.pedal import Pedal
from models.performance.representation import Performed, encode_performance
from models.performance.score_representation import encode_score
from training.performance.pieces import PerformedPiece, Presentation


def made_up_notes(count, seed=0):
    random = np.random.default_rng(seed)
    notes = np.zeros(count, SCORE_NOTE_DTYPE)
    notes["onset_quarter"] = np.sort(np.cumsum(random.choice([0.0, 0.25, 0.5], count)))
    notes["onset_quarter"] -= notes["onset_quarter"][0]
    notes["duration_quarter"] = random.choice([0.25, 0.5, 1.0], count)
    notes["pitch"] = random.integers(40, 84, count)
    notes["voice"] = notes["staff"] = 1 + (notes["pitch"] < 60)
    notes["velocity"] = random.integers(40, 100, count)
    return notes[np.lexsort((notes["pitch"], notes["onset_quarter"]))]


def made_up_score_columns(notes, tempo=90.0, markings=True):
    measures = np.array([(4.0 * k, 4.0, k + 1) for k in range(int(notes["onset_quarter"].max() // 4) + 1)], MEASURE_DTYPE)
    marked = np.zeros(len(notes), MARKING_DTYPE)
    marked["dynamic"] = 3 + (notes["onset_quarter"] > 4)
    tempos = np.array([(0.0, tempo)] if tempo else [], TEMPO_DTYPE)
    return encode_score(notes, measures, np.array([(0, 4, 4)], TIME_SIGNATURE_DTYPE), tempos, marked if markings else None)


def made_up_performance(notes, seed=0):
    random = np.random.default_rng(seed)
    onset = 0.6 * notes["onset_quarter"] * random.uniform(0.8, 1.2) + random.normal(0, 0.01, len(notes))
    duration = 0.5 * notes["duration_quarter"] * random.uniform(0.4, 1.0, len(notes))
    velocity = random.integers(30, 110, len(notes))
    onset[1] = duration[1] = np.nan  # a note that is not played
    velocity[1] = 0
    changes = np.sort(random.uniform(0, max(onset[-1], 1), 6))
    return Performed(onset, duration, velocity, Pedal(changes, np.array([100, 0, 90, 0, 120, 0])))


def made_up_presentation(kind, count, performers, seed=0):
    notes = made_up_notes(count, seed)
    performances = [made_up_performance(notes, seed=seed + index) for index in range(performers)]
    columns = np.array([encode_performance(notes, performed)[0] for performed in performances], dtype=np.float32)
    descriptors = np.array([describe(notes, performed) for performed in performances], dtype=np.float32)
    return Presentation(kind, notes, made_up_score_columns(notes, markings=kind == "notation"), columns, descriptors)


def made_up_pieces():
    """A piece in two formats, one by a single performer, one shorter than a window."""
    pieces = [("one", 70, 3, ("notation", "midi")), ("two", 50, 1, ("notation",)), ("short", 6, 2, ("notation",))]
    return [
        PerformedPiece(
            name, tuple(f"{name}{index}" for index in range(performers)), tuple(made_up_presentation(k, count, performers) for k in kinds)
        )
        for name, count, performers, kinds in pieces
    ]
