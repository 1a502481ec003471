"""DExter in windows: no seams, no dependence on where windows are cut, settings that change on the way."""

import functools
from dataclasses import replace

import numpy as np
import pytest

from models.dexter.expression_profile import ExpressionProfile, fastest_interval
from models.dexter.hold_quantiles import lengthen_short_holds
from models.dexter.piece_statistics import MOST_PIECE_GAIN, PROFILE_NOTES
from models.dexter.rendering import COMPLEX_OCTAVES, LEANING_VELOCITY, MOST_VOICING_GAIN, STABLE_OCTAVES
from models.dexter.representation import Passage, Scales, SecondPrediction, Settings
from models.dexter.sampling import signal_and_noise
from models.dexter.windows import WindowSampler, perform
from models.performance.descriptors import DESCRIPTORS, LEANING
from models.performance.features import at_played_tempo, slowed
from models.performance.representation import ARTICULATION, BEAT_PERIOD, COLUMNS, TIMING, VELOCITY

WINDOW, NOTES = 128, 700
HOP, OVERLAP = 96, 16
DEVIATION, GAIN = np.linspace(0.4, 1.2, COLUMNS), np.full(COLUMNS, 1.6)
SAMPLED = np.where(np.arange(COLUMNS) == BEAT_PERIOD, 0.7, 1.0)
SCALES = Scales(DEVIATION, GAIN, np.where(np.arange(COLUMNS) < 4, np.nan, 0.0), SAMPLED, mean_gain_removed=SAMPLED**2)
NOTATED = -3.0  # log2 of seconds from note to note
FIRST = (1.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0)  # of the descriptors, one deviation up
CORRELATION = 0.97  # of neighbouring notes' residuals: slow, as a tempo curve, so that a seam would show


class Exact:
    """Networks that are known: a mean that blurs the features of the window, and the exact denoiser of residuals that wander."""

    descriptors, runs = 7, 0

    def mean(self, features, descriptors, known):
        kernel = np.hanning(25)[1:-1] / np.hanning(25).sum()
        blurred = np.stack([np.convolve(column, kernel)[11:-11] for column in features[:, :COLUMNS].T], axis=1)
        return (blurred + known * descriptors[:, :1]).astype(np.float32), np.zeros((len(features), 3), np.float32)

    def denoise(self, noisy, log_snr, branch, fixed, fixed_known):
        """Return v from the conditional expectation of x given x_t and what is fixed, for a first-order autoregression."""
        self.runs += 1
        alpha, sigma = signal_and_noise(log_snr)
        free = fixed_known[:, 0] == 0
        on_fixed, on_noisy = posterior(tuple(free), log_snr)
        expected = on_fixed @ fixed[~free]
        signal = fixed.astype(float).copy()
        signal[free] = expected + on_noisy @ (noisy[free] - alpha * expected)
        return (noisy * alpha - signal) / sigma


@functools.cache
def posterior(free, log_snr):
    """Return the matrices of what is fixed, and of what x_t differs from that, in the expectation of the free notes' residuals."""
    alpha, sigma = signal_and_noise(log_snr)
    free, places = np.array(free), np.arange(len(free))
    covariance = CORRELATION ** np.abs(places[:, None] - places)
    on_fixed = covariance[np.ix_(free, ~free)] @ np.linalg.pinv(covariance[np.ix_(~free, ~free)])
    left = covariance[np.ix_(free, free)] - on_fixed @ covariance[np.ix_(~free, free)]
    return on_fixed, alpha * left @ np.linalg.inv(alpha**2 * left + sigma**2 * np.eye(free.sum()))


def piece(seed=1):
    return np.random.default_rng(seed).normal(0, 3, (NOTES, 12)).astype(np.float32)


@pytest.fixture
def features():
    return piece()


def sampler(features, seed=0, scales=SCALES, thousand_steps=False, **known):
    passage = Passage(
        features, **({"tonal_leans": np.zeros((len(features), 2)), "notated_intervals": np.full(len(features), NOTATED)} | known)
    )
    return WindowSampler(Exact(), scales, WINDOW, passage, seed, thousand_steps)


def profile_of(deviation=np.nan, residual_gain=1.0, offset=0.0, fastest_intervals=()):
    return ExpressionProfile(*(np.full(COLUMNS, each) for each in (deviation, residual_gain, offset)), np.array(fastest_intervals))


