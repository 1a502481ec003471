"""The Groove MIDI data set: takes of ten drummers on an electronic kit, to a metronome (Gillick et al. 2019; CC BY 4.0).

Its published layout: ``info.csv`` beside one folder a drummer. Its test takes are never read. ``held_out`` are takes like those: a tenth of
the train takes of each session of each drummer, drawn by HELD_OUT_SEED, which are not trained on; ``train`` are the others.
"""

import csv
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
import symusic

from engine.base.errors import PerfLiveError
from models.drums.representation import DRUMMERS, STROKE_DTYPE, STYLES, known

Split = Literal["train", "held_out", "validation"]
LICENCE = "CC BY 4.0"
TRAINING_DATA = "Groove MIDI Dataset, train takes but for a tenth of each session"  # as the contracts of the graphs say it
TABLE = "info.csv"
COLUMNS = ("drummer", "session", "id", "style", "bpm", "time_signature", "midi_filename", "split")
HELD_OUT_SHARE, HELD_OUT_SEED = 0.1, 25


@dataclass(frozen=True)
class DrumTake:
    """A take: its strokes as played (STROKE_DTYPE, in order; ``quarter`` off the grid) and their velocities (N,)."""

    name: str
    style: int
    drummer: int
    strokes: np.ndarray
    velocity: np.ndarray


def read_groove(root: Path, split: Split) -> list[DrumTake]:
    """Return the takes of a split, in the order of the table. Raises PerfLiveError where the folder is not the data set."""
    rows = _rows(root)
    held_out = _held_out([row for row in rows if row["split"] == "train"])
    official = "validation" if split == "validation" else "train"
    chosen = [row for row in rows if row["split"] == official]
    if split != "validation":
        chosen = [row for row in chosen if (row["id"] in held_out) == (split == "held_out")]
    if not chosen:
        raise PerfLiveError(f"{root}: {TABLE} names no take of the split {split!r}; unpack the data set again")
    return [_read(root, row) for row in chosen]


def _rows(root: Path) -> list[dict[str, str]]:
    try:
        with (root / TABLE).open(encoding="utf-8", newline="") as file:
            rows = list(csv.DictReader(file))
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise PerfLiveError(f"{root}: not the Groove data set, {TABLE} cannot be read ({error}); give its folder") from error
    if missing := [column for column in COLUMNS if not rows or column not in rows[0]]:
        raise PerfLiveError(f"{root / TABLE}: lacks the columns {', '.join(missing)}; expected {', '.join(COLUMNS)}")
    return rows


def _held_out(rows: list[dict[str, str]]) -> set[str]:
    """Return the names of the takes that are held out of the train takes."""
    sessions: dict[str, list[str]] = defaultdict(list)
    for row in rows:
        sessions[row["session"]].append(row["id"])
    random = np.random.default_rng(HELD_OUT_SEED)
    found: set[str] = set()
    for session in sorted(sessions):
        takes = np.array(sorted(sessions[session]))
        found.update(takes[random.permutation(len(takes))[: round(len(takes) * HELD_OUT_SHARE)]].tolist())
    return found


def _read(root: Path, row: dict[str, str]) -> DrumTake:
    path = root / row["midi_filename"]
    try:
        score: Any = symusic.Score(str(path))
    except Exception as error:  # symusic raises RuntimeError and its C++ relatives, undocumented
        raise PerfLiveError(f"{path}: cannot be read as MIDI ({str(error).splitlines()[0]}); unpack the data set again") from error
    notes = np.array([(note.time, note.pitch, note.velocity) for track in score.tracks for note in track.notes], float).reshape(-1, 3)
    notes = notes[known(notes[:, 1])]
    notes = notes[np.lexsort((notes[:, 1], notes[:, 0]))]
    beats, beat_type = map(int, row["time_signature"].split("-"))
    strokes = np.zeros(len(notes), STROKE_DTYPE)
    strokes["quarter"], strokes["key"] = notes[:, 0] / score.tpq, notes[:, 1]
    strokes["bar_quarters"] = 4 * beats / beat_type
    strokes["bar_quarter"] = np.floor(strokes["quarter"] / strokes["bar_quarters"]) * strokes["bar_quarters"]
    strokes["tempo"] = float(row["bpm"])  # the metronome's
    style = row["style"].split("/")[0]
    return DrumTake(row["id"], STYLES.index(style) if style in STYLES else 0, DRUMMERS.index(row["drummer"]), strokes, notes[:, 2])
