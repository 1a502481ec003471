"""Alignments in parangonada's folders, as they are published for ATEPP: tables that name notes, beside the MIDI file they come from.

Source: parangonar and partitura's ``save_parangonada_csv``. ``part.csv`` has the score's notes, ``ppart.csv`` the performed ones,
``align.csv`` rows of idx, matchtype (0 match, 1 deletion, 2 insertion), partid, ppartid. The durations of ``ppart.csv`` are lengthened by
the sustain pedal, so the keys' own, and the pedals, are read from the MIDI file.
"""

import csv
from pathlib import Path

import numpy as np

from engine.base.errors import PerfLiveError
from engine.midi.events import SOFT_PEDAL, SUSTAIN_PEDAL
from training.datasets.performances import read_performance

MATCH, INSERTION = "0", "2"
SAME_ONSET_S = 0.01
LEAST_FOUND = 0.9  # share of the aligned notes that the MIDI file must have


def midi_of(path: Path) -> Path:
    """Return the MIDI file that ``FOLDER/00020/align.csv`` is an alignment of: ``FOLDER/00020.mid``."""
    return path.parent.parent / f"{path.parent.name}.mid"


def read_parangonada(path: Path) -> tuple[list[tuple[str, float, float, float, int]], np.ndarray, int]:
    """Read ``align.csv`` and the files beside it.

    Return for each score note its id, onset in beats, onset and duration in seconds and velocity (NaN, NaN, 0 where it was not
    performed), the pedals (PEDAL_DTYPE), and how many performed notes are not in the score. Raises PerfLiveError when a file is missing
    or damaged, or when the MIDI file is not the one that was aligned.
    """
    try:
        align, part, ppart = (_rows(path.with_name(name)) for name in (path.name, "part.csv", "ppart.csv"))
        onsets = {row["id"]: float(row["onset_sec"]) for row in ppart}
        pitches = {row["id"]: int(float(row["pitch"])) for row in ppart}
        matched = {row["partid"]: row["ppartid"] for row in align if row["matchtype"] == MATCH}
        inserted = sum(row["matchtype"] == INSERTION for row in align)
        score_notes = [(row["id"], float(row["onset_beat"])) for row in part]
    except (OSError, KeyError, ValueError, TypeError) as error:
        raise PerfLiveError(f"cannot read {str(path.parent)!r} as an alignment ({type(error).__name__}: {error})") from error
    performance = read_performance(midi_of(path), path.parent.name, "")
    played = _find(performance.notes, onsets, pitches)
    if len(played) < LEAST_FOUND * len(onsets):
        raise PerfLiveError(f"{midi_of(path)}: it has {len(played)} of the {len(onsets)} aligned notes; it is not the one that was aligned")
    rows = []
    for name, onset_beat in score_notes:
        index = played.get(matched.get(name, ""))
        onset_sec, duration_sec, _, velocity = (np.nan, np.nan, 0, 0) if index is None else performance.notes[index].item()
        rows.append((name, onset_beat, onset_sec, duration_sec, velocity))
    return rows, performance.pedals[np.isin(performance.pedals["number"], (SUSTAIN_PEDAL, SOFT_PEDAL))], inserted


def _rows(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def _find(notes: np.ndarray, onsets: dict[str, float], pitches: dict[str, int]) -> dict[str, int]:
    """Return the row in ``notes`` of each aligned note by its id; those that are not there are left out."""
    found = {}
    rows_of = {pitch: np.flatnonzero(notes["pitch"] == pitch) for pitch in set(pitches.values())}
    for name, onset in onsets.items():
        rows = rows_of[pitches[name]]
        if len(rows):
            nearest = rows[np.argmin(np.abs(notes["onset_sec"][rows] - onset))]
            if abs(notes["onset_sec"][nearest] - onset) < SAME_ONSET_S:
                found[name] = int(nearest)
    return found