def second_differences(settings):
    """Return those of tempo and velocity at seams, and elsewhere, of several pieces."""
    at_seam, elsewhere = [], []
    for seed in range(16):
        columns = perform(sampler(piece(seed), seed), settings, NOTES)[:, [BEAT_PERIOD, VELOCITY]]
        second = np.abs(np.diff(columns, 2, axis=0))
        is_seam = np.isin(np.arange(len(second)) % HOP, (HOP - 2, HOP - 1))
        at_seam.append(second[is_seam])
        elsewhere.append(second[~is_seam])
    return np.concatenate(at_seam), np.concatenate(elsewhere)


@pytest.mark.parametrize("temperature", [0.0, 1.0])
def test_no_seam(temperature):
    """The second difference of tempo and velocity where windows meet is distributed as elsewhere."""
    at_seam, elsewhere = second_differences(Settings(temperature=temperature))
    for quantile in (0.25, 0.5, 0.75, 0.95):
        assert np.quantile(at_seam, quantile) == pytest.approx(np.quantile(elsewhere, quantile), rel=0.2)


def test_residuals_have_their_deviation_and_wander_across_seams(features):
    flat = np.zeros_like(features)
    columns = np.concatenate([perform(sampler(flat, seed), Settings(evaluations=8), NOTES) for seed in range(12)])
    np.testing.assert_allclose(columns.std(axis=0), SAMPLED * DEVIATION, rtol=0.2)
    scaled = columns / (SAMPLED * DEVIATION)
    for lag in (1, 8, HOP):
        products = (scaled[lag:] * scaled[:-lag]).reshape(-1, COLUMNS)
        assert products.mean() == pytest.approx(CORRELATION**lag, abs=0.15)


def test_a_mean_rendering_is_widened_and_deviates_as_samples_do(features):
    mean = perform(sampler(features), Settings(temperature=0), NOTES)
    shifted = sampler(features, scales=replace(SCALES, offset=np.full(COLUMNS, 0.5)))
    assert (perform(shifted, Settings(temperature=0), NOTES) - mean)[:, 4:] == pytest.approx(0.5, abs=1e-5)
    assert perform(shifted, Settings(), NOTES)[:, 4:] == pytest.approx(perform(sampler(features), Settings(), NOTES)[:, 4:])
    gained = np.std(mean, axis=0) / np.std(Exact().mean(features, np.zeros((NOTES, 7)), np.zeros((NOTES, 1)))[0], axis=0)
    np.testing.assert_allclose(gained, GAIN, rtol=0.1)
    assert perform(sampler(features), Settings(temperature=0.001), NOTES) == pytest.approx(mean, abs=0.05)


def test_the_mean_goes_its_share_of_the_way_to_a_second_reading(features):
    plain = replace(SCALES, gain=np.ones(COLUMNS), offset=np.zeros(COLUMNS))
    shares = np.where(np.arange(COLUMNS) < 3, [0.0, 0.5, 1.0, 0, 0, 0, 0, 0], 0.25)
    told = np.random.default_rng(2).normal(size=(NOTES, COLUMNS)).cumsum(0) / 20
    second = SecondPrediction(shares, lambda rows: told[rows])
    alone, windows = sampler(features, scales=plain), sampler(features, scales=plain, second=second)
    mean = Settings(temperature=0)
    undescribed = perform(alone, mean, NOTES)
    for settings in (mean, replace(mean, descriptors=FIRST), replace(mean, descriptors=FIRST, guidance=2)):
        networks = perform(alone, settings, NOTES)
        expected = networks + shares * (told - (undescribed - windows.average))
        np.testing.assert_allclose(perform(windows, settings, NOTES), expected, atol=0.12)
        np.testing.assert_allclose(perform(windows, settings, NOTES)[:, 0], networks[:, 0], atol=1e-5)
    residuals = [perform(each, Settings(), NOTES) - perform(each, mean, NOTES) for each in (alone, windows)]
    np.testing.assert_allclose(residuals[1], residuals[0], atol=0.02)


