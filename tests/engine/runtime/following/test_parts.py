import numpy as np
import pytest
from duos import lullaby
from score_playing import melody

from engine.base.errors import UsageError
from engine.runtime.following.parts import alternatives, choices, solo_rows


def test_a_part_is_found_by_its_name_however_it_is_written():
    piece = lullaby()
    for said in ("Voice", "voice", " VOI "):
        assert (solo_rows(piece, said) == (piece.tracks == 0)).all()


def test_hands_are_the_staves_and_of_one_staff_they_are_estimated():
    piece = lullaby()
    left = solo_rows(piece, "left")
    assert (left == (piece.score.notes["staff"] == 2)).all()
    alone = melody()
    right = solo_rows(alone, "right")
    assert alone.score.notes["pitch"][right].mean() > alone.score.notes["pitch"][~right].mean() + 10


def test_a_part_that_is_not_there_lists_the_parts():
    with pytest.raises(UsageError, match=r"--follow 'Oboe': the score has no such part; allowed: Voice, Piano, right, left, auto$"):
        solo_rows(lullaby(), "Oboe")
    with pytest.raises(UsageError, match="no such part"):
        solo_rows(lullaby(), "  ")


def test_all_notes_leave_nothing_to_accompany():
    with pytest.raises(UsageError, match="none is left to accompany"):
        solo_rows(melody(), "track 1")


def test_what_may_be_played_are_the_parts_or_else_the_hands():
    assert list(alternatives(lullaby())) == ["Voice", "Piano"]
    assert list(alternatives(melody())) == ["right", "left"]
    assert all(rows.dtype == np.bool_ for rows in choices(lullaby()).values())
