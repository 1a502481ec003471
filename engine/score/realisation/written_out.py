"""A score as it sounds: ornaments and tremolos as notes."""

from dataclasses import replace

import numpy as np

from engine.score.realisation.ornaments import ornament_figures
from engine.score.realisation.tremolos import tremolo_figures
from engine.score.tables import Score, WrittenOut, note_order
from engine.score.tempo import tempo_at

KEPT_MARKINGS = ("dynamic", "hairpin", "hairpin_position", "velocity")  # of the printed note, by all that is played for it


def write_out(score: Score) -> WrittenOut:
    """Return the score with its ornaments and tremolos as notes; the same score when it has none.

    The last of the notes that are played for a printed one keeps its id and markings; those before it have its id with ~1, ~2, ... and no
    markings of their own but dynamics.
    """
    tempos = tempo_at(score, score.notes["onset_quarter"])
    figures = tremolo_figures(score, tempos) | ornament_figures(score, tempos)
    rows = np.arange(len(score.notes))
    if not figures:
        return WrittenOut(score, rows)
    notes, markings, sources = [], [], []
    for row, figure in figures.items():
        added = np.repeat(score.notes[row : row + 1], len(figure.onsets))
        added["onset_quarter"], added["duration_quarter"], added["pitch"] = figure
        added["id"][:-1] = [f"{score.notes['id'][row]}~{number}" for number in range(1, len(added))]
        marks = np.repeat(score.markings[row : row + 1], len(added))
        for name in marks.dtype.names or ():
            if name not in KEPT_MARKINGS:
                marks[name][:-1] = 0
        marks["ornament_kind"], marks["tremolo"] = 0, 0
        notes.append(added)
        markings.append(marks)
        sources.append(np.full(len(added), row))
    kept = list(figures)
    every_note = np.concatenate([np.delete(score.notes, kept), *notes])
    every_marking = np.concatenate([np.delete(score.markings, kept), *markings])
    order = note_order(every_note)
    source = np.concatenate([np.delete(rows, kept), *sources])[order]
    return WrittenOut(replace(score, notes=every_note[order], markings=every_marking[order]), source)
