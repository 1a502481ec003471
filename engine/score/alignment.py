"""Alignment of a performance in a MIDI file with its score, note by note.

It has two steps, like parangonar's DualDTWNoteMatcher, which cannot be used here because its import loads torch where that is installed.
Dynamic time warping of the pitches to the score's onsets says when each onset was passed. Then the notes of each pitch are matched with
the performed notes that are nearest in time. Here the warping also knows which notes are played together; without that, a repeated chord
could not be distinguished from the one before.
"""

from bisect import bisect_right
from pathlib import Path

import numpy as np

from engine.base.errors import PerfLiveError
from engine.midi.file import MidiTimeline, read_midi_file
from engine.midi.note_table import NOTE_FIELDS, Played, note_array, pedal_array
from engine.score.estimation.pitch_warping import warp_pitches
from engine.score.midi import midi_score
from engine.score.tables import Score
from models.performance.pedal import Pedal
from models.performance.representation import Performed

LEAST_FOUND = 0.6  # the share of the score's notes that must be found; in another piece a third may be found by chance
MOST_CELLS = 400_000_000  # notes of the performance times onsets of the score, a byte each; a whole sonata has a tenth of that
MOST_APART_S = 1.0  # a performed note further from the expected time is not matched
CHORD_S = 0.05  # notes that follow each other within this time belong to one chord
STEP_COST = 0.25  # of the cost of a wrong pitch: for splitting or joining what seems a chord, or passing an onset without a note
PASSES = 2  # the second pass also uses the onsets that were matched in the first


def read_reference(path: Path, score: Score) -> Performed:
    """Return the performance in a MIDI file by note of ``score``. Raises PerfLiveError when it is of another score or cannot be read."""
    performed = find_notes(score.notes, read_played(path, score))
    found = performed.velocity > 0
    if found.mean() < LEAST_FOUND:
        raise PerfLiveError(
            f"{path}: {found.mean():.0%} of the score's notes are played in it; at least {LEAST_FOUND:.0%} are needed; "
            "give a performance of this score, with its repeats (or without, and --no-repeats)"
        )
    return performed


def read_played(path: Path, score: Score) -> Played:
    """Return what is played in a MIDI file. Raises PerfLiveError when it cannot be read, or is too long to be found in ``score``."""
    events = read_midi_file(path).events
    played = Played(note_array(events), pedal_array(events))
    if len(played.notes) * len(np.unique(score.notes["onset_quarter"])) > MOST_CELLS:
        raise PerfLiveError(f"{path}: {len(played.notes)} notes are too many to be found in a score of {len(score.notes)}; split both")
    return played


def find_notes(notes: np.ndarray, played: Played) -> Performed:
    """Return how each of a score's ``notes`` is played, if it is."""
    rows = match_notes(notes, played.notes)
    found, strokes = rows >= 0, np.append(played.notes, np.zeros(1, NOTE_FIELDS))[rows]
    return Performed(
        np.where(found, strokes["onset_sec"], np.nan),
        np.where(found, strokes["duration_sec"], np.nan),
        strokes["velocity"],
        Pedal(played.pedal[:, 0], played.pedal[:, 1].astype(int)),
    )


def read_beside(path: Path, timeline: MidiTimeline) -> Played:
    """Return the notes and the sustain pedal of another performance of a take at the take's own times.

    Chords stay as spread as they were played. Raises PerfLiveError as ``read_reference`` does.
    """
    score = midi_score(timeline, path).score
    performed = read_reference(path, score)
    found = np.isfinite(performed.onset_sec)
    to_ns, division = timeline.tempo_map.to_ns, timeline.division
    positions, index = np.unique(score.notes["onset_quarter"][found], return_inverse=True)
    take_sec = np.array([to_ns(round(quarter * division)) / 1e9 for quarter in positions.tolist()])
    human_sec = np.bincount(index, weights=performed.onset_sec[found]) / np.bincount(index)
    human_sec = np.maximum.accumulate(human_sec) + 1e-6 * np.arange(len(human_sec))

    def at_take(seconds: np.ndarray) -> np.ndarray:
        """Return the take's times of the human's; before the first onset and after the last one they pass as fast."""
        before, after = np.minimum(seconds - human_sec[0], 0), np.maximum(seconds - human_sec[-1], 0)
        return np.asarray(np.maximum(np.interp(seconds, human_sec, take_sec) + before + after, 0))

    begin_sec, end_sec = performed.onset_sec[found], performed.onset_sec[found] + performed.duration_sec[found]
    notes = np.zeros(int(found.sum()), NOTE_FIELDS)
    notes["onset_sec"] = at_take(begin_sec)
    notes["duration_sec"] = at_take(end_sec) - notes["onset_sec"]
    notes["pitch"], notes["velocity"] = score.notes["pitch"][found], performed.velocity[found]
    pedal = np.stack([at_take(performed.pedal.time_sec), performed.pedal.value], axis=1)
    return Played(np.sort(notes, order=["onset_sec", "pitch"]), pedal)


def match_notes(notes: np.ndarray, played: np.ndarray) -> np.ndarray:
    """Return for each of a score's ``notes`` the row of ``played`` that it is matched with, or -1. No row is taken twice.

    ``played`` has the fields onset_sec and pitch and is in order of onset.
    """
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
    """Return the expected time of each onset, given some ``times`` at ``places``.

    Between known onsets it is interpolated linearly; beyond them the mean tempo goes on.
    """
    order = np.lexsort((times, places))
    known, first = np.unique(places[order], return_index=True)
    medians = np.maximum.accumulate([np.median(each) for each in np.split(times[order], first[1:])])
    span = positions[known[-1]] - positions[known[0]]
    period = (medians[-1] - medians[0]) / span if span > 0 else 0.0
    beyond = np.minimum(positions - positions[known[0]], 0) + np.maximum(positions - positions[known[-1]], 0)
    return np.interp(positions, positions[known], medians) + period * beyond


def _in_order(rows: np.ndarray, index: np.ndarray, played: np.ndarray) -> np.ndarray:
    """Return the rows, with -1 for onsets that are out of order: only the longest ascending sequence of onsets is kept."""
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
    lowest: list[float] = []  # the lowest last value of the ascents of each length
    ends: list[int] = []  # the index of that value
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
    """Return for each note (N,) the row of the played note of its pitch that is nearest to its expected time, or -1.

    The nearest pairs are matched first, and no row is taken twice.
    """
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
