"""The Groove data set as it is read and divided, takes as they are written down, and the noise that is fitted."""

import numpy as np
import pytest
from drum_tracks import HAT, KICK, SNARE, as_strokes, write_groove

from engine.base.errors import PerfLiveError
from engine.performers.drums.added import GrooveNoise
from models.drums import groove, live_kit
from models.drums.added import FLAM, GHOST
from models.drums.drawing import Past, Stroke
from training.datasets import groove as data_set
from training.datasets.groove import DrumTake, read_groove
from training.drums.added import describe, least_odds, taken_apart
from training.drums.data import DESCRIBE, View, load_examples, written
from training.drums.drawing import DrawingConfig, Strokes, bounds_of, fit, follow
from training.drums.fits import fit_shares
from training.drums.task import even_weights


@pytest.fixture
def folder(tmp_path):
    return write_groove(tmp_path / "groove", 48)


def test_takes_are_divided_within_sessions_and_test_takes_are_not_read(folder):
    found = {split: {take.name for take in read_groove(folder, split)} for split in ("train", "held_out", "validation")}
    assert not found["train"] & found["held_out"] and len(found["held_out"]) == 4  # two of each drummer's 16
    assert sorted(int(name) % 2 for name in found["held_out"]) == [0, 0, 1, 1]
    assert found["validation"] == {str(number) for number in range(0, 48, 6)}
    official_tests = {str(number) for number in range(1, 48, 6)}
    assert not set.union(*found.values()) & official_tests
    assert found["held_out"] == {take.name for take in read_groove(folder, "held_out")}  # drawn alike each time


def test_a_folder_that_is_no_data_set_is_one_line(folder, tmp_path):
    with pytest.raises(PerfLiveError, match="not the Groove data set"):
        read_groove(tmp_path, "train")
    (folder / data_set.TABLE).write_text("drummer,id\n1,2\n")
    with pytest.raises(PerfLiveError, match="lacks the columns session"):
        read_groove(folder, "train")


def test_a_take_is_written_on_its_grid_and_what_is_left_is_its_timing(folder):
    take = read_groove(folder, "train")[0]
    placed = written(take.strokes, swung=False)
    assert not (placed["quarter"] * 4 % 1).any()
    _, timing_ms = DESCRIBE["groove"](take, View())
    np.testing.assert_allclose(placed["quarter"] + timing_ms * 120 / 60_000, take.strokes["quarter"])
    swung = take.strokes.copy()
    swung["quarter"] = np.arange(len(swung)) / 3 + 0.01
    assert (written(swung, swung=True)["quarter"] * 6).round(6).tolist() == [2.0 * number for number in range(len(swung))]


@pytest.mark.parametrize(("evenness", "shares"), [(0, [4, 1, 1]), (0.5, [2, 1, 1]), (1, [1, 1, 1])])
def test_how_much_a_take_counts_for_its_strokes(evenness, shares):
    take = np.array([0, 0, 0, 0, 1, 2])
    weights = even_weights(take, evenness)
    assert weights.mean() == pytest.approx(1)
    np.testing.assert_allclose(np.bincount(take, weights) / weights[-1], shares)


@pytest.mark.parametrize(("kind", "features"), [("groove", groove.FEATURES), ("live", live_kit.FEATURES)])
def test_examples_are_kept_and_hide_what_a_view_hides(folder, tmp_path, kind, features):
    takes = read_groove(folder, "train")[:2]
    views = (View(), View(style=False, drummer=False))
    first, again = (load_examples(kind, takes, views, tmp_path / "cache") for _ in range(2))
    np.testing.assert_array_equal(first.features, again.features)
    told = first.features[:, features.index("drummer")].reshape(-1)
    assert set(told.tolist()) == {0.0, *(float(take.drummer) for take in takes)}
    assert len(first.features) == 2 * sum(len(take.velocity) for take in takes) == len(first.velocity)
    assert set(first.features[:, features.index("style")].tolist()) == {0.0, 6.0}


def test_the_shares_that_the_noise_was_made_with_are_found_again():
    shares, scores, takes, roles, places = [0.2, 0.25, 0.3], [], [], [], []
    for take in range(150):
        noise = GrooveNoise(take, "velocity", shares)
        for stroke in range(160):
            role, place = stroke % 4, stroke % 16
            scores.append(noise.draw(role, place))
            takes.append(take), roles.append(role), places.append(place)
    found = fit_shares(np.array(scores), np.array(takes), np.array(roles), np.array(places))
    assert found == pytest.approx(shares, abs=0.06)
    assert np.std(scores) == pytest.approx(1, abs=0.1)


