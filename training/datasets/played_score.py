"""A printed score with its repeats as a performance played them, from the names that a match file gives its notes.

Match files name a score note by its printed id and the time that it is played: n12-1 the first, n12-2 the second. All notes of one
measure that is played for the k-th time carry the same k, so that a measure and k name a measure as it was played. The order of those is
known from the match file; their lengths, and the places within them, from the printed score. Neither depends on the beats of the match
file being right, only on their order.
"""

from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise
from typing import TypeVar

import numpy as np

from engine.score.tables import Annotation, Score, Word, note_order

LEAST_KNOWN = 0.5  # share of the notes of a match file that its score must have
MOST_OUT_OF_ORDER = 0.01  # share of notes; more are a sign that a repeat begins within a measure

_Text = TypeVar("_Text", Word, Annotation)


def played_score(printed: Score, ids: np.ndarray, onset_beat: np.ndarray) -> Score:
    """Return the score with the notes ``ids`` (N,), named as in a match file; ``onset_beat`` (N,) from there gives their order.

    Notes that are not in the printed score are left out, and printed notes that are not in ``ids``. Raises ValueError when more than half
    of ``ids`` are unknown, or when the repeats cannot be followed.
    """
    row_of = {name: index for index, name in enumerate(printed.notes["id"].tolist())}
    named = [_printed_row(name, row_of) for name in ids.tolist()]
    known = np.array([row is not None for row in named])
    if known.mean() < LEAST_KNOWN:
        raise ValueError(f"{known.mean():.0%} of the notes that it names are in the score; they are of different editions")
    rows, times = (np.array(column) for column in zip(*(row for row in named if row is not None), strict=True))
    measures = _index(printed.measures, printed.notes["onset_quarter"][rows])
    keys = list(zip(measures.tolist(), times.tolist(), strict=True))

    sequence = _sequence(printed, keys, onset_beat[known].tolist())
    printed_measures = printed.measures[[measure for measure, _ in sequence]]
    played_measures = printed_measures.copy()
    played_measures["onset_quarter"] = np.concatenate([[0.0], np.cumsum(printed_measures["duration_quarter"])[:-1]])
    start_of = dict(zip(sequence, played_measures["onset_quarter"].tolist(), strict=True))

    notes = printed.notes[rows]
    notes["id"] = ids[known]
    notes["onset_quarter"] += np.array([start_of[key] for key in keys]) - printed.measures["onset_quarter"][measures]
    _check_order(notes["onset_quarter"], onset_beat[known])
    order = note_order(notes)
    return replace(
        printed,
        notes=notes[order],
        markings=printed.markings[rows][order],
        measures=played_measures,
        time_signatures=_played_table(printed.time_signatures, printed_measures, played_measures),
        tempos=_played_table(printed.tempos, printed_measures, played_measures),
        words=_played_texts(printed.words, printed_measures, played_measures),
        annotations=_played_texts(printed.annotations, printed_measures, played_measures),
    )


def _printed_row(name: str, row_of: dict[str, int]) -> tuple[int, int] | None:
    """Return the row of the printed note that is called ``name`` and how many times it has been played, itself included; None for an
    unknown one.
    """
    if name in row_of:  # a score that is printed with its repeats written out, such as that of Vienna 4x22
        return row_of[name], 1
    printed, _, time = name.rpartition("-")
    return (row_of[printed], int(time)) if printed in row_of and time.isdigit() else None


def _index(table: np.ndarray, onsets: np.ndarray) -> np.ndarray:
    """Return for each onset the index of the table's last row at or before it, at least 0."""
    return np.maximum(np.searchsorted(table["onset_quarter"], onsets + 1e-6, side="right") - 1, 0)


def _sequence(printed: Score, keys: list[tuple[int, int]], onset_beat: list[float]) -> list[tuple[int, int]]:
    """Return the played measures in order: (index of the printed measure, for which time), from those of the notes.

    Printed measures without any note, whose time is given as 0, are played when those around them are.
    """
    with_notes = set(_index(printed.measures, printed.notes["onset_quarter"]).tolist())
    first_beat: dict[tuple[int, int], float] = {}
    for key, beat in zip(keys, onset_beat, strict=True):
        first_beat[key] = min(beat, first_beat.get(key, beat))
    order = sorted(first_beat, key=lambda key: (first_beat[key], key[1], key[0]))
    sequence: list[tuple[int, int]] = []
    for (before, _), key in pairwise([(-1, 0), *order]):
        between = range(before + 1, key[0])
        if with_notes.isdisjoint(between):  # otherwise measures were jumped over, such as a first ending
            sequence += [(measure, 0) for measure in between]
        sequence.append(key)
    return sequence


def _check_order(onsets: np.ndarray, onset_beat: np.ndarray) -> None:
    steps = np.diff(onsets[np.argsort(onset_beat, kind="stable")])
    backward = float((steps < -1e-3).mean()) if len(steps) else 0.0
    if backward > MOST_OUT_OF_ORDER:
        raise ValueError(f"its repeats could not be followed ({backward:.0%} of the notes are out of order)")


def _played_table(table: np.ndarray, printed_measures: np.ndarray, played_measures: np.ndarray) -> np.ndarray:
    """Return the rows of a table of changes that are in force in the measures as played, without repetitions of the same."""
    if not len(table):
        return table
    rows: list[tuple[float, ...]] = []
    for printed, played in zip(printed_measures, played_measures, strict=True):
        begin = float(printed["onset_quarter"])
        first = int(_index(table, np.array(begin)))
        after = int(np.searchsorted(table["onset_quarter"], begin + printed["duration_quarter"] - 1e-6, side="left"))
        for row in table[first : max(after, first + 1)].tolist():
            place = float(played["onset_quarter"]) + max(row[0] - begin, 0.0)
            if not rows or rows[-1][1:] != row[1:]:
                rows.append((place, *row[1:]))
    return np.array(rows, dtype=table.dtype)


def _played_texts(texts: Sequence[_Text], printed_measures: np.ndarray, played_measures: np.ndarray) -> tuple[_Text, ...]:
    """Return the texts of the measures as played, each as often as its measure is."""
    placed: list[_Text] = []
    for printed, played in zip(printed_measures, played_measures, strict=True):
        begin, end = float(printed["onset_quarter"]), float(printed["onset_quarter"] + printed["duration_quarter"])
        inside = [text for text in texts if begin - 1e-6 <= text.onset_quarter < end - 1e-6]
        moved = float(played["onset_quarter"]) - begin
        placed += [replace(text, onset_quarter=text.onset_quarter + moved) for text in inside]
    return tuple(placed)
