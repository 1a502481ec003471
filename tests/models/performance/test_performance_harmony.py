"""Harmony and texture by onset, on scores whose harmony is known."""

import numpy as np
import pytest
from dexter_pieces import made_up_notes, made_up_score_columns

from engine.score.tables import SCORE_NOTE_DTYPE
from models.performance.harmony import HARMONY, harmony, mean_around, onset_groups
from models.performance.score_representation import SCORE_COLUMNS

PITCHED = ("top", "bass", "middle")
C_MAJOR, F_SHARP_MAJOR = (48, 64, 67), (54, 70, 73)


def chords(*pitches, quarters=1.0):
    """Return the score columns of chords, one after the other."""
    notes = np.zeros(sum(map(len, pitches)), SCORE_NOTE_DTYPE)
    notes["onset_quarter"] = np.repeat(quarters * np.arange(len(pitches)), [len(chord) for chord in pitches])
    notes["duration_quarter"] = quarters
    notes["pitch"] = np.concatenate(pitches)
    notes["voice"] = notes["staff"] = 1
    return made_up_score_columns(notes)


def by_name(score_columns):
    return dict(zip(HARMONY, harmony(score_columns).T, strict=True))


def test_means_around_are_those_of_the_onsets_in_reach():
    random = np.random.default_rng(0)
    quarters, values = np.cumsum(random.choice([0.25, 0.5, 3.0], 60)), random.normal(size=(60, 2))
    found = mean_around(quarters, values, -1.5, 2.0)
    for quarter, mean in zip(quarters, found, strict=True):
        inside = (quarters >= quarter - 1.5) & (quarters < quarter + 2)
        np.testing.assert_allclose(mean, values[inside].mean(0))
    assert not mean_around(quarters, values, 1000, 1001).any()


def test_onsets_are_grouped_whatever_their_rounding():
    score_columns = chords(C_MAJOR, F_SHARP_MAJOR)
    score_columns[1, 0] += 1e-4
    quarters, groups = onset_groups(score_columns)
    assert quarters.tolist() == [0, 1] and groups.tolist() == [0, 0, 0, 1, 1, 1]


def test_transposed_harmony_is_the_same():
    notes = made_up_notes(80)
    before = by_name(made_up_score_columns(notes))
    notes["pitch"] += 3
    after = by_name(made_up_score_columns(notes))
    for name in HARMONY:
        np.testing.assert_allclose(after[name], before[name] + 0.25 * (name in PITCHED), atol=1e-9)


def test_chords_stand_in_their_key():
    tonic, dominant, foreign = (48, 60, 64, 67), (43, 59, 62, 65), (48, 60, 64, 68)
    found = by_name(chords(tonic, dominant, tonic, foreign, tonic, dominant, tonic))
    assert found["bass_is_tonic"].tolist() == [1, 0, 1, 1, 1, 0, 1] and found["bass_is_dominant"].tolist() == [0, 1, 0, 0, 0, 1, 0]
    assert found["chromatic"] == pytest.approx([0, 0, 0, 1 / 4, 0, 0, 0])
    assert found["top_stability"].argmin() == 3 and (found["minor_8"] < 0).all()
    minor = by_name(chords(*[(48, 63, 67), (43, 62, 71), (48, 63, 67), (53, 60, 68)] * 3))
    assert (minor["minor_8"] > 0).all() and minor["bass_is_tonic"].sum() == 6


def test_a_modulation_is_new_and_far_from_home():
    found = by_name(chords(*[C_MAJOR] * 24, *[F_SHARP_MAJOR] * 8))
    assert found["novelty_8"].argmax() == found["novelty_2"].argmax() == 24
    assert found["tension_8"][29] > 2 * found["tension_8"][4]


def test_texture():
    found = by_name(chords(*[(60,)] * 4, (48, 60, 64, 72), *[(60,)] * 4))
    assert found["notes"][[3, 4]].tolist() == [0, 2] and found["span"][[3, 4]].tolist() == [0, 2]
    assert found["sounding"].tolist() == [1, 1, 1, 1, 4, 1, 1, 1, 1]
    assert (found["top"][4], found["bass"][4]) == (6, 4) and found["middle"][4] == pytest.approx(61 / 12)
    even = by_name(chords(*[(60,)] * 12, quarters=2.0))
    assert even["gap"][:9].tolist() == [1] * 9 and even["boundary"][:9].tolist() == [0] * 9
    uneven = chords((60, 64), (60,))
    uneven[:2, SCORE_COLUMNS.index("duration_quarter")] = 0.5, 2
    assert by_name(uneven)["longest"].tolist() == [1, 0] and by_name(uneven)["mean_length"].tolist() == [0, 0]
    held = chords(*[(60,)] * 12)
    held[6:, 0] += 3  # nothing new for four quarters
    found = by_name(held)
    assert found["boundary"].argmax() == 5 and found["gap"][5] == 2
