"""A MIDI score in notation: the tables that the engine reads from it, on the nearest places that are written, spelled by partitura.

What a notation program would print is not in the file. Each hand or track gets a staff of two voices: of notes that sound together, those
that last on while others begin are the second voice's. A note ends where the next of its voice begins.
"""

import warnings
from typing import Any

import numpy as np

from engine.base.partitura_loader import load_partitura
from engine.output.engraving.completed_notation import complete
from engine.score.tables import Score

DIVISIONS = 24  # a quarter: thirty-seconds and triplets of sixteenths
WRITTEN = np.array([0, 3, 4, 6, 8, 9, 12, 15, 16, 18, 20, 21, 24])  # places in a quarter, in divisions
NOTE = np.dtype([("onset_div", "i8"), ("duration_div", "i8"), ("pitch", "i8")])


def musicxml_of_midi(score: Score) -> bytes:
    """Return a MIDI score as MusicXML, a part for each staff of each track."""
    from lxml import etree

    partitura = load_partitura()
    table = np.zeros(len(score.notes), NOTE)
    table["onset_div"], table["pitch"] = _placed(score.notes["onset_quarter"]), score.notes["pitch"]
    last = max(score.measures["onset_quarter"] + score.measures["duration_quarter"], default=score.end_quarter)
    ends = _placed(np.minimum(score.notes["onset_quarter"] + score.notes["duration_quarter"], last))
    table["duration_div"] = np.maximum(ends - table["onset_div"], WRITTEN[1])
    signatures = [(round(onset * DIVISIONS), beats, unit) for onset, beats, unit in score.time_signatures.tolist()]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        spellings = partitura.musicanalysis.estimate_spelling(table)
        keys = [(0, partitura.musicanalysis.estimate_key(table))]
        parts = []
        for number, staff in sorted(set(zip(score.notes["part"].tolist(), score.notes["staff"].tolist(), strict=True))):
            rows = np.flatnonzero((score.notes["part"] == number) & (score.notes["staff"] == staff))
            parts.append(_part(partitura, f"P{number}-{staff}", table[rows], spellings[rows], signatures, keys))
        root = etree.fromstring(partitura.save_musicxml(parts))
    complete(root, [round(length * DIVISIONS) for length in score.measures["duration_quarter"].tolist()], DIVISIONS)
    return bytes(etree.tostring(root))


def _placed(quarters: np.ndarray) -> np.ndarray:
    """Return the nearest places that are written, in divisions."""
    whole = np.floor(quarters)
    within = (quarters - whole) * DIVISIONS
    return (whole * DIVISIONS + WRITTEN[np.abs(within[:, None] - WRITTEN).argmin(axis=1)]).astype(int)


def _part(partitura: Any, name: str, table: np.ndarray, spellings: np.ndarray, signatures: Any, keys: Any) -> Any:
    voices = voices_of(table)
    notes = [(int(row["onset_div"]), int(row["pitch"]), int(row["duration_div"])) for row in table]
    identifiers = [f"{name}-{index}" for index in range(len(notes))]
    spelled = [(str(step), int(alter), int(octave)) for step, alter, octave in spellings.tolist()]
    return partitura.io.importmidi.create_part(DIVISIONS, notes, spelled, voices, identifiers, signatures, keys, name, "")


def voices_of(table: np.ndarray) -> list[int]:
    """Return the voice, 1 or 2, of each note of a staff; their durations are cut, in place, where the next of the voice begins."""
    onsets, voices = np.unique(table["onset_div"]), np.ones(len(table), int)
    following = dict(zip(onsets[:-1].tolist(), onsets[1:].tolist(), strict=True))
    free = 0  # from when on the second voice is
    for onset in onsets.tolist():
        rows = np.flatnonzero(table["onset_div"] == onset)
        end = following.get(onset, np.inf)
        lasting = rows[onset + table["duration_div"][rows] > end]
        if len(lasting) and free <= onset:
            voices[lasting] = 2
            table["duration_div"][lasting] = table["duration_div"][lasting].min()
            free = onset + int(table["duration_div"][lasting[0]])
        first = rows[voices[rows] == 1]
        if len(first):
            table["duration_div"][first] = min(int(table["duration_div"][first].min()), end - onset)
    return voices.tolist()
