"""Gains that make DExter's renderings as wide as humans' performances, fitted to made-up pieces and graphs."""

from dataclasses import replace
from itertools import combinations

import numpy as np
import pytest
from dexter_pieces import made_up_presentation
from synthetic_dexter import write_models

from engine.performers.dexter.performer import load_performer
from models.dexter.hold_quantiles import LEVELS, NOTATED_OCTAVES
from models.dexter.representation import Settings
from models.dexter.windows import perform
from models.performance.features import normalise, normalise_column, notated_octaves
from models.performance.representation import (
    ARTICULATION,
    BEAT_PERIOD,
    PEDAL,
    PEDAL_BETWEEN,
    PEDAL_CHANGE,
    PEDAL_RETURN,
    TIMING,
    VELOCITY,
)
from training.dexter import calibration as dexter_calibration
from training.dexter.calibration import (
    AMOUNTS,
    APART,
    adjust,
    apart,
    calibrate,
    calibrate_samples,
    held_quantiles,
    read_calibration,
    render,
    weighted_quantiles,
    write_calibration,
)


@pytest.fixture
def pieces():
    return [made_up_presentation("notation", 120, 3, seed) for seed in range(3)]


@pytest.fixture
def folder(tmp_path):
    return write_models(tmp_path / "models")


def heard(performer, pieces, column, temperature):
    """Return the amount in renderings, and in the humans' performances, on average over pieces."""
    amount, rendered, humans = AMOUNTS[column], [], []
    for seed, piece in enumerate(pieces):
        columns = perform(performer.sampler(piece.notes, piece.score_columns, seed), Settings(temperature=temperature), len(piece.notes))
        rendered.append(amount(piece, columns))
        humans.append(np.mean([amount(piece, normalise(human, piece.score_columns)) for human in piece.columns]))
    return np.nanmean(rendered), np.nanmean(humans)


def test_renderings_get_the_humans_amounts(pieces, folder, tmp_path, monkeypatch):
    fitted = []
    monkeypatch.setattr(dexter_calibration, "calibrate_samples", lambda *given: fitted.append(calibrate_samples(*given)) or fitted[-1])
    plain = load_performer(folder, None)
    write_calibration(calibrate(plain, pieces), tmp_path)
    found = read_calibration(tmp_path)
    (scales,) = fitted
    np.testing.assert_allclose(found.residual_gain, scales.residual_gain, atol=1e-4)
    np.testing.assert_allclose(found.mean_gain_removed, scales.mean_gain_removed, atol=1e-4)
    np.testing.assert_allclose((found.hold_quantiles.sampled, found.hold_quantiles.human), scales.hold_quantiles, atol=1e-3)
    assert (scales.residual_gain[list(APART)] != scales.mean_gain_removed[list(APART)]).all() and found.gain[PEDAL] == 2
    assert [found.offset[column] for column in (BEAT_PERIOD, VELOCITY, ARTICULATION)] == [None] * 3
    plain.scales = scales
    for column in (VELOCITY, TIMING, ARTICULATION):
        rendered, human = heard(plain, pieces, column, temperature=0)
        assert rendered == pytest.approx(human, rel=0.1)
    assert calibrate(plain, pieces) == found  # what was fitted before makes no difference


def test_samples_are_nearly_as_far_apart_as_humans_and_as_wide(pieces, folder):
    performer = load_performer(folder, None)
    wild = made_up_presentation("midi", 60, 2)
    wild.columns[:, :, VELOCITY] *= 100
    gains, offsets = np.full(8, 2.0), np.where(np.isin(np.arange(8), (BEAT_PERIOD, VELOCITY, ARTICULATION)), np.nan, 0.1)
    scales = calibrate_samples(performer, render(performer, [*pieces, made_up_presentation("notation", 60, 1), wild]), gains, offsets)
    assert (scales.residual_gain[[*APART, PEDAL_BETWEEN]] != 1).all() and (scales.residual_gain[[PEDAL_CHANGE, PEDAL_RETURN]] == 1).all()
    assert (
        scales.residual_gain[PEDAL] == scales.residual_gain[PEDAL_BETWEEN]
        and scales.mean_gain_removed[PEDAL] == scales.mean_gain_removed[PEDAL_BETWEEN]
    )
    fitted = replace(
        performer.scales, gain=gains, offset=offsets, residual_gain=scales.residual_gain, mean_gain_removed=scales.mean_gain_removed
    )
    humans = [[normalise(columns, piece.score_columns) for columns in piece.columns] for piece in pieces]
    pairs = [_two_samples(performer, piece, fitted) for piece in pieces]
    for column in (BEAT_PERIOD, VELOCITY, TIMING, ARTICULATION):
        found = np.mean([apart(piece, pair, column) for piece, pair in zip(pieces, pairs, strict=True)])
        wanted = np.mean([apart(p, pair, column) for p, three in zip(pieces, humans, strict=True) for pair in combinations(three, 2)])
        assert found == pytest.approx(APART[column] * wanted, rel=0.35)  # these humans are wild: normalised values bend and end


