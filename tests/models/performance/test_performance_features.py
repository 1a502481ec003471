"""What DExter's network reads, and the scale of what it predicts."""

import numpy as np
from dexter_pieces import made_up_notes, made_up_performance, made_up_score_columns

from models.performance.features import (
    FEATURES,
    MOST_NORMALISED,
    at_played_tempo,
    denormalise,
    normalise,
    notated_intervals,
    note_features,
    relative_to_unknown_tempo,
    slowed,
)
from models.performance.representation import BEAT_PERIOD, decode_performance, encode_performance, find_anchors
from models.performance.score_representation import SCORE_COLUMNS

NOTES = made_up_notes(60)


def changed(name, change):
    columns = made_up_score_columns(NOTES)
    columns[:, SCORE_COLUMNS.index(name)] += change
    return columns


def test_normalised_performances_come_back():
    columns, _ = encode_performance(NOTES, made_up_performance(NOTES))
    score = made_up_score_columns(NOTES)
    normalised = normalise(columns, score)
    inside = (np.abs(normalised) < MOST_NORMALISED) | np.isnan(normalised)
    assert inside.mean() > 0.95 and np.isnan(normalised[1]).sum() == 3
    np.testing.assert_allclose(denormalise(normalised, score)[inside], columns[inside], atol=1e-4)
    assert np.isfinite(denormalise(np.full((60, 8), 1e9, np.float32), score)).all()


def test_the_beat_period_is_relative_to_the_notated_tempo():
    columns, _ = encode_performance(NOTES, made_up_performance(NOTES))
    slow, fast, unknown = (normalise(columns, made_up_score_columns(NOTES, tempo)) for tempo in (60, 120, None))
    assert (slow[:, BEAT_PERIOD] < fast[:, BEAT_PERIOD]).all()
    np.testing.assert_allclose(unknown, fast, atol=1e-6)  # 0.5 s a quarter
    forgotten = relative_to_unknown_tempo(slow[:, BEAT_PERIOD], made_up_score_columns(NOTES, 60))
    np.testing.assert_allclose(forgotten, unknown[:, BEAT_PERIOD], atol=1e-5)


def test_features_are_finite_and_of_about_unit_size():
    for notes in (NOTES, made_up_notes(1), made_up_notes(3)):
        features = note_features(made_up_score_columns(notes))
        assert features.shape == (len(notes), len(FEATURES)) and features.dtype == np.float32
        assert np.abs(features).max() <= 6


def test_features_do_not_depend_on_where_a_piece_begins():
    moved = changed("onset_quarter", 100.0)
    np.testing.assert_allclose(note_features(moved), note_features(made_up_score_columns(NOTES)), atol=1e-6)


def test_transposition_changes_the_pitch_alone():
    difference = np.abs(note_features(changed("pitch", 2)) - note_features(made_up_score_columns(NOTES))).max(0)
    differing = {name for name, value in zip(FEATURES, difference, strict=True) if value > 1e-6}
    assert "pitch" in differing and all(name.startswith("pitch") for name in differing)


def test_what_is_unknown_is_zero():
    features = dict(zip(FEATURES, note_features(made_up_score_columns(NOTES, tempo=None, markings=False)).T, strict=True))
    silent = FEATURES[FEATURES.index("tempo_known") : FEATURES.index("velocity_known")] + FEATURES[FEATURES.index("markings_known") :]
    assert not any(features[name].any() for name in silent)
    assert features["velocity_known"].all() and features["velocity"].any()


def test_a_part_of_a_piece_may_know_how_much_lies_around_it():
    columns = made_up_score_columns(NOTES)
    onsets = columns[:, 0]
    first, stop = np.searchsorted(onsets, [onsets[20], onsets[40]])
    around = onsets[first] - onsets[0], onsets[-1] - onsets[stop - 1]
    whole, part = note_features(columns)[first:stop], note_features(columns[first:stop], *around)
    for name in ("place", "since_beginning", "until_end", "length", "near_beginning_4", "near_end_4"):
        np.testing.assert_allclose(part[:, FEATURES.index(name)], whole[:, FEATURES.index(name)], atol=1e-6)
    alone = note_features(columns[first:stop])
    assert (part[:, FEATURES.index("near_end_4")] < alone[:, FEATURES.index("near_end_4")]).all()


def test_a_tempo_that_is_held_back_a_little_is_seen():
    """As notation programs write a ritardando: slower by a fiftieth from quarter 20 to before quarter 24."""
    columns = np.zeros((160, len(SCORE_COLUMNS)))
    columns[:, SCORE_COLUMNS.index("onset_quarter")] = onsets = np.arange(160) / 4
    columns[:, SCORE_COLUMNS.index("tempo_known")] = 1
    within = (onsets >= 20) & (onsets < 24)
    columns[within, SCORE_COLUMNS.index("beat_period")] = 0.03
    features = dict(zip(FEATURES, note_features(columns).T, strict=True))
    for quarters in (0, -8, -4, -2, -1, 1, 2, 4, 8):
        name = "held_back" if quarters == 0 else f"held_back_{quarters:+d}"
        there = np.abs(onsets + quarters - 21.9) < 2
        assert features[name][there].min() > 0.9 and not features[name][np.abs(onsets + quarters - 21.9) > 2.2].any()
    next_change, last_change = features["next_tempo_change"], features["last_tempo_change"]
    assert next_change[onsets == 12] > 0.3 > next_change[onsets == 0] > 0 and next_change[onsets == 21] < -0.6
    assert not next_change[onsets >= 24].any() and not last_change[onsets < 20].any()
    assert last_change[onsets == 20] > 0.9 and last_change[onsets == 24] < -0.9 and -0.2 < last_change[-1] < 0


def test_intervals_as_notated_and_as_played():
    score = made_up_score_columns(NOTES, tempo=90.0)
    anchors, groups = find_anchors(NOTES["onset_quarter"])
    notated = notated_intervals(NOTES, score)
    spacing = np.append(np.diff(anchors), np.nan)[groups]
    np.testing.assert_allclose(2**notated, spacing * 60 / 90)
    columns, _ = encode_performance(NOTES, made_up_performance(NOTES))
    played = at_played_tempo(normalise(columns, score), notated)
    np.testing.assert_allclose(2**played, spacing * 2 ** columns[:, BEAT_PERIOD], rtol=1e-4)


def test_slower_columns_hold_keys_as_long():
    score, flat = made_up_score_columns(NOTES), np.zeros((60, 8), np.float32)
    before, after = (decode_performance(NOTES, denormalise(columns, score)) for columns in (flat, flat + slowed(0.5)))
    np.testing.assert_allclose(after.onset_sec, 2**0.5 * before.onset_sec, rtol=0.01)
    np.testing.assert_allclose(after.duration_sec, before.duration_sec, rtol=0.01)
