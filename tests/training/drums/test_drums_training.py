"""The Groove data set as it is read and divided, takes as they are written down, and the noise that is fitted."""

import numpy as np
import pytest
from drum_tracks import write_groove

from engine.base.errors import PerfLiveError
from engine.performers.drums.expression import GrooveNoise
from models.drums import groove, live_kit
from training.datasets import groove as data_set
from training.datasets.groove import read_groove
from training.drums.data import DESCRIBE, View, load_examples, written
from training.drums.fits import fit_common_shares, fit_shares, normal_scores


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
            scores.append(noise.draw(role, place, 0.0))
            takes.append(take), roles.append(role), places.append(place)
    found = fit_shares(np.array(scores), np.array(takes), np.array(roles), np.array(places))
    assert found == pytest.approx(shares, abs=0.06)
    assert np.std(scores) == pytest.approx(1, abs=0.1)


def test_a_score_counts_in_deviations_on_its_own_side():
    quantiles = np.array([[50.0, 60, 80]] * 3)
    found = normal_scores(quantiles, np.array([50.0, 60, 100]))
    assert found == pytest.approx([-0.994, 0, 1.989], abs=0.001)


def test_what_all_drums_have_in_common_is_found_as_it_was_made():
    common, scores, takes, roles, times = [0.1, 0.3, 0.2], [], [], [], []
    random = np.random.default_rng(1)
    for take in range(60):
        noise, time_s = GrooveNoise(take, "timing", [0.0, 0.0, 0.0], common), 0.0
        for _ in range(150):
            time_s += float(random.choice([0.0, 0.12, 0.25]))
            role = int(random.integers(4))
            scores.append(noise.draw(role, 0, time_s))
            takes.append(take)
            roles.append(role)
            times.append(time_s)
    found = fit_common_shares(*(np.array(each) for each in (scores, takes, roles, times)))
    np.testing.assert_allclose(found, common, atol=0.08)
    assert abs(np.std(scores) - 1) < 0.1


def test_what_is_struck_together_strays_together_in_what_is_common():
    noise = GrooveNoise(0, "timing", [0.0, 0.0, 0.0], [0.5, 0.3, 0.2])
    assert noise.draw(0, 0, 1.0) == noise.draw(7, 0, 1.02) != noise.draw(7, 0, 1.1)