def a_take(strokes):
    """Return a take at 120 quarters a minute of (quarter, key, velocity)."""
    return DrumTake("made up", 0, 1, as_strokes([each[:2] for each in strokes]), np.array([each[2] for each in strokes], float))


def test_soft_strokes_of_the_snare_are_ghost_notes_and_a_soft_one_right_before_an_accent_is_its_grace():
    flam = [(3.96, SNARE, 60), (4.0, SNARE, 120)]  # 20 ms apart
    take = a_take([(0, KICK, 20), (1, SNARE, 100), (1.75, SNARE, 30), (2, HAT, 20), *flam, (4.5, SNARE, 60), (4.53, SNARE, 110)])
    apart = taken_apart(take)
    assert apart.ghosts.tolist() == [2] and apart.flams.tolist() == [[4, 5], [6, 7]]
    assert apart.skeleton.tolist() == [0, 1, 3, 5, 7]
    assert taken_apart(a_take([(0, SNARE, 60), (0.04, SNARE, 110), (0.08, SNARE, 110)])).flams.tolist() == []  # a roll
    assert taken_apart(a_take([(0, SNARE, 100), (0.04, SNARE, 110)])).flams.tolist() == []


def test_places_are_where_the_drummer_added_strokes():
    beat = [(quarter, KICK, 90) for quarter in range(0, 9)]
    take = a_take(sorted([*beat, (1, SNARE, 100), (3, SNARE, 100), (1.77, SNARE, 30), (5, SNARE, 100)]))
    features, ghost = describe(take, View(), GHOST)
    assert ghost.sum() == 1 and len(ghost) == 8 * 4 - 1 - 3
    assert features[ghost, groove.FEATURES.index("place")].tolist() == [7]
    features, flam = describe(take, View(), FLAM)
    assert len(flam) == 3 and not flam.any()


def test_the_likeliest_places_come_first():
    least = least_odds(np.array([0.5, 2.0, -1.0, 1.0]), 2)  # by tenths of two strokes
    assert least[0] > 2.0 and least[5] == 2.0 and least[10] == 1.0 and least == sorted(least, reverse=True)


def test_what_is_drawn_goes_on_as_what_was_learnt():
    """Velocities that follow the last one, and timing that does not but follows the velocity, in takes made for it."""
    random, count, follows = np.random.default_rng(0), 12_000, 0.8
    away = np.zeros(count)
    for row in range(1, count):
        away[row] = follows * away[row - 1] + np.sqrt(1 - follows**2) * random.standard_normal()
    velocity = np.round(64 + 12 * away).clip(1, 127)
    played = np.stack([velocity, 10 * (0.6 * away + 0.8 * random.standard_normal(count))], 1)
    strokes = [Stroke(0, 0, row / 4) for row in range(count)]
    heard = Strokes(np.zeros((count, len(groove.FEATURES)), np.float32), follow(strokes, played), played)
    config = DrawingConfig(task="drums-drawing", kind="groove", widths=(24, 16), passes=25, noise=0.05)
    drawing, losses = fit("groove", heard, config)
    assert list(losses) == ["velocity", "timing_ms"]
    read, past = drawing.read(heard.features[:1])[0], Past()
    drawn = []
    for stroke in strokes[:6000]:
        drawn.append(drawing.draw(read, past, stroke, random.random(2).tolist()))
        past.add(stroke, drawn[-1])
    drawn = np.array(drawn)
    before, after = drawn[:-1], drawn[1:]
    assert np.corrcoef(before[:, 0], after[:, 0])[0, 1] == pytest.approx(follows, abs=0.06)
    assert np.corrcoef(drawn[:, 0], drawn[:, 1])[0, 1] == pytest.approx(0.6, abs=0.08)
    assert np.corrcoef(before[:, 1], after[:, 1])[0, 1] == pytest.approx(0.36 * follows, abs=0.08)
    assert drawn.std(0) == pytest.approx([12, 10], rel=0.15)


def test_each_velocity_is_a_bin_and_timing_has_as_many_strokes_in_each_but_the_tails():
    low, high = bounds_of("velocity", np.array([3.0]), 48)
    assert low.tolist() == high.tolist() == list(range(1, 128))
    values = np.random.default_rng(0).normal(size=100_000)
    low, high = bounds_of("timing_ms", values, 20)
    assert len(low) == 20 and low[0] == values.min() and high[-1] == values.max() and (low[1:] == high[:-1]).all()
    shares = np.diff(np.searchsorted(np.sort(values), [*low, high[-1]])) / len(values)
    np.testing.assert_allclose(shares[:3], [0.002, 0.005, 0.008], atol=1e-3)
    np.testing.assert_allclose(shares[3:-3], 0.97 / 14, atol=1e-3)
