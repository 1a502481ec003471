"""The bounds of a chord's voicing. Limits are those of the humans' table in docs/benchmarks.md and of the command that made it."""

import numpy as np
import pytest

from engine.performers.score_playing.shaping.voicing import VoicingBounds
from engine.score.tables import SCORE_NOTE_DTYPE
from models.performance.representation import COLUMNS, VELOCITY

WRITTEN = 64


def shaped(velocities, onsets=None, written=WRITTEN, grace=(), first=0):
    """Return the velocities of notes after the bounds, as floats; ``first``: where the notes to be played begin."""
    notes = np.zeros(len(velocities), SCORE_NOTE_DTYPE)
    notes["onset_quarter"] = 0 if onsets is None else onsets
    notes["is_grace"][list(grace)] = True
    columns = np.full((len(velocities), COLUMNS), 0.25)
    given = columns.copy()
    given[:, VELOCITY] = np.broadcast_to(written, len(velocities)) / 127
    columns[:, VELOCITY] = np.array(velocities) / 127
    before = columns.copy()
    rule = VoicingBounds(notes, given)
    played = rule.apply(columns[first:], first)
    assert np.array_equal(columns, before)
    assert np.array_equal(np.delete(played, VELOCITY, 1), np.delete(before[first:], VELOCITY, 1))
    return 127 * played[:, VELOCITY]


@pytest.mark.parametrize("chord", [[70, 46], [70, 50, 38], [80, 60, 55, 48], [70, 40, 45, 50, 38], [30, 28, 26], [90]])
def test_what_most_humans_do_stays_as_it_is(chord) -> None:
    assert shaped(chord) == pytest.approx(chord, abs=1e-9)


@pytest.mark.parametrize(
    ("chord", "furthest"),
    [([100, 1], 36), ([127, 60, 10], 40), ([66, 8, 18, 18, 21], 40), ([127, *range(1, 10)], 40), ([90, -30, -60], 40)],
)
def test_no_note_is_too_far_below_the_top_or_too_soft_and_their_order_stays(chord, furthest) -> None:
    played = shaped(chord)
    assert played.max() == pytest.approx(max(chord))
    assert played.max() - played.min() <= furthest
    assert played.min() >= 15
    assert np.all(np.diff(played[np.argsort(chord)]) >= 0)


def test_a_note_alone_has_a_floor_too_that_is_felt_gradually() -> None:
    soft = np.concatenate([shaped([velocity]) for velocity in (40, 18, 17, 15, 10, 1)])
    assert soft[:2] == pytest.approx([40, 18])
    assert np.all(np.diff(soft) < 0) and 15 <= soft[-1] < 16
    assert 17 <= soft[2] < 18 and soft[3] > 15


def test_what_is_marked_soft_has_as_much_lower_a_floor() -> None:
    assert shaped([12, 10], written=33) == pytest.approx([12, 10], abs=1e-9)  # pp
    assert 15 * 33 / 64 <= shaped([1], written=33)[0] < 18 * 33 / 64
    assert shaped([1], written=96)[0] >= 15  # f
    assert shaped([1, 1], written=[64, 16])[1] < 5  # ppp beside what has no mark


def test_what_is_marked_may_be() -> None:
    assert shaped([100, 16], written=[112, 16]) == pytest.approx([100, 16], abs=1e-9)  # fff over ppp
    assert shaped([90, 5, 9], written=[90, 5, 9]) == pytest.approx([90, 5, 9], abs=1e-9)  # as written is as written
    assert shaped([7], written=[4]) == pytest.approx([7])


def test_chords_are_those_of_one_onset_and_grace_notes_are_apart() -> None:
    assert shaped([100, 30], onsets=[0, 0.0625]) == pytest.approx([100, 30])
    assert shaped([100, 30], grace=[0]) == pytest.approx([100, 30])
    assert shaped([50, 100, 30], onsets=[0, 1, 1], first=1)[1] >= 64