def test_what_is_kept_of_a_reference_is_held_as_it_was(features):
    """And what is not, as fingers do."""
    notated = np.full(NOTES, -12.0)
    reference = np.zeros((NOTES, COLUMNS), np.float32)
    kept, given_up = (
        perform(sampler(features, reference=reference, notated_octaves=notated), Settings(depth=depth), NOTES) for depth in (0, 1)
    )
    np.testing.assert_allclose(kept, 0, atol=1e-5)
    freely = perform(sampler(features), Settings(), NOTES)
    np.testing.assert_allclose(given_up, lengthen_short_holds(freely, notated), atol=1e-5)
    assert (given_up > freely + 0.5)[:, ARTICULATION].mean() > 0.9


def test_a_gain_differs_by_a_limited_factor(features):
    own, raw = sampler(features).deviation, np.concatenate(list(sampler(features).piece._means.values()))
    assert own[VELOCITY] == pytest.approx(raw[:, VELOCITY].std())
    assert own[TIMING] == pytest.approx(np.abs(raw[:, TIMING] - raw[:, TIMING].mean()).mean())
    shared = np.arange(NOTES) % 3 == 0
    single = np.concatenate([mean[~shared[notes.start : notes.stop], TIMING] for notes, mean in sampler(features).piece._means.items()])
    assert sampler(features, shares_key=shared).deviation[TIMING] == pytest.approx(np.abs(single - single.mean()).mean())
    assert np.isnan(sampler(features, shares_key=np.ones(NOTES, bool)).deviation[TIMING])
    deviation = own * [0.01, 0.5, 1, 100, *[np.nan] * 4]
    windows = sampler(features, profile=profile_of(deviation))
    mean = Settings(temperature=0)
    wider = perform(windows, mean, NOTES).std(axis=0) / perform(sampler(features), mean, NOTES).std(axis=0)
    np.testing.assert_allclose(wider, [1 / MOST_PIECE_GAIN, 0.5, 1, MOST_PIECE_GAIN, 1, 1, 1, 1], rtol=0.02)


