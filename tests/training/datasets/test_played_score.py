"""Repeats as a performance played them."""

from dataclasses import replace

import numpy as np
import pytest

from engine.score.tables import (
    MARKING_DTYPE,
    MEASURE_DTYPE,
    SCORE_NOTE_DTYPE,
    TEMPO_DTYPE,
    TIME_SIGNATURE_DTYPE,
    Annotation,
    Score,
    Word,
)
from training.datasets.played_score import played_score


def printed(notes, lengths, signatures=((0, 2, 4),), tempos=()):
    """Return a score with notes (id, onset in quarters) and measures of the given lengths."""
    table = np.zeros(len(notes), SCORE_NOTE_DTYPE)
    table["id"], table["onset_quarter"] = zip(*notes, strict=True)
    table["duration_quarter"], table["pitch"] = 1, 60
    markings = np.zeros(len(notes), MARKING_DTYPE)
    markings["dynamic"] = np.arange(len(notes))
    onsets = np.cumsum([0, *lengths])[:-1]
    measures = np.array([(onset, length, i + 1) for i, (onset, length) in enumerate(zip(onsets, lengths, strict=True))], MEASURE_DTYPE)
    return Score(table, measures, np.array(list(signatures), TIME_SIGNATURE_DTYPE), np.array(list(tempos), TEMPO_DTYPE), markings, True)


def played(score, ids, beats):
    return played_score(score, np.array(ids), np.array(beats, dtype=float))


def test_endings_follow_the_match_file_and_places_the_score():
    score = printed([("a", 0.5), ("b", 2), ("c", 4)], [2, 2, 2], tempos=[(0, 60), (4, 90)])
    result = played(score, ["a-1", "b-1", "a-2", "c-1"], [7, 8, 9, 30])
    assert result.notes["id"].tolist() == ["a-1", "b-1", "a-2", "c-1"]
    assert result.notes["onset_quarter"].tolist() == [0.5, 2, 4.5, 6]
    assert result.markings["dynamic"].tolist() == [0, 1, 0, 2]
    assert result.measures.tolist() == [(0, 2, 1), (2, 2, 2), (4, 2, 1), (6, 2, 3)]
    assert result.tempos.tolist() == [(0, 60), (6, 90)]


def test_notes_in_any_order_end_in_the_scores():
    score = printed([("a", 0), ("b", 1), ("c", 2)], [2, 2])
    assert played(score, ["c-1", "a-1", "b-1"], [2, 0, 1]).notes["id"].tolist() == ["a-1", "b-1", "c-1"]


def test_empty_measures_last_but_jumped_ones_do_not():
    score = printed([("a", 2), ("b", 6), ("c", 10)], [2, 2, 2, 2, 2, 2])  # measures 1, 3 and 5 are empty
    assert played(score, ["a-1", "b-1", "c-1"], [0, 1, 2]).notes["onset_quarter"].tolist() == [2, 6, 10]
    assert played(score, ["a-1", "c-1"], [0, 1]).notes["onset_quarter"].tolist() == [2, 4]


def test_metre_and_tempo_changes_come_back_with_the_repeat():
    score = printed([("a", 0), ("b", 2)], [2, 3], [(0, 2, 4), (2, 3, 4)], [(0, 60), (3.5, 40)])
    result = played(score, ["a-1", "b-1", "a-2", "b-2"], [0, 2, 5, 7])
    assert result.time_signatures.tolist() == [(0, 2, 4), (2, 3, 4), (5, 2, 4), (7, 3, 4)]
    assert result.tempos.tolist() == [(0, 60), (3.5, 40), (5, 60), (8.5, 40)]


def test_words_and_lyrics_come_back_where_their_measure_is_played():
    said = (Word(0, "Largo", "tempo"), Word(2.5, "Allegro", "tempo"), Word(4, "coda", "other"))
    score = replace(
        printed([("a", 0), ("b", 2), ("c", 4)], [2, 2, 2]), words=said, annotations=(Annotation(3, "la ", "lyric"),)
    )
    result = played(score, ["a-1", "b-1", "a-2", "b-2", "c-1"], [0, 2, 5, 7, 9])
    assert [(word.onset_quarter, word.text) for word in result.words] == [
        (0, "Largo"), (2.5, "Allegro"), (4, "Largo"), (6.5, "Allegro"), (8, "coda")
    ]  # fmt: skip
    assert [annotation.onset_quarter for annotation in result.annotations] == [3, 7]


def test_a_score_with_its_repeats_written_out_is_played_as_printed():
    score = printed([("a-1", 0), ("b-1", 1), ("a-2", 2), ("b-2", 3)], [2, 2])
    result = played(score, ["a-1", "b-1", "a-2", "b-2"], [0, 1, 2, 3])
    assert result.notes["id"].tolist() == score.notes["id"].tolist()
    assert result.notes["onset_quarter"].tolist() == [0, 1, 2, 3]


def test_unknown_notes_are_left_out_until_they_are_most():
    score = printed([("a", 0), ("b", 1)], [2])
    assert played(score, ["a-1", "x-1", "b-1"], [0, 0, 1]).notes["id"].tolist() == ["a-1", "b-1"]
    with pytest.raises(ValueError, match="different editions"):
        played(score, ["a-1", "x-1", "y-1"], [0, 1, 2])


def test_a_repeat_within_a_measure_is_not_guessed_at():
    score = printed([("a", 0), ("b", 1), ("c", 2)], [2, 2])
    with pytest.raises(ValueError, match="repeats could not be followed"):
        played(score, ["a-1", "a-2", "b-1", "c-1"], [0, 1, 2, 3])
