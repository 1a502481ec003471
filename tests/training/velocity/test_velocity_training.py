"""Training of the velocity transformers: what the windows hold, and a run from start to export-ready checkpoint on a tiny corpus."""

import numpy as np
import pytest
import torch

from models.velocity.network import VelocityTransformerConfig
from models.velocity.representation import KEY_REACH, LOOKAHEAD_SCALARS, SCALARS, known_durations
from training.datasets.performances import NOTE_DTYPE, PEDAL_DTYPE, Performance
from training.velocity.data import VelocityTrainingConfig, VelocityWindows, describe_performance, load_velocity_features, stretch_time
from training.velocity.fits import fit_noise
from training.velocity.task import VelocityTask, load_task


def made_up_performance(name, notes, seed=0):
    random = np.random.default_rng(seed)
    table = np.zeros(notes, NOTE_DTYPE)
    table["onset_sec"] = np.cumsum(random.choice([0.0, 0.125, 0.25], notes))
    table["duration_sec"] = random.uniform(0.05, 0.6, notes)
    table["pitch"] = random.integers(30, 90, notes)
    table["velocity"] = random.integers(20, 110, notes)
    pedals = np.array([(1.0, 64, 127), (2.0, 64, 0), (2.5, 67, 90)], dtype=PEDAL_DTYPE)
    return Performance(name, name, np.sort(table, order=("onset_sec", "pitch")), pedals)


def made_up_corpus():
    return [made_up_performance("one", 90), made_up_performance("two", 61, seed=1), made_up_performance("short", 5)]


@pytest.fixture
def features(tmp_path):
    return load_velocity_features(made_up_corpus, tmp_path)


def small_config(**changes):
    network = VelocityTransformerConfig(
        width=8, layers=1, heads=1, head_width=8, feed_forward=8, window=10, looks_ahead=changes.pop("looks_ahead", False)
    )
    settings = {"windows_per_batch": 4, "notes_per_window": 20, "steps": 2, "learning_rate": 1e-3, "warm_up_steps": 1, "weight_decay": 0.1}
    settings |= {"transpose_semitones": 5, "stretch": 0.2, "hint_share": 0.5, "seed": 0} | changes
    return VelocityTrainingConfig(task="velocity", network=network, **settings)


def test_a_description_is_read_back_from_the_cache(features, tmp_path):
    (stored,) = tmp_path.glob("*.arrow")
    again = load_velocity_features(made_up_corpus, tmp_path)
    assert list(tmp_path.glob("*.arrow")) == [stored]
    np.testing.assert_array_equal(again.keys, features.keys)
    assert features.starts.tolist() == [0, 90, 151, 156]


def test_no_window_crosses_from_one_performance_to_another(features):
    sampler = VelocityWindows(features, small_config(), seed=0, augment=True)
    for _ in range(20):
        starts = np.array(sampler.items())
        first = np.searchsorted(features.starts, starts, side="right")
        last = np.searchsorted(features.starts, starts + 19, side="right")
        assert (first == last).all()


def test_hints_are_the_bins_of_the_velocities_or_none(features):
    batch = next(iter(VelocityWindows(features, small_config(hint_share=1.0, windows_per_batch=32), seed=0, augment=True)))
    hint, velocity = batch["hint"].numpy(), batch["velocity"].numpy()
    assert set(np.unique(hint)) <= {0, 1, 2, 3} and (hint > 0).mean() > 0.8
    assert (velocity[hint == 1] < 57).all() and (velocity[hint == 3] >= 74).all()


def test_stretching_a_description_is_describing_a_stretched_performance():
    performance = made_up_performance("one", 60)
    slow_notes, slow_pedals = performance.notes.copy(), performance.pedals.copy()
    slow_notes["onset_sec"] *= 1.25
    slow_notes["duration_sec"] *= 1.25
    slow_pedals["time_sec"] *= 1.25
    stretched = describe_performance(performance)
    scalars, keys = stretched["scalars"][None], stretched["keys"][None].astype(np.float32)
    stretch_time(scalars, keys, np.array([[1.25]], dtype=np.float32))
    expected = describe_performance(Performance("", "", slow_notes, slow_pedals))
    times = [index for index, name in enumerate(SCALARS) if name.endswith("_s")]
    known = expected["scalars"][:, times] < 15  # longer and unknown times are all the same to the network
    np.testing.assert_allclose(scalars[0][:, times][known], expected["scalars"][:, times][known], rtol=1e-3, atol=2e-3)
    near = expected["keys"] < 8  # keys held for longer are all the same to the network
    near[:, KEY_REACH] = False  # the note's own key: a gap too short to be played is described as one of a fixed length
    np.testing.assert_allclose(keys[0][near], expected["keys"][near].astype(np.float32), rtol=5e-3, atol=2e-3)


def test_durations_are_known_only_once_the_key_is_up():
    known = known_durations(np.array([[0.0, 1.0, 2.0, 3.0]]), np.array([[0.5, 5.0, 0.75, 1.0]], dtype=np.float32))
    assert LOOKAHEAD_SCALARS[len(SCALARS) :] == ("duration_s", "still_held")
    assert known[0].tolist() == [[0.5, 0.0], [2.0, 1.0], [0.75, 0.0], [0.0, 1.0]]


@pytest.mark.parametrize("looks_ahead", [False, True])
def test_a_checkpoint_is_read_back(looks_ahead, features, tmp_path):
    task = VelocityTask(small_config(looks_ahead=looks_ahead)).eval()
    torch.save({"state_dict": task.state_dict(), "hyper_parameters": dict(task.hparams)}, tmp_path / "last.ckpt")
    batch = next(iter(VelocityWindows(features, task.config, seed=0, augment=False)))
    read = load_task(tmp_path / "last.ckpt")
    torch.testing.assert_close(read.predict(batch), task.predict(batch), rtol=0, atol=0)


def test_the_noise_fit_finds_the_noise_it_was_made_with():
    random = np.random.default_rng(0)
    onsets = [np.arange(4000) * 0.1 for _ in range(40)]
    slow, fast = np.exp(-0.1 / 3.0), np.exp(-0.1 / 0.3)
    scores = []
    for _ in onsets:
        parts = random.standard_normal((3, 4000))
        for row, kept in ((0, slow), (1, fast)):
            for index in range(1, 4000):
                parts[row, index] = kept * parts[row, index - 1] + np.sqrt(1 - kept**2) * parts[row, index]
        scores.append(np.sqrt(0.5) * parts[0] + np.sqrt(0.3) * parts[1] + np.sqrt(0.2) * parts[2])
    np.testing.assert_allclose(fit_noise(scores, onsets), [0.3, 0.5, 0.0], atol=0.05)
