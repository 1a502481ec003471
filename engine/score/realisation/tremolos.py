"""Tremolos as they are played: a note again and again, or two notes or chords in turn, in the values that the strokes stand for.

Where these are faster than anybody plays, or three strokes or more slower than a tremolo is, players do not measure them: it has a speed of
its own.
"""

import numpy as np

from engine.score.realisation.ornaments import SHORTEST_NOTE_S, Figure
from engine.score.tables import Score

UNMEASURED_NOTE_S = 1 / 12  # as a trill's
SLOWEST_NOTE_S = 1 / 8  # of three strokes or more: thirty-seconds at 60 quarters a minute
UNMEASURED_QUARTERS = 0.125  # three strokes
SAME_PLACE_QUARTERS = 1e-3


def tremolo_figures(score: Score, tempos: np.ndarray) -> dict[int, Figure]:
    """Return by row the notes of its tremolo; ``tempos`` (N,) are quarters a minute at the notes. Grace notes stay plain."""
    figures: dict[int, Figure] = {}
    marked = np.flatnonzero((score.markings["tremolo"] > 0) & (score.notes["duration_quarter"] > 0))
    for row in marked.tolist():
        if score.markings["tremolo_pair"][row] == 0:
            note = score.notes[row]
            onsets, durations = strokes(note, float(score.markings["tremolo"][row]), float(tempos[row]))
            figures[row] = Figure(onsets, durations, np.full(len(onsets), note["pitch"]))
    for first, second in _pairs(score, marked):
        unit = float(score.markings["tremolo"][first[0]])
        for own, others, begins in ((first, second, True), (second, first, False)):
            onsets, durations = strokes(score.notes[own[0]], unit, float(tempos[own[0]]), even=True)
            for index, row in enumerate(own):
                last = index == len(own) - 1
                pitches = score.notes["pitch"][others[index:] if last else others[index : index + 1]]
                figures[row] = _in_turn(onsets, durations, score.notes["pitch"][row : row + 1], pitches, begins)
    return figures


def strokes(note: np.void, unit: float, tempo: float, even: bool = False) -> tuple[np.ndarray, np.ndarray]:
    """Return onsets and durations in quarters of strokes that stand for notes of ``unit`` quarters; ``even``: of two notes each."""
    unit_s = unit * 60 / tempo
    if unit_s < SHORTEST_NOTE_S or (unit <= UNMEASURED_QUARTERS + 1e-6 and unit_s > SLOWEST_NOTE_S):
        unit = UNMEASURED_NOTE_S * tempo / 60
    return stroke_times(float(note["onset_quarter"]), float(note["duration_quarter"]), unit, even)


def stroke_times(onset: float, length: float, unit: float, even: bool = False) -> tuple[np.ndarray, np.ndarray]:
    """Return onsets and durations of strokes of about ``unit`` quarters that fill a ``length`` from ``onset`` on."""
    count = max(round(length / unit), 1)
    if even and count % 2:
        count += 1
    return onset + np.arange(count) * (length / count), np.full(count, length / count)


def _pairs(score: Score, marked: np.ndarray) -> list[tuple[list[int], list[int]]]:
    """Return the rows of notes or chords that are played in turn."""
    places: dict[tuple[int, int, int, int], list[int]] = {}
    for row in marked[score.markings["tremolo_pair"][marked] != 0].tolist():
        note, sign = score.notes[row], int(score.markings["tremolo_pair"][row])
        at = float(note["onset_quarter"] + (note["duration_quarter"] if sign > 0 else 0))
        places.setdefault((int(note["part"]), int(note["voice"]), sign, round(at / SAME_PLACE_QUARTERS)), []).append(row)
    seconds = ((rows, places.get((part, voice, -1, at))) for (part, voice, sign, at), rows in places.items() if sign > 0)
    return [(rows, others) for rows, others in seconds if others]


def _in_turn(onsets: np.ndarray, durations: np.ndarray, own: np.ndarray, others: np.ndarray, begins: bool) -> Figure:
    """Return ``own`` pitch in turn with ``others``, which are struck together; whether the own one ``begins``."""
    pitches = [own if (step % 2 == 0) == begins else others for step in range(len(onsets))]
    sizes = [len(each) for each in pitches]
    return Figure(np.repeat(onsets, sizes), np.repeat(durations, sizes), np.concatenate(pitches))
