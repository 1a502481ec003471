"""How long keys are held."""

import numpy as np
import pytest
from dexter_pieces import made_up_notes, made_up_performance, made_up_score_columns

from models.dexter.hold_quantiles import (
    LEVELS,
    NOTATED_OCTAVES,
    SHORTEST_HOLD_S,
    HoldQuantiles,
    holds_of,
    lengthen_short_holds,
    map_to_human_holds,
    octave_weights,
)
from models.performance.features import MOST_NORMALISED, denormalise, denormalise_column, normalise, normalise_column, notated_octaves
from models.performance.representation import ARTICULATION, BEAT_PERIOD, encode_performance

NOTES = made_up_notes(60)
SCORE = made_up_score_columns(NOTES)
NOTATED = notated_octaves(SCORE)
OTHERS = np.arange(8) != ARTICULATION


def performance(seconds=None, written=None):
    """Return columns (N, 8), normalised, whose keys are held for ``seconds`` (N,), and which last so long as ``written`` (N,)."""
    columns = np.nan_to_num(normalise(encode_performance(NOTES, made_up_performance(NOTES))[0], SCORE)).astype(np.float64)
    if written is not None:
        columns[:, BEAT_PERIOD] = normalise_column(np.log2(written) - NOTATED, BEAT_PERIOD)
    if seconds is not None:
        columns[:, ARTICULATION] = normalise_column(np.log2(seconds) - holds_of(columns, NOTATED).notated, ARTICULATION)
    return columns


def held_s(columns):
    held = holds_of(columns, NOTATED)
    return np.exp2(held.notated + held.articulation)


def test_what_keys_are_held_for_is_what_the_columns_say():
    columns, score = performance(), denormalise(performance(), SCORE)
    quarters = np.where(NOTES["duration_quarter"] > 0, NOTES["duration_quarter"], 1 / 8)
    inside = (np.abs(columns[:, [BEAT_PERIOD, ARTICULATION]]) < MOST_NORMALISED).all(axis=1)
    assert inside.sum() > 50
    np.testing.assert_allclose(held_s(columns)[inside], (quarters * np.exp2(score[:, BEAT_PERIOD] + score[:, ARTICULATION]))[inside])


def test_no_key_is_held_for_less_than_a_finger_takes():
    seconds = np.repeat([0.0005, 0.01, 0.02, 0.04, 0.08, 0.3], 10)
    columns = performance(seconds)
    held = lengthen_short_holds(columns, NOTATED)
    found = held_s(held)[::10]
    assert found[0] == pytest.approx(SHORTEST_HOLD_S, rel=0.01)
    np.testing.assert_allclose(found[1:4], [0.0215, 0.0287, 0.0424], rtol=0.01)  # half of the octaves below 40 ms, and a little
    np.testing.assert_allclose(found[4:], seconds[[40, 50]], rtol=0.002)
    np.testing.assert_array_equal(held[:, OTHERS], columns[:, OTHERS])


def test_what_is_held_longer_stays_longer():
    assert (np.diff(held_s(lengthen_short_holds(performance(np.geomspace(0.002, 1, 60)), NOTATED))) > 0).all()


def test_quantiles_of_samples_become_those_of_humans():
    """All of the way; half of it, by default; and none."""
    random = np.random.default_rng(0)
    sampled = np.sort(random.normal(-1, 1, (len(NOTATED_OCTAVES), len(LEVELS))))
    human = np.sort(random.normal(-1, 2, sampled.shape))
    written = np.exp2(NOTATED_OCTAVES[np.arange(60) % 6])
    articulation = sampled[np.arange(60) % 6, np.arange(60) % len(LEVELS)]
    wanted = human[np.arange(60) % 6, np.arange(60) % len(LEVELS)]
    columns = performance(np.exp2(articulation) * written, written)
    for share, options in ((1, [1]), (0.5, []), (np.arange(60) / 60, [np.arange(60) / 60]), (0, [0])):
        found = map_to_human_holds(columns, NOTATED, HoldQuantiles(sampled, human), *options)
        np.testing.assert_allclose(denormalise_column(found[:, ARTICULATION], ARTICULATION), articulation + share * (wanted - articulation))
        np.testing.assert_array_equal(found[:, OTHERS], columns[:, OTHERS])


def test_a_note_between_two_lengths_is_between_what_becomes_of_them():
    first, between, last = [1, 0, 0, 0, 0, 0], [0, 0.25, 0.75, 0, 0, 0], [0, 0, 0, 0, 0, 1]
    np.testing.assert_allclose(octave_weights(np.array([-9.0, -4.0, -2.25, 1.0, 3.0])), [first, first, between, last, last])