def test_samples_get_the_humans_amounts_where_the_mean_can_be_that_narrow(pieces, folder):
    performer = load_performer(folder, None)
    calm = [_calmer(piece) for piece in pieces]
    gains, offsets = np.full(8, 5.0), np.where(np.arange(8) == VELOCITY, np.nan, 0.0)
    scales = calibrate_samples(performer, render(performer, calm), gains, offsets)
    assert 0.05 < scales.mean_gain_removed[VELOCITY] < 0.95
    fitted = replace(
        performer.scales, gain=gains, offset=offsets, residual_gain=scales.residual_gain, mean_gain_removed=scales.mean_gain_removed
    )
    samples = [_two_samples(performer, piece, fitted) for piece in calm]
    humans = [[normalise(columns, piece.score_columns) for columns in piece.columns] for piece in calm]
    played, wanted = ([(p, each) for p, some in zip(calm, performed, strict=True) for each in some] for performed in (samples, humans))
    found, amount = (np.mean([AMOUNTS[VELOCITY](*each) for each in performed]) for performed in (played, wanted))
    assert found == pytest.approx(amount, rel=0.05)
    found, distance = (
        np.mean([apart(p, two, VELOCITY) for p, some in zip(calm, performed, strict=True) for two in combinations(some, 2)])
        for performed in (samples, humans)
    )
    assert found == pytest.approx(APART[VELOCITY] * distance, rel=0.03)


def test_samples_hold_keys_nearer_to_how_humans_do(pieces, folder):
    """So that notes of each written length have durations as humans' have, half the way."""
    performer = load_performer(folder, None)
    scales = calibrate_samples(performer, render(performer, pieces), np.ones(8), np.full(8, np.nan))
    fitted = replace(
        performer.scales,
        gain=scales.gain,
        offset=scales.offset,
        residual_gain=scales.residual_gain,
        mean_gain_removed=scales.mean_gain_removed,
    )
    humans = [(piece, [normalise(columns, piece.score_columns) for columns in piece.columns]) for piece in pieces]
    without, touched = (
        [(piece, _two_samples(performer, piece, each)) for piece in pieces]
        for each in (fitted, replace(fitted, hold_quantiles=scales.hold_quantiles))
    )
    before, after, wanted = (held_quantiles(performed) for performed in (without, touched, humans))
    inside = slice(8, 20)  # beyond there are few notes, and normalised values end
    assert np.abs(before - wanted)[:, inside].mean() > 0.2
    assert np.abs(after - (before + wanted) / 2)[:, inside].mean() < 0.25 * np.abs(before - wanted)[:, inside].mean()


def test_quantiles_are_those_of_notes_as_much_as_they_count():
    random = np.random.default_rng(0)
    values = random.permutation(np.linspace(0, 1, 5001))
    assert weighted_quantiles(np.array([1.0, 0.0]), np.ones(2))[LEVELS == 0.5] == pytest.approx(0.5)
    np.testing.assert_allclose(weighted_quantiles(values, np.ones(5001)), LEVELS, atol=1e-3)
    expected = np.where(LEVELS < 0.75, LEVELS / 1.5, 2 * LEVELS - 1)
    np.testing.assert_allclose(weighted_quantiles(values, np.where(values < 0.5, 3, 1)), expected, atol=1e-3)


