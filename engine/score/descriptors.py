"""Descriptors of a performance over a piece, read from a file: how each passage is to sound."""

import csv
from pathlib import Path

import numpy as np

from engine.base.errors import PerfLiveError
from engine.score.tables import Score
from engine.score.tempo import tempo_at
from models.performance.descriptors import DESCRIPTORS, read_frames

POSITION, IDENTIFIER, FRAME = "onset_quarter", "id", "frame_start_time"
MOST_DEVIATIONS = 4.0  # as the network has met
SMALLEST_DEVIATION = 1e-9  # a column that differs less says nothing


def read_score_descriptors(path: Path, score: Score) -> np.ndarray:
    """Return descriptors (N, 7) by note of ``score``, in standard deviations, 0 average, from a table with a line of headings.

    With a column onset_quarter, a position in quarters from the beginning of the score, and any of the seven by name: they hold from
    there on. Or the paper's table, with a column frame_start_time in seconds and seven others: they are taken relative to their means and
    in their own deviations, and the time is stretched to the piece's at its notated tempo. Raises PerfLiveError for any other file.
    """
    try:
        with path.open(encoding="utf-8", newline="") as file:
            headings = next(csv.reader(file), [])
        described = _by_frame(path, score) if FRAME in headings else _by_position(path, headings, score)
    except (OSError, ValueError, csv.Error) as error:
        reason = getattr(error, "strerror", None) or str(error)
        wanted = f"a table (.csv) with {POSITION} and one or more of {', '.join(DESCRIPTORS)}, or with {FRAME} and seven others"
        raise PerfLiveError(f"cannot read {str(path)!r} as descriptors: {reason}; give {wanted}") from None
    return np.clip(described, -MOST_DEVIATIONS, MOST_DEVIATIONS)


def write_score_descriptors(path: Path, score: Score, described: np.ndarray) -> None:
    """Write descriptors (N, 7) by note so that ``read_score_descriptors`` reads them."""
    with path.open("w", encoding="utf-8", newline="") as file:
        table = csv.writer(file)
        table.writerow((IDENTIFIER, POSITION, *DESCRIPTORS))
        for note, row in zip(score.notes, described.tolist(), strict=True):
            table.writerow((note["id"], f"{note['onset_quarter']:.6f}", *(f"{value:.4f}" for value in row)))


def _by_position(path: Path, headings: list[str], score: Score) -> np.ndarray:
    named = [name for name in DESCRIPTORS if name in headings]
    unknown = [name for name in headings if name not in (*DESCRIPTORS, POSITION, IDENTIFIER)]
    if POSITION not in headings or not named or unknown:
        raise ValueError(f"its columns are {', '.join(headings) or 'none'}")
    with path.open(encoding="utf-8", newline="") as file:
        rows = [(float(row[POSITION]), *(float(row[name]) for name in named)) for row in _complete(csv.DictReader(file))]
    if not rows:
        raise ValueError("it has no rows")
    table = np.array(sorted(rows, key=lambda row: row[0]))
    if not np.isfinite(table).all():
        raise ValueError("it has values that are no numbers")
    described = np.zeros((len(score.notes), len(DESCRIPTORS)))
    index = np.searchsorted(table[:, 0], score.notes["onset_quarter"] + 1e-5, side="right") - 1
    described[:, [DESCRIPTORS.index(name) for name in named]] = table[np.maximum(index, 0), 1:]
    return described


def _complete(table: "csv.DictReader[str]") -> "list[dict[str, str]]":
    rows = list(table)
    short = next((number for number, row in enumerate(rows, 2) if None in row.values() or None in row), None)
    if short is not None:
        raise ValueError(f"line {short} has another number of columns than the headings")
    return rows


def _by_frame(path: Path, score: Score) -> np.ndarray:
    times, values = read_frames(path)
    if not len(times):
        raise ValueError("it has no rows")
    deviation = values.std(axis=0)
    relative = (values - values.mean(axis=0)) / np.where(deviation > SMALLEST_DEVIATION, deviation, np.inf)
    onsets = np.unique(score.notes["onset_quarter"])
    elapsed = np.concatenate([[0.0], np.cumsum(np.diff(onsets) * 60 / tempo_at(score, onsets[:-1]))])
    seconds = np.interp(score.notes["onset_quarter"], onsets, elapsed)
    place = times[0] + seconds / max(elapsed[-1], 1e-9) * (times[-1] - times[0])
    return relative[np.maximum(np.searchsorted(times, place + 1e-9, side="right") - 1, 0)]