def test_of_a_few_notes_no_amount_is_told(features):
    few, wide = features[: PROFILE_NOTES // 2], profile_of(1e9, 4.0)
    mean, sample = Settings(temperature=0), Settings()
    alone, told = sampler(few), sampler(few, profile=wide)
    wider = perform(told, mean, len(few)).std(axis=0) / perform(alone, mean, len(few)).std(axis=0)
    np.testing.assert_allclose(wider, MOST_PIECE_GAIN**0.5, rtol=0.02)
    assert told.piece.scales.residual_gain == pytest.approx(2 * SAMPLED)
    assert np.isfinite(perform(told, sample, len(few))).all()


def test_a_sample_s_mean_is_narrower_by_its_share(features):
    plain = replace(SCALES, gain=np.ones(COLUMNS))
    sample, mean = (perform(sampler(features, scales=plain), Settings(temperature=each), NOTES) for each in (1, 0))
    residual, wide = sample - mean, perform(sampler(features), Settings(temperature=0), NOTES)
    for removed, left in ((0.0, GAIN[0]), (0.5, np.sqrt((1 + GAIN[0] ** 2) / 2)), (1.0, 1.0)):
        scales = replace(SCALES, mean_gain_removed=np.full(COLUMNS, removed))
        heard = perform(sampler(features, scales=scales), Settings(), NOTES) - residual
        np.testing.assert_allclose(heard.std(axis=0), wide.std(axis=0) * left / GAIN[0], rtol=1e-3)
    half, whole = (
        replace(SCALES, residual_gain=np.full(COLUMNS, each), mean_gain_removed=np.full(COLUMNS, each**2)) for each in (0.5, 1.0)
    )
    cooled = perform(sampler(features, scales=whole), Settings(temperature=0.5), NOTES)
    np.testing.assert_allclose(perform(sampler(features, scales=half), Settings(), NOTES), cooled, atol=1e-5)


def test_what_suits_a_piece_suits_its_samples(features):
    """How wide its mean is, and by how much less where its samples are further apart than others'."""
    deviation = np.where(np.arange(COLUMNS) == VELOCITY, 2 * sampler(features).deviation, np.nan)
    apart = np.where(np.arange(COLUMNS) == TIMING, 0.5, 1.0)
    gain, _ = sampler(features, profile=profile_of(deviation, apart)).piece.scales.mean_gain_and_offset(1.0)
    plain, _ = SCALES.mean_gain_and_offset(1.0)
    np.testing.assert_allclose(np.delete(gain, TIMING), np.delete(plain * np.where(np.arange(COLUMNS) == VELOCITY, 2, 1), TIMING))
    assert gain[TIMING] == pytest.approx(np.sqrt(1 + 0.75 * (GAIN[0] ** 2 - 1)))


def test_a_piece_is_as_a_whole_as_its_profile_says(features):
    mean, level = Settings(temperature=0), np.linspace(-0.4, 0.4, COLUMNS)
    alone, windows = sampler(features), sampler(features, profile=profile_of(offset=level))
    moved = perform(windows, mean, NOTES) - perform(alone, mean, NOTES)
    np.testing.assert_allclose(moved, np.tile(np.where(np.arange(COLUMNS) < 4, 1, GAIN) * level, (NOTES, 1)), atol=1e-4)
    second = SecondPrediction(np.full(COLUMNS, 0.5), lambda rows: np.ones((rows.stop - rows.start, COLUMNS)))
    plain = replace(SCALES, gain=np.ones(COLUMNS))
    told, untold = (sampler(features, scales=plain, second=second, profile=each) for each in (profile_of(offset=level), None))
    for settings in (mean, replace(mean, descriptors=FIRST)):
        np.testing.assert_allclose(perform(told, settings, NOTES) - perform(untold, settings, NOTES), np.tile(level, (NOTES, 1)), atol=1e-4)
    np.testing.assert_allclose(windows.average - alone.average, level, atol=1e-5)
    np.testing.assert_allclose(windows.deviation, alone.deviation, atol=1e-5)
    np.testing.assert_allclose(
        sampler(features[: PROFILE_NOTES // 2], profile=profile_of(offset=level)).piece.mean_offset, level / 2, atol=1e-6
    )
    reference = np.zeros((NOTES, COLUMNS), np.float32)
    kept = perform(sampler(features, profile=profile_of(offset=level), reference=reference), Settings(depth=0), NOTES)
    np.testing.assert_allclose(kept, 0, atol=1e-5)


def test_a_piece_that_is_faster_than_fingers_is_slower_and_its_keys_are_held_as_long(features):
    columns = np.concatenate(list(sampler(features).piece._networks_means.values()))
    for level in (0.0, np.where(np.arange(COLUMNS) == BEAT_PERIOD, -0.5, 0.0)):
        fastest = fastest_interval(at_played_tempo(columns + level, np.array(NOTATED)))
        slower, faster = (
            sampler(features, profile=profile_of(offset=level, fastest_intervals=[fastest + octaves])) for octaves in (0.2, -1.0)
        )
        np.testing.assert_allclose(slower.piece.mean_offset, level + slowed(0.2), atol=1e-5)
        np.testing.assert_allclose(faster.piece.mean_offset, level, atol=1e-6)


def test_at_most_the_evaluations_that_were_asked_for(features):
    for settings, expected in (
        (Settings(evaluations=6), 6),
        (Settings(evaluations=6, temperature=0), 0),
        (Settings(evaluations=5, guidance=2, descriptors=(1.0,) * 7), 8),
    ):
        windows = sampler(features)
        window, _ = windows.next(windows.begin(), settings)
        assert window.evaluations == windows._networks.runs == expected


def test_the_same_state_and_settings_give_the_same_window(features):
    windows = sampler(features)
    _, state = windows.next(windows.begin(), Settings())
    first, _ = windows.next(state, Settings())
    again, _ = windows.next(state, Settings())
    other, _ = sampler(features, seed=1).next(state, Settings())
    np.testing.assert_array_equal(first.columns, again.columns)
    assert np.abs(first.columns - other.columns).mean() > 0.1


@pytest.mark.parametrize("length", [1, 2, HOP, WINDOW - WINDOW // 4, WINDOW - WINDOW // 4 + 1, WINDOW + 1])
def test_every_note_once_and_in_order_however_long_the_piece(features, length):
    windows = sampler(features[:length])
    state, committed = windows.begin(), []
    while state.next_note < length:
        window, state = windows.next(state, Settings())
        committed += range(window.first_note, window.first_note + len(window.columns))
        assert np.isfinite(window.columns).all()
    assert committed == list(range(length))


def test_descriptors_move_the_mean_and_guidance_exaggerates(features):
    def moved(**changes):
        return (perform(sampler(features), Settings(temperature=0, **changes), NOTES) - plain).mean()

    plain = perform(sampler(features), Settings(temperature=0), NOTES)
    assert moved(descriptors=FIRST) == pytest.approx(GAIN[0], abs=0.1)
    assert moved(descriptors=FIRST, guidance=2.0) == pytest.approx(2 * GAIN[0], abs=0.2)
    sampled = perform(sampler(features), Settings(descriptors=FIRST, guidance=2.0, evaluations=8), NOTES)
    assert (sampled - plain).mean() == pytest.approx(2, abs=0.35)


@pytest.mark.parametrize("descriptors", [None, (1.0,) * 7])
def test_a_changed_setting_comes_without_a_jump(features, descriptors):
    """Most of several performances: what has no direction comes at once, and how much that is depends on the residual there."""
    change, steps = Settings(descriptors=descriptors, temperature=0), []
    for seed in range(5):
        flat = sampler(np.zeros_like(features), seed)
        _, state = flat.next(flat.begin(), replace(change, descriptors=None, temperature=1))
        before, state = flat.next(state, replace(change, descriptors=None, temperature=1))
        after, _ = flat.next(state, change)
        columns = np.concatenate([before.columns, after.columns])
        steps.append(np.abs(np.diff(columns, axis=0))[HOP - 1].max() / np.quantile(np.abs(np.diff(before.columns, axis=0)), 0.95))
        assert not np.allclose(after.columns[-8:], before.columns[-8:], atol=0.1)
    assert np.median(steps) < 2


def test_a_seek_begins_afresh_with_the_same_notes_noise(features):
    windows = sampler(features)
    window, state = windows.next(windows.begin(100), Settings())
    assert (window.first_note, state.next_note) == (100, 100 + HOP)
    assert np.isfinite(window.columns).all()


def test_without_time_the_last_expression_goes_on(features):
    windows = sampler(features)
    written = np.zeros((NOTES, COLUMNS), np.float32)
    carried, state = windows.carry(windows.begin(5), written)
    assert not carried.columns.any() and (carried.first_note, carried.evaluations) == (5, 0)
    last, state = windows.next(state, Settings())
    carried, state = windows.carry(state, written)
    assert carried.columns[0, VELOCITY] == pytest.approx(last.columns[-OVERLAP:, VELOCITY].mean())
    assert carried.first_note == last.first_note + len(last.columns)
    resumed, _ = windows.next(state, Settings())
    assert resumed.first_note == carried.first_note + len(carried.columns)


def test_transfer_stays_near_its_reference_by_depth(features):
    reference = np.random.default_rng(2).normal(0, 2, (NOTES, COLUMNS)).cumsum(0).astype(np.float32) * 0.1
    reference[5, 3] = np.nan  # a note that the reference leaves out
    distances = [
        np.nanmean(np.abs(perform(sampler(features, reference=reference), Settings(depth=depth, evaluations=8), NOTES) - reference))
        for depth in (0.3, 0.7, 1.0)
    ]
    assert distances[0] < distances[1] < distances[2]


def test_a_reference_s_residual_is_heard_as_it_is_and_a_sample_s_scaled(features):
    reference = np.random.default_rng(2).normal(0, 1, (NOTES, COLUMNS)).astype(np.float32)
    known = sampler(features, reference=reference)
    assert perform(known, Settings(depth=0, temperature=0.3), NOTES) == pytest.approx(reference, abs=1e-4)
    plain = replace(SCALES, gain=np.ones(COLUMNS))
    mean = perform(sampler(features, scales=plain), Settings(temperature=0), NOTES)
    sampled = (np.ones(COLUMNS), SAMPLED)
    whole, scaled = (perform(sampler(features, scales=replace(plain, residual_gain=each)), Settings(), NOTES) - mean for each in sampled)
    assert scaled == pytest.approx(SAMPLED * whole, abs=1e-4)


def test_a_thousand_steps_give_what_a_few_do(features):
    """The samples differ, being drawn; their deviation and how they wander do not."""
    flat = np.zeros_like(features)[:150]
    long = sampler(flat, thousand_steps=True)
    window, state = long.next(long.begin(), Settings())
    assert window.evaluations == 1000
    following, _ = long.next(state, Settings())
    columns = np.concatenate([window.columns, following.columns]) / (SAMPLED * DEVIATION)
    assert (columns[1:] - columns[:-1]).std() == pytest.approx(np.sqrt(2 * (1 - CORRELATION)), rel=0.2)


def test_of_a_growing_piece_a_part_is_enough(features):
    whole = sampler(features)
    _, state = whole.next(whole.begin(), Settings())
    expected, after = whole.next(state, Settings(), 7)
    begun = state.next_note - len(state.columns)
    stop = state.next_note + WINDOW - len(state.columns)
    part = sampler(features[begun:stop], first_note=begun, average=whole.average)
    window, state = part.next(state, Settings(), 7)
    assert len(window.columns) == 7 and state.next_note == after.next_note == window.first_note + 7
    np.testing.assert_array_equal(window.columns, expected.columns)
    np.testing.assert_array_equal(state.ahead, after.ahead)


def test_complex_rhythm_strays_further_stable_tempo_less_and_keys_are_in_the_notes_that_lean_to_them():
    leans = np.stack([np.where(np.arange(NOTES) % 2, 1.0, -1.0), np.where(np.arange(NOTES) % 3, 0.5, -1.0)], axis=1)
    leaning = sampler(piece(), 3, tonal_leans=leans)
    plain = perform(leaning, Settings(temperature=0), NOTES)

    def changed(wanted, *columns):
        descriptors = tuple(2.0 * (name == wanted) for name in DESCRIPTORS)
        found = perform(leaning, Settings(temperature=0, descriptors=descriptors), NOTES)
        others = np.setdiff1d(np.arange(COLUMNS), columns)
        assert found[:, others] == pytest.approx(plain[:, others])
        return found

    assert changed("rhythm_complexity", TIMING)[:, TIMING] == pytest.approx(plain[:, TIMING] * 2 ** (2 * COMPLEX_OCTAVES), rel=1e-4)
    average = leaning.average[BEAT_PERIOD]
    narrower = average + (plain[:, BEAT_PERIOD] - average) * 2 ** (-2 * STABLE_OCTAVES)
    assert changed("rhythm_stability", BEAT_PERIOD)[:, BEAT_PERIOD] == pytest.approx(narrower, abs=1e-4)
    steady = replace(Settings(), depth=0, descriptors=tuple(2.0 * (name == "rhythm_stability") for name in DESCRIPTORS))
    reference = 3 + perform(leaning, Settings(), NOTES)
    kept = perform(sampler(piece(), 3, tonal_leans=leans, reference=reference), steady, NOTES)[:, BEAT_PERIOD]
    average = reference[:, BEAT_PERIOD].mean()
    assert kept == pytest.approx(average + (reference[:, BEAT_PERIOD] - average) * 2 ** (-2 * STABLE_OCTAVES), abs=1e-4)
    for name, lean, velocity in zip(LEANING, leans.T, LEANING_VELOCITY, strict=True):
        assert changed(name, VELOCITY)[:, VELOCITY] - plain[:, VELOCITY] == pytest.approx(2 * velocity * lean, abs=1e-4)


@pytest.mark.parametrize("asked", [0.5, 2.0])
def test_a_pieces_own_gain_is_of_its_chords_and_not_of_their_voicing(features, asked):
    """Notes of the same four-note chords: louder chords get the piece's whole gain, notes within them not all of a high one."""
    chords = np.arange(NOTES) // 4
    plain = sampler(features, chords=chords)
    profile = profile_of()._replace(mean_deviation=asked * plain.piece.deviation)
    played, gain = sampler(features, profile=profile, chords=chords), asked
    mine, others = (perform(each, Settings(temperature=0), NOTES)[:, VELOCITY] for each in (played, plain))

    def split(velocities):
        levels = velocities.reshape(-1, 4).mean(axis=1)
        return levels, velocities - np.repeat(levels, 4)

    (levels, voicing), (plain_levels, plain_voicing) = split(mine), split(others)
    centre = plain.average[VELOCITY]
    np.testing.assert_allclose(levels - centre, gain * (plain_levels - centre), atol=1e-3)
    np.testing.assert_allclose(voicing, min(gain, MOST_VOICING_GAIN) * plain_voicing, atol=1e-3)
