"""What is around a note: the same wherever it is read from."""

import numpy as np
from dexter_pieces import made_up_notes, made_up_score_columns

from models.performance.features import FEATURES, note_features
from models.performance.surroundings import WIDE_FEATURES, WideFeatures

NOTES = 300


def wide(notes):
    score_columns = made_up_score_columns(notes)
    return WideFeatures(score_columns, note_features(score_columns))


def test_rows_are_those_of_the_whole():
    features = wide(made_up_notes(NOTES))
    whole = features.rows(slice(None))
    assert whole.shape == (NOTES, len(WIDE_FEATURES)) and whole.dtype == np.float32 and np.isfinite(whole).all()
    assert len(set(WIDE_FEATURES)) == len(WIDE_FEATURES)
    np.testing.assert_array_equal(features.rows(slice(100, 164)), whole[100:164])
    np.testing.assert_array_equal(features.rows(np.array([3, 250])), whole[[3, 250]])


def test_averages_are_about_the_pieces():
    notes = made_up_notes(NOTES)
    rows = wide(notes).rows(slice(None))
    onset, first = np.unique(notes["onset_quarter"], return_index=True)
    bass = np.minimum.reduceat(notes["pitch"], first) / 12
    near = np.abs(onset[:, None] - onset) <= 8
    near &= onset < onset[:, None] + 8  # a window ends before its last quarter
    expected = near @ bass / near.sum(1) - bass.mean()
    np.testing.assert_allclose(rows[first, WIDE_FEATURES.index("bass_within_16")], expected, atol=1e-5)
    following, before = ((onset >= onset[:, None] + low) & (onset < onset[:, None] + low + 4) for low in (0, -4))
    changes = following @ bass / following.sum(1) - before @ bass / np.maximum(before.sum(1), 1) + bass.mean() * ~before.any(1) * -1
    np.testing.assert_allclose(rows[first, WIDE_FEATURES.index("bass_change_4")][1:], changes[1:], atol=1e-5)
    np.testing.assert_array_equal(rows[:, : len(FEATURES)], note_features(made_up_score_columns(notes)))


def test_a_piece_may_begin_anywhere():
    notes, rows = made_up_notes(NOTES), []
    for quarters in (0, 64):
        notes["onset_quarter"] += quarters
        score_columns = made_up_score_columns(notes, markings=False)  # made-up ones do not move
        rows.append(WideFeatures(score_columns, note_features(score_columns)).rows(slice(None)))
    np.testing.assert_allclose(rows[1], rows[0], atol=1e-4)
