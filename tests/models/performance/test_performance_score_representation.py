"""DExter's score columns."""

import numpy as np
import pytest

from engine.score.tables import MARKING_DTYPE, MEASURE_DTYPE, SCORE_NOTE_DTYPE, TEMPO_DTYPE, TIME_SIGNATURE_DTYPE
from models.performance.score_representation import MARKINGS, SCORE_COLUMNS, decode_score, encode_score

# (onset, duration, pitch, is_grace)
UPBEAT_AND_CHORD = [(0.0, 0.5, 67, False), (0.5, 0.5, 69, False), (1.0, 0.0, 70, True), (1.0, 1 / 3, 60, False), (1.0, 3.0, 64, False)]


def notes_of(rows, velocities=None):
    notes = np.zeros(len(rows), SCORE_NOTE_DTYPE)
    for note, row in zip(notes, rows, strict=True):
        note["onset_quarter"], note["duration_quarter"], note["pitch"], note["is_grace"] = row
        note["voice"] = 2
    if velocities is not None:
        notes["velocity"] = velocities
    return notes


MEASURES = np.array([(0, 1, 0), (1, 3, 1)], MEASURE_DTYPE)
SIGNATURES = np.array([(0, 3, 4)], TIME_SIGNATURE_DTYPE)


def column(name, notes, tempos=(), markings=None):
    encoded = encode_score(notes, MEASURES, SIGNATURES, np.array(list(tempos), TEMPO_DTYPE), markings)
    return encoded[:, SCORE_COLUMNS.index(name)].tolist()


def test_the_papers_four_columns_give_the_notes_back_exactly():
    notes = notes_of(UPBEAT_AND_CHORD)
    decoded = decode_score(encode_score(notes, MEASURES, SIGNATURES, np.array([], TEMPO_DTYPE), None))
    for name, values in decoded.items():
        np.testing.assert_array_equal(values, notes[name])


def test_neighbours_and_chord_places():
    notes = notes_of(UPBEAT_AND_CHORD)
    assert column("previous_onset_quarter", notes) == [0, 0.5, 0.5, 0.5, 0.5]
    assert column("next_onset_quarter", notes) == [0.5, 0.5, 0, 0, 0]
    assert column("notes_below", notes) == [0, 0, 0, 0, 1]
    assert column("notes_above", notes) == [0, 0, 0, 1, 0]


def test_chord_places_do_not_depend_on_the_order_of_the_notes():
    assert column("notes_below", notes_of(UPBEAT_AND_CHORD[::-1])) == [1, 0, 0, 0, 0]


def test_metre_counts_an_upbeats_beats_from_the_bar_line():
    notes = notes_of([(0.25, 0.5, 60, False), (1.0, 1.0, 60, False), (2.5, 1.0, 60, False)])
    assert column("measure_position_quarter", notes) == [0.25, 0, 1.5]
    assert column("measure_quarter", notes) == [1, 3, 3]
    assert column("beats", notes) == [3, 3, 3]
    assert column("beat_phase", notes) == pytest.approx([0.25, 0, 0.5])


def test_half_an_upbeat_is_the_second_half_of_a_beat():
    notes, measures = notes_of([(0.0, 0.5, 60, False), (0.5, 1.0, 60, False)]), np.array([(0, 0.5, 0), (0.5, 3, 1)], MEASURE_DTYPE)
    encoded = encode_score(notes, measures, SIGNATURES, np.array([], TEMPO_DTYPE), None)
    assert encoded[:, SCORE_COLUMNS.index("beat_phase")] == pytest.approx([0.5, 0])


def test_an_unknown_tempo_is_not_a_tempo_of_one_quarter_a_second():
    notes = notes_of(UPBEAT_AND_CHORD)
    assert column("tempo_known", notes) == [0] * 5
    assert column("tempo_known", notes, [(0, 60)]) == [1] * 5
    assert column("beat_period", notes, [(0, 60), (1, 120)]) == [0, 0, -1, -1, -1]


def test_velocities_count_where_they_vary():
    assert column("velocity_known", notes_of(UPBEAT_AND_CHORD, 64)) == [0] * 5
    varying = notes_of(UPBEAT_AND_CHORD, [127, 64, 64, 64, 64])
    assert column("velocity_known", varying) == [1] * 5
    assert column("velocity", varying)[0] == 1


def test_markings_are_unknown_or_taken_over():
    notes = notes_of(UPBEAT_AND_CHORD)
    assert MARKING_DTYPE.names is not None and MARKING_DTYPE.names[: len(MARKINGS)] == MARKINGS  # what follows is for playing only
    assert column("markings_known", notes) == [0] * 5
    markings = np.zeros(5, MARKING_DTYPE)
    markings["hairpin"][1] = -1
    assert column("markings_known", notes, markings=markings) == [1] * 5
    assert column("hairpin", notes, markings=markings) == [0, -1, 0, 0, 0]


def test_a_score_without_measures_or_metre_works():
    empty = [np.array([], dtype) for dtype in (MEASURE_DTYPE, TIME_SIGNATURE_DTYPE, TEMPO_DTYPE)]
    assert np.isfinite(encode_score(notes_of(UPBEAT_AND_CHORD), *empty, None)).all()
