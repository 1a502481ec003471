"""Ornaments and arpeggios as they are played: the notes of trills, mordents and turns, chords rolled.

Speeds are those of moderate modern practice; others can be written out in the score. A trill begins and ends on the printed note, so that
this note keeps its onset; upper and lower notes are those of the scale, as far as the surrounding notes tell.
"""

from typing import NamedTuple

import numpy as np

from engine.score.tables import ORNAMENTS, Score

TRILL_NOTE_S = 1 / 12
SHORTEST_NOTE_S = 1 / 18  # faster is a blur: a note too short for its ornament is played plain
MORDENT_NOTE_S, TURN_NOTE_S = 0.08, 0.1
# From the first note of a rolled chord to the last, seconds: ROLL * (how long it lasts) ** ROLL_POWER, however many notes it has, of which
# so much is before the beat. Fitted to the 591 chords under arpeggio signs of (n)ASAP's train pieces by
# training/performance/rolled_chords.py.
ROLL, ROLL_POWER, BEFORE_THE_BEAT = 0.40, 0.44, 0.8
SCALE_REACH_QUARTERS = 8.0  # how far around a note its scale is looked for

MAIN, UPPER, LOWER = 0, 1, -1
# What is played before the main note comes (again) and stays; a trill is as long as its note.
FIGURES = {
    "mordent": (MAIN, LOWER),
    "inverted-mordent": (MAIN, UPPER),
    "turn": (UPPER, MAIN, LOWER),
    "inverted-turn": (LOWER, MAIN, UPPER),
    "delayed-turn": (MAIN, UPPER, MAIN, LOWER),
    "delayed-inverted-turn": (MAIN, LOWER, MAIN, UPPER),
}


class Figure(NamedTuple):
    """The notes that are played for a printed one: onsets and durations in quarters, and pitches, (M,) each in order of onset."""

    onsets: np.ndarray
    durations: np.ndarray
    pitches: np.ndarray


def ornament_figures(score: Score, tempos: np.ndarray) -> dict[int, Figure]:
    """Return by row the notes of its trill, mordent or turn; ``tempos`` (N,) are quarters a minute at the notes.

    A note stays plain that is too short, that is a grace note, or whose neighbour's key is held by another note.
    """
    found = {row: _figure(score, row, 60 / float(tempos[row])) for row in np.flatnonzero(score.markings["ornament_kind"]).tolist()}
    return {row: figure for row, figure in found.items() if figure is not None}


def _figure(score: Score, row: int, beat_period_s: float) -> Figure | None:
    """Return the notes that are played for a note; None when it stays plain."""
    note = score.notes[row]
    length_s = float(note["duration_quarter"]) * beat_period_s
    kind = ORNAMENTS[score.markings["ornament_kind"][row] - 1]
    if kind == "trill":
        pairs = int((length_s / TRILL_NOTE_S - 1) // 2)
        steps = (MAIN, UPPER) * max(pairs, 1)
        step_s = length_s / (len(steps) + 1)
    else:
        steps = FIGURES[kind]
        step_s = min(TURN_NOTE_S if "turn" in kind else MORDENT_NOTE_S, length_s / (len(steps) + 1))
    if step_s < SHORTEST_NOTE_S:
        return None
    pitch = int(note["pitch"])
    heights = {MAIN: pitch, UPPER: _neighbour(score, row, 1), LOWER: _neighbour(score, row, -1)}
    pitches = np.array([heights[step] for step in (*steps, MAIN)])
    if not all(0 <= height <= 127 and _is_free(score, row, height) for height in set(pitches.tolist())):
        return None
    lengths_s = np.full(len(pitches), step_s)
    if kind.startswith("delayed"):
        lengths_s[0] = length_s - step_s * len(steps)
    else:
        lengths_s[-1] = length_s - step_s * len(steps)
    offsets = np.cumsum(lengths_s) / beat_period_s
    onsets = float(note["onset_quarter"]) + np.concatenate([[0.0], offsets[:-1]])
    return Figure(onsets, lengths_s / beat_period_s, pitches)


def _neighbour(score: Score, row: int, direction: int) -> int:
    """Return the pitch a step of the scale above or below: the semitone or the whole tone, whichever is more in use around the note."""
    note = score.notes[row]
    around = score.notes["pitch"][np.abs(score.notes["onset_quarter"] - note["onset_quarter"]) <= SCALE_REACH_QUARTERS] % 12
    semitone, tone = (int(note["pitch"]) + direction * size for size in (1, 2))
    return semitone if (around == semitone % 12).sum() > (around == tone % 12).sum() else tone


def _is_free(score: Score, row: int, pitch: int) -> bool:
    """Say whether no other note holds the key while this one sounds."""
    notes, note = score.notes, score.notes[row]
    begin, end = float(note["onset_quarter"]), float(note["onset_quarter"] + note["duration_quarter"])
    ends = notes["onset_quarter"] + notes["duration_quarter"]
    sounding = (notes["pitch"] == pitch) & (notes["onset_quarter"] < end - 1e-6) & (ends > begin + 1e-6)
    sounding[row] = False
    return not sounding.any()


def roll_chords(notes: np.ndarray, signs: np.ndarray, onset_sec: np.ndarray, duration_sec: np.ndarray) -> np.ndarray:
    """Return performed onsets (N,) in seconds with the chords under arpeggio signs rolled, in the direction of the sign.

    ``signs`` (N,) are the markings' ``arpeggio``; ``duration_sec`` (N,) says how long the keys are held. The beat of a chord is the median
    of its performed onsets. A chord that is already rolled as widely is left alone, and so is one of which fewer than two notes are
    performed (NaN).
    """
    rolled = np.array(onset_sec, dtype=float)
    rows = np.flatnonzero((signs != 0) & np.isfinite(rolled) & ~notes["is_grace"])
    chords: dict[tuple[int, float], list[int]] = {}
    for row in rows.tolist():
        chords.setdefault((int(notes["part"][row]), round(float(notes["onset_quarter"][row]), 6)), []).append(row)
    for members in chords.values():
        spread = ROLL * float(duration_sec[members].mean()) ** ROLL_POWER
        order = sorted(members, key=lambda row: int(signs[row]) * int(notes["pitch"][row]))
        if len(members) < 2 or rolled[order[-1]] - rolled[order[0]] >= spread:
            continue
        rolled[order] = np.median(rolled[members]) + spread * np.linspace(-BEFORE_THE_BEAT, 1 - BEFORE_THE_BEAT, len(order))
    return rolled
