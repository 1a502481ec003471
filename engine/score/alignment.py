"""A performance in a MIDI file, note by note beside the score that it is of.

Two steps, as of parangonar's DualDTWNoteMatcher (which cannot be had without loading torch where that is installed): pitches are warped to
the score's onsets, which says when each was passed; then each pitch's notes take the performed ones that are nearest to their time. Here
the warping also knows which notes are played together, without which a chord that is repeated cannot be told from the one before.
"""

from bisect import bisect_right
from pathlib import Path

import numpy as np

from engine.base.errors import PerfLiveError
from engine.midi.file import read_midi_file
from engine.midi.note_table import note_array, pedal_array
from engine.score.pitch_warping import warp_pitches
from engine.score.tables import Score
from models.performance.pedal import Pedal
from models.performance.representation import Performed

LEAST_FOUND = 0.6  # of the score's notes; of another piece a third may be
MOST_CELLS = 400_000_000  # notes of the performance times onsets of the score, a byte each; a whole sonata has a tenth
MOST_APART_S = 1.0  # a performed note further from its expected time is another
CHORD_S = 0.05  # a note that follows another within this is of its chord
STEP_COST = 0.25  # of a wrong pitch: to take a note for one of another chord than it seems to be, or to pass an onset without one
PASSES = 2  # the second knows the times of onsets that the warping alone did not find


def read_reference(path: Path, score: Score) -> Performed:
    """Return the performance in a MIDI file by note of ``score``. Raises PerfLiveError when it is not one of it, or cannot be read."""
    events = read_midi_file(path).events
    played, pedal = note_array(events), pedal_array(events)
    if len(played) * len(np.unique(score.notes["onset_quarter"])) > MOST_CELLS:
        raise PerfLiveError(f"{path}: {len(played)} notes are too many to be found in a score of {len(score.notes)}; split both")
    rows = match_notes(score.notes, played)
    found = rows >= 0
    if found.mean() < LEAST_FOUND:
        raise PerfLiveError(
            f"{path}: {found.mean():.0%} of the score's notes are played in it; at least {LEAST_FOUND:.0%} are needed; "
            "give a performance of this score, with its repeats (or without, and --no-repeats)"
        )
    return Performed(
        np.where(found, played["onset_sec"][rows], np.nan),
        np.where(found, played["duration_sec"][rows], np.nan),
        np.where(found, played["velocity"][rows], 0),
        Pedal(pedal[:, 0], pedal[:, 1].astype(int)),
    )


def match_notes(notes: np.ndarray, played: np.ndarray) -> np.ndarray:
    """Return for each of a score's ``notes`` which row of ``played`` (onset_sec, pitch; in order of onset) it is, each once, or -1."""
    if not len(played):
        return np.full(len(notes), -1)
    positions, index = np.unique(notes["onset_quarter"], return_inverse=True)
    sets: list[set[int]] = [set() for _ in positions]
    for place, pitch in zip(index.tolist(), notes["pitch"].tolist(), strict=True):
        sets[place].add(pitch)
    together = np.diff(played["onset_sec"], prepend=-np.inf) < CHORD_S
    step_costs = STEP_COST * np.stack([together, ~together, np.ones(len(played))], axis=1)
    _, path = warp_pitches(played["pitch"], sets, step_costs)
    agreeing = path[[pitch in sets[place] for pitch, place in zip(played["pitch"][path[:, 0]].tolist(), path[:, 1].tolist(), strict=True)]]
    places, times = agreeing[:, 1], played["onset_sec"][agreeing[:, 0]]
    rows = np.full(len(notes), -1)
    for _ in range(PASSES):
        if not len(places):
            break
        rows = _in_order(_take_nearest(notes["pitch"], _expected(positions, places, times)[index], played), index, played)
        places, times = index[rows >= 0], played["onset_sec"][rows[rows >= 0]]
    return rows


def _expected(positions: np.ndarray, places: np.ndarray, times: np.ndarray) -> np.ndarray:
    """Return when each onset is passed, given some ``times`` at ``places``; straight between those known, beyond them at the mean tempo."""
    order = np.lexsort((times, places))
    known, first = np.unique(places[order], return_index=True)
    medians = np.maximum.accumulate([np.median(each) for each in np.split(times[order], first[1:])])
    span = positions[known[-1]] - positions[known[0]]
    period = (medians[-1] - medians[0]) / span if span > 0 else 0.0
    beyond = np.minimum(positions - positions[known[0]], 0) + np.maximum(positions - positions[known[-1]], 0)
    return np.interp(positions, positions[known], medians) + period * beyond


def _in_order(rows: np.ndarray, index: np.ndarray, played: np.ndarray) -> np.ndarray:
    """Return the rows without those of onsets that are out of order: all but the longest series of onsets played one after the other."""
    found = np.flatnonzero(rows >= 0)
    if not len(found):
        return rows
    found = found[np.argsort(index[found], kind="stable")]
    places, first = np.unique(index[found], return_index=True)
    medians = [float(np.median(times)) for times in np.split(played["onset_sec"][rows[found]], first[1:])]
    kept = np.zeros(index.max() + 1, dtype=bool)
    kept[places[_longest_ascent(medians)]] = True
    return np.where(kept[index], rows, -1)


def _longest_ascent(values: list[float]) -> list[int]:
    """Return the indices of the longest subsequence that never falls."""
    lowest: list[float] = []  # of the ascents of each length, the lowest last value
    ends: list[int] = []  # and where that is
    before: list[int] = []
    for index, value in enumerate(values):
        length = bisect_right(lowest, value)
        lowest[length : length + 1], ends[length : length + 1] = [value], [index]
        before.append(ends[length - 1] if length else -1)
    ascent, index = [], ends[-1]
    while index >= 0:
        ascent.append(index)
        index = before[index]
    return ascent[::-1]


def _take_nearest(pitches: np.ndarray, expected_sec: np.ndarray, played: np.ndarray) -> np.ndarray:
    """Return for each note (N,) the row of the played note of its pitch nearest to its time, the nearest pairs first, each row once."""
    rows = np.full(len(pitches), -1)
    for pitch in np.unique(pitches).tolist():
        wanted, offered = np.flatnonzero(pitches == pitch), np.flatnonzero(played["pitch"] == pitch)
        times = played["onset_sec"][offered]
        begin = np.searchsorted(times, expected_sec[wanted] - MOST_APART_S)
        end = np.searchsorted(times, expected_sec[wanted] + MOST_APART_S)
        pairs = [(note, other) for note, (first, last) in enumerate(zip(begin, end, strict=True)) for other in range(first, last)]
        if not pairs:
            continue
        mine, theirs = np.array(pairs).T
        taken = np.zeros(len(offered), dtype=bool)
        for pair in np.argsort(np.abs(times[theirs] - expected_sec[wanted[mine]]), kind="stable").tolist():
            note, other = wanted[mine[pair]], theirs[pair]
            if rows[note] < 0 and not taken[other]:
                rows[note], taken[other] = offered[other], True
    return rows
