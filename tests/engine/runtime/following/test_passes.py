"""What is told of practice: passages played again and again, broken off and left, as the follower hears them."""

import numpy as np
import pytest
from duos import lullaby, written_rendition

from engine.midi.events import Event, note_off, note_on
from engine.midi.note_table import NOTE_FIELDS
from engine.runtime.following.practising.passes import practised
from engine.runtime.following.solo import written_sec
from engine.runtime.following.stream import DuoStream

PIECE = lullaby()
VOICE = PIECE.tracks == 0
NOTES = PIECE.score.notes[VOICE]
ONSETS = written_sec(PIECE.score, NOTES["onset_quarter"])
REST_S = 1.5  # before a leap


def bars_from(first, last):
    """Return the numbers of the voice's notes in bars of these numbers."""
    begins = {int(bar["number"]): bar["onset_quarter"] for bar in PIECE.score.measures}
    lengths = {int(bar["number"]): bar["duration_quarter"] for bar in PIECE.score.measures}
    inside = (NOTES["onset_quarter"] >= begins[first]) & (NOTES["onset_quarter"] < begins[last] + lengths[last])
    return np.flatnonzero(inside)


def strokes_of(numbers, begin_s, pitches=None):
    """Return strokes of notes of the voice in the written tempo."""
    strokes = np.zeros(len(numbers), NOTE_FIELDS)
    strokes["onset_sec"] = begin_s + ONSETS[numbers] - ONSETS[numbers[0]]
    strokes["pitch"], strokes["velocity"] = NOTES["pitch"][numbers] if pitches is None else pitches, 64
    return strokes


def one_after_another(*passages):
    """Return passages, each with a rest before it."""
    told, now_s = [], 1.0
    for passage in passages:
        moved = passage.copy()
        moved["onset_sec"] += now_s - moved["onset_sec"][0]
        told.append(moved)
        now_s = moved["onset_sec"][-1] + REST_S
    return np.concatenate(told)


def heard(strokes):
    """Return where a follower hears strokes, as the page is shown it."""
    stream = DuoStream(PIECE, written_rendition(PIECE), {"Voice": VOICE}, (), {})
    stream.start(0)
    quarters = []
    for stroke in strokes:
        time_ns = round(stroke["onset_sec"] * 1e9)
        for message in (note_on(0, int(stroke["pitch"]), 64), note_off(0, int(stroke["pitch"]))):
            stream.feed(Event(time_ns, message))
            while (due_ns := stream.next_due_ns()) is not None and due_ns <= time_ns:
                stream.advance(due_ns)
        together = stream.together()
        quarters.append(together.place.quarter if together.place and not together.lost else np.nan)
    return np.array(quarters)


def told(strokes):
    return practised(PIECE.score, VOICE, strokes, heard(strokes))


def counts(bars):
    return {name: int(bars[name].sum()) for name in ("notes", "wrong", "missed", "extra")}


def test_once_through_it_counts_what_is_wrong_missed_and_extra():
    strokes = strokes_of(np.arange(len(NOTES)), 1.0)
    strokes["pitch"][10] += 1
    extra = strokes[30:31].copy()
    extra["onset_sec"] += 0.2
    extra["pitch"] += 20
    found = told(np.sort(np.concatenate([np.delete(strokes, 20), extra]), order="onset_sec"))
    assert counts(found) == {"notes": len(NOTES), "wrong": 1, "missed": 1, "extra": 1}
    assert (found["times"] == 1).all()
    assert np.nanmedian(found["quarters_per_minute"]) == pytest.approx(76, rel=0.02)


def test_of_a_passage_that_is_repeated_the_last_time_counts():
    passage = bars_from(5, 8)
    bad = strokes_of(passage, 0.0)
    bad["pitch"][[3, 6]] += 1
    found = told(one_after_another(bad, bad, strokes_of(passage, 0.0)))
    assert found["bar"].tolist() == [5, 6, 7, 8]
    assert counts(found) == {"notes": len(passage), "wrong": 0, "missed": 0, "extra": 0}
    assert found["times"].tolist() == [3, 3, 3, 3]
    again = told(one_after_another(strokes_of(passage, 0.0), bad))
    assert counts(again) == {"notes": len(passage), "wrong": 2, "missed": 0, "extra": 0}


def test_what_was_not_come_to_is_not_missed_and_a_leap_leaves_nothing_out():
    early, late = bars_from(1, 6), bars_from(11, 14)
    found = told(one_after_another(strokes_of(early, 0.0), strokes_of(late, 0.0)))
    assert found["bar"].tolist() == [*range(found["bar"][0], 7), 11, 12, 13, 14]
    assert counts(found) == {"notes": len(early) + len(late), "wrong": 0, "missed": 0, "extra": 0}


def test_what_is_not_in_the_score_belongs_to_no_bar():
    """Half a minute of other music between two halves of the song."""
    nonsense = np.zeros(60, NOTE_FIELDS)
    nonsense["onset_sec"], nonsense["pitch"], nonsense["velocity"] = np.arange(60) / 2, 100 + np.arange(60) % 7, 64
    first, second = bars_from(1, 8), bars_from(9, 16)
    found = told(one_after_another(strokes_of(first, 0.0), nonsense, strokes_of(second, 0.0)))
    whole = counts(found)
    assert whole["notes"] == len(first) + len(second) and whole["missed"] == 0
    assert whole["extra"] <= 20  # until it is told that this is other music


def test_of_who_has_played_nothing_nothing_is_told():
    assert not len(practised(PIECE.score, VOICE, np.zeros(0, NOTE_FIELDS), np.zeros(0)))
    other = np.zeros(40, NOTE_FIELDS)
    other["onset_sec"], other["pitch"], other["velocity"] = np.arange(40) / 3, 20, 64
    assert not len(told(other))


def test_chords_are_heard_key_by_key():
    """The piano's part, bars 3 to 8 twice, a key of one chord left out the second time."""
    rows = np.flatnonzero(PIECE.tracks == 1)
    notes = PIECE.score.notes[rows]
    begin, end = (float(PIECE.score.measures[bar]["onset_quarter"]) for bar in (2, 8))
    inside = rows[(notes["onset_quarter"] >= begin) & (notes["onset_quarter"] < end)]
    strokes = np.zeros(len(inside), NOTE_FIELDS)
    strokes["onset_sec"] = written_sec(PIECE.score, PIECE.score.notes["onset_quarter"][inside])
    strokes["pitch"], strokes["velocity"] = PIECE.score.notes["pitch"][inside], 50
    strokes = np.sort(strokes, order=["onset_sec", "pitch"])
    chords, sizes = np.unique(strokes["onset_sec"], return_counts=True)
    left_out = int(np.flatnonzero(strokes["onset_sec"] == chords[sizes > 1][6])[0])
    played = one_after_another(strokes, np.delete(strokes, left_out))
    quarters = np.interp(
        np.concatenate([strokes["onset_sec"], np.delete(strokes["onset_sec"], left_out)]),
        np.unique(strokes["onset_sec"]),
        np.unique(PIECE.score.notes["onset_quarter"][inside]),
    )
    found = practised(PIECE.score, PIECE.tracks == 1, played, quarters)
    assert counts(found) == {"notes": len(inside), "wrong": 0, "missed": 1, "extra": 0}
    assert found["bar"].tolist() == [3, 4, 5, 6, 7, 8] and (found["times"] == 2).all()