def test_a_long_piece_counts_by_the_root_of_its_notes_and_each_of_its_performances_less():
    """What is held longer is of another piece, and of one performance of it alone."""
    short, long = (made_up_presentation("notation", count, 1) for count in (100, 400))
    long.notes["is_grace"] = short.notes["is_grace"] = False
    low, high = (normalise(piece.columns[0], piece.score_columns) for piece in (short, long))
    for columns, piece, octaves in ((low, short, -1), (high, long, 0)):
        notated = notated_octaves(piece.score_columns)
        columns[:, BEAT_PERIOD] = normalise_column(-1 - notated, BEAT_PERIOD)  # each note lasts half a second
        columns[:, ARTICULATION] = normalise_column(np.full(len(notated), octaves), ARTICULATION)
    found = held_quantiles([(short, [low]), (long, [high, high])])[list(NOTATED_OCTAVES).index(-1)]
    assert found[LEVELS < 0.32] == pytest.approx(-1, abs=1e-3) and found[LEVELS > 0.35] == pytest.approx(0, abs=1e-3)
    long.notes["is_grace"][:300] = True
    found = held_quantiles([(short, [low]), (long, [high, high])])[list(NOTATED_OCTAVES).index(-1)]
    assert found[LEVELS < 0.65] == pytest.approx(-1, abs=1e-3) and found[LEVELS > 0.68] == pytest.approx(0, abs=1e-3)


def _calmer(piece):
    """Velocities that all performers agree on for the greater part."""
    columns = piece.columns.copy()
    wave = 0.5 + 0.12 * np.sin(np.arange(columns.shape[1]) / 3)
    columns[:, :, VELOCITY] = wave + 0.1 * (columns[:, :, VELOCITY] - 0.5)
    return replace(piece, columns=columns)


def _two_samples(performer, piece, scales):
    samplers = [performer.sampler(piece.notes, piece.score_columns, seed, scales=scales) for seed in (0, 1)]
    return [perform(sampler, Settings(), len(piece.notes)) for sampler in samplers]


def test_timing_is_apart_in_chords_alone_and_the_pedal_as_it_is_heard():
    piece = made_up_presentation("notation", 120, 1)
    first = normalise(piece.columns[0], piece.score_columns)
    later = first.copy()
    _, onset, counts = np.unique(piece.notes["onset_quarter"], return_inverse=True, return_counts=True)
    later[:, TIMING] += counts[onset] == 1
    assert apart(piece, (first, later), TIMING) == pytest.approx(0, abs=1e-9)
    alone = made_up_presentation("notation", 120, 1)
    alone.notes["onset_quarter"] = np.arange(120)
    assert np.isnan(apart(alone, (first, later), TIMING))
    deep = first.copy()
    first[:, PEDAL_BETWEEN], deep[:, PEDAL_BETWEEN] = 2 + np.arange(120) % 2, 5
    assert apart(piece, (first, deep), PEDAL) == 0


def test_how_far_apart_performances_are():
    piece = made_up_presentation("notation", 120, 1)
    first = normalise(piece.columns[0], piece.score_columns)
    second = first.copy()
    second[:, VELOCITY] += 2 * (np.arange(120) % 2)
    assert apart(piece, (first, first + 0.5), VELOCITY) == pytest.approx(0, abs=1e-6)
    assert apart(piece, (first, second), VELOCITY) == pytest.approx(0.15, rel=0.02) and apart(piece, (first, second), ARTICULATION) == 0


def test_what_is_adjusted_rises_to_what_is_wanted():
    values = np.zeros(3)
    adjust(values, [0, 2], (0.0, 8.0), lambda: values[0] ** 2, 9.0)
    assert values == pytest.approx([3, 0, 3], abs=0.02)


def test_a_key_that_voices_meet_on_is_out_of_time_once():
    shown = made_up_presentation("notation", 120, 1)
    columns = normalise(shown.columns[0], shown.score_columns)
    _, first, counts = np.unique(shown.notes["onset_quarter"], return_index=True, return_counts=True)
    note = first[counts > 2][1]
    shown.notes["pitch"][note + 1] = shown.notes["pitch"][note]
    columns[note, TIMING] = 0.1
    late, lost = columns.copy(), columns.copy()
    late[note + 1, TIMING], lost[note + 1, TIMING] = 5, np.nan
    columns[note + 1, TIMING] = 0.1
    assert AMOUNTS[TIMING](shown, late) == AMOUNTS[TIMING](shown, lost) == AMOUNTS[TIMING](shown, columns)


def test_grace_notes_belong_to_no_chord():
    shown = made_up_presentation("notation", 120, 1)
    columns = normalise(shown.columns[0], shown.score_columns)
    _, first, counts = np.unique(shown.notes["onset_quarter"], return_index=True, return_counts=True)
    note = first[counts > 1][1]
    before = AMOUNTS[TIMING](shown, columns)
    shown.notes["is_grace"][note] = True
    without = AMOUNTS[TIMING](shown, columns)
    columns[note, TIMING] = 5
    assert AMOUNTS[TIMING](shown, columns) == without != before
