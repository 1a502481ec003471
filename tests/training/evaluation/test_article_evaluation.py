import numpy as np
import pytest
import torch

from models.velocity.article_decoding import choose
from models.velocity.article_network import ArticleNetwork, ArticleNetworkConfig
from models.velocity.article_representation import NOTE_DTYPE, bracket, encode_notes, encode_velocities
from training.evaluation.velocity.article import bin_medians, evaluate, excerpts, filter_in_bins, predict_teacher_forced


def notes(length, seed=0):
    rng = np.random.default_rng(seed)
    table = np.zeros(length, dtype=NOTE_DTYPE)
    table["onset_sec"] = np.arange(length) / 4
    table["pitch"] = rng.integers(21, 109, length)
    table["velocity"] = rng.integers(1, 128, length)
    return table


@pytest.fixture
def network():
    torch.manual_seed(0)
    return ArticleNetwork(ArticleNetworkConfig(layers=1, heads=2, width=16, feed_forward=16)).eval()


def test_bin_medians():
    assert bin_medians(np.array([10, 20, 50, 57, 60, 73, 74, 100, 127])).tolist() == [20, 60, 100]


def test_the_filter_averages_what_was_played_in_the_same_bin():
    velocities = np.array([50, 100, 30, 80, 40])
    assert filter_in_bins(velocities, np.array([40, 65, 90])) == pytest.approx([40, 90, 42, 92, 39.6])


def test_excerpts_are_seeded_and_never_longer_than_asked():
    tables = [notes(500), notes(10)]
    first, second = excerpts(tables, 100, seed=3), excerpts(tables, 100, seed=3)
    assert [len(table) for table in first] == [100, 10]
    assert all((a == b).all() for a, b in zip(first, second, strict=True))
    assert [len(table) for table in excerpts([*tables, notes(20)], 15, seed=3, tables=2)] in ([15, 10], [15, 15], [10, 15])
    assert (first[0]["onset_sec"] != excerpts(tables, 100, seed=4)[0]["onset_sec"]).any()


def test_teacher_forcing_predicts_each_note_from_the_true_ones_before_it(network):
    table = notes(150)
    predicted = predict_teacher_forced(network, table)
    assert len(predicted) == 150
    source, target = encode_notes(table), encode_velocities(table["velocity"])
    for note, first in ((0, 0), (127, 0), (128, 22), (149, 22)):  # the second window is the last 128 notes
        window = slice(first, first + 128)
        prefix = bracket(target[window])[: note - first + 1]
        with torch.inference_mode():
            logits = network(torch.from_numpy(bracket(source[window]))[None], torch.from_numpy(prefix)[None])
        assert predicted[note] == choose(logits[0, -1], temperature=0)


def test_the_table_has_a_row_for_every_baseline(network):
    tables = [notes(40, 1), notes(140, 2)]
    rows = evaluate(network, notes(500)["velocity"], tables, seed=0)
    assert list(rows) == [
        "constant",
        "bin medians",
        "average (0.2) in the bin, teacher-forced",
        "network, teacher-forced",
        "network, free-running",
        "network, free-running, temperature 1",
    ]
    assert rows["bin medians"].mean_absolute_error < rows["constant"].mean_absolute_error
    assert rows["constant"].correlation == 0.0
