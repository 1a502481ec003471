"""DExter's columns decoded from note to note: the same as the whole piece at once, and nothing comes too late."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.score.tables import SCORE_NOTE_DTYPE, note_order
from models.performance.decoder import EARLIEST_S, DecodedEnd, DecodedNote, DecodedPedal, PerformanceDecoder
from models.performance.representation import (
    ARTICULATION,
    BEAT_PERIOD,
    PEDAL,
    PERFORMANCE_COLUMNS,
    TIMING,
    VELOCITY,
    decode_performance,
)


@st.composite
def performances(draw):
    """A score in order, and columns as a network may give them: differing within a chord, out of their ranges."""
    rows, position = [], draw(st.sampled_from([0.0, 1.5]))
    for _ in range(draw(st.integers(1, 12))):
        for _ in range(draw(st.integers(1, 3))):
            duration = draw(st.sampled_from([0.0, 1 / 64, 1 / 12, 0.25, 1.0, 7.0, 40.0]))
            rows.append((position, duration, draw(st.integers(40, 80)), duration == 0))
        position += draw(st.sampled_from([1 / 64, 1 / 12, 1 / 8, 0.25, 1.0, 4.0]))
    notes = np.zeros(len(rows), SCORE_NOTE_DTYPE)
    for note, row in zip(notes, rows, strict=True):
        note["onset_quarter"], note["duration_quarter"], note["pitch"], note["is_grace"] = row
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    columns = rng.normal(0.5, 0.7, (len(rows), len(PERFORMANCE_COLUMNS)))
    columns[:, BEAT_PERIOD] = rng.normal(-1, draw(st.sampled_from([0.3, 3])), len(rows))
    columns[:, TIMING] = np.clip(rng.normal(0, draw(st.sampled_from([0.02, 0.5])), len(rows)), -3, EARLIEST_S)
    columns[:, ARTICULATION] = rng.normal(-0.5, 2, len(rows))
    columns[:, PEDAL:] = np.round(columns[:, PEDAL:], draw(st.sampled_from([0, 2])))
    return notes[note_order(notes)], columns


def stream(notes, columns, start_sec):
    """Return what comes, group by group, each with the time up to which everything was complete before it came."""
    decoder, found = PerformanceDecoder(notes, start_sec), []
    while not decoder.finished:
        until = decoder.complete_until_sec
        found += [(until, item) for item in decoder.decode(columns[decoder.next_group])]
    return decoder, found


@settings(deadline=None, derandomize=True)
@given(performances(), st.sampled_from([0.0, 12.5]))
def test_the_same_as_the_whole_piece_at_once(performance, start_sec):
    notes, columns = performance
    expected = decode_performance(notes, columns, start_sec)
    _, found = stream(notes, columns, start_sec)
    begun = {item.note: item for _, item in found if isinstance(item, DecodedNote)}
    ended = {item.note: item.time_sec for _, item in found if isinstance(item, DecodedEnd)}
    pedal = [item for _, item in found if isinstance(item, DecodedPedal)]
    assert sorted(begun) == sorted(ended) == list(range(len(notes)))
    onsets = np.array([begun[note].time_sec for note in range(len(notes))])
    np.testing.assert_allclose(onsets, expected.onset_sec, atol=1e-9)
    np.testing.assert_allclose([ended[note] for note in range(len(notes))] - onsets, expected.duration_sec, rtol=1e-9, atol=1e-9)
    np.testing.assert_array_equal([begun[note].velocity for note in range(len(notes))], expected.velocity)
    np.testing.assert_allclose([step.time_sec for step in pedal], expected.pedal.time_sec, atol=1e-9)
    np.testing.assert_array_equal([step.value for step in pedal], expected.pedal.value)


@settings(deadline=None, derandomize=True)
@given(performances())
def test_nothing_comes_before_what_was_complete(performance):
    decoder, found = stream(*performance, 0.0)
    for until, item in found:
        assert item.time_sec >= until - 1e-9
    assert decoder.complete_until_sec == np.inf


def test_what_is_complete_stays_close_to_what_is_decoded():
    notes = np.zeros(40, SCORE_NOTE_DTYPE)
    notes["onset_quarter"], notes["duration_quarter"] = np.arange(40) / 2, 0.5
    columns = np.zeros((40, len(PERFORMANCE_COLUMNS)))
    columns[:, [BEAT_PERIOD, VELOCITY]] = -1.0, 0.5
    decoder = PerformanceDecoder(notes)
    for note in range(39):
        decoder.decode(columns[note : note + 1])
        assert decoder.complete_until_sec == pytest.approx(max((note + 1) / 4 - EARLIEST_S, -EARLIEST_S + 0.25))


def test_a_note_far_too_early_begins_when_all_before_it_is_out():
    notes = np.zeros(8, SCORE_NOTE_DTYPE)
    notes["onset_quarter"], notes["duration_quarter"] = np.arange(8), 1
    columns = np.zeros((8, len(PERFORMANCE_COLUMNS)))
    columns[7, TIMING] = 5.0
    _, found = stream(notes, columns, 0.0)
    assert next(item.time_sec for _, item in found if isinstance(item, DecodedNote) and item.note == 7) == 7 - EARLIEST_S
