import csv
from pathlib import Path

import mido
import numpy as np
import pytest
import torch
import yaml
from stage_work import work

from engine.base.errors import PerfLiveError
from models.velocity.article_representation import BLANK, START, decode_notes, decode_velocities
from training.datasets.maestro import COLUMNS, TABLE
from training.datasets.performances import NOTE_DTYPE
from training.velocity.article import ArticleVelocityConfig, ArticleWindows, WindowSource, collate, learning_rate, load_task, train

CONFIGS = Path(__file__).parents[3] / "configs" / "velocity"
TINY = {
    "task": "velocity-article",
    "dataset": "maestro",
    "network": {"layers": 1, "heads": 2, "width": 8, "feed_forward": 8, "dropout": 0.0},
    "windows_per_batch": 2,
    "accumulated_batches": 2,
    "steps": 6,
    "warm_up_steps": 2,
    "validate_every_steps": 3,
    "validation_windows": 2,
    "transpose_semitones": 3,
    "stretch": 0.2,
}
# Lightning's own: advice on workers and on resuming inside an endless pass, and a deprecation between its parts
pytestmark = pytest.mark.filterwarnings("ignore::UserWarning:lightning", "ignore::FutureWarning:lightning", "ignore::DeprecationWarning")


def notes(length, seed=0):
    rng = np.random.default_rng(seed)
    table = np.zeros(length, dtype=NOTE_DTYPE)
    table["onset_sec"] = np.cumsum(rng.uniform(0.06, 0.55, length))
    table["duration_sec"] = 0.3
    table["pitch"] = rng.integers(40, 90, length)
    table["velocity"] = rng.integers(20, 110, length)
    return table


def write_performance(path, table):
    track, past = mido.MidiTrack(), 0
    for note in table:
        now = round(note["onset_sec"] * 960)
        track.append(mido.Message("note_on", note=int(note["pitch"]), velocity=int(note["velocity"]), time=now - past))
        track.append(mido.Message("note_off", note=int(note["pitch"]), time=20))
        past = now + 20
    mido.MidiFile(tracks=[track]).save(path)


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    root = tmp_path_factory.mktemp("maestro")
    with (root / TABLE).open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(COLUMNS)
        for number, split in enumerate(("train", "train", "validation")):
            writer.writerow(("A", "B", split, "2018", f"{number}.midi", "", ""))
            write_performance(root / f"{number}.midi", notes(300, number))
    return root


@pytest.mark.parametrize("name", ["article", "article_one_core", "article_small"])
def test_the_configurations_are_valid(name):
    ArticleVelocityConfig(**yaml.safe_load((CONFIGS / f"{name}.yaml").read_text()))


def test_the_published_configuration_is_the_article_s():
    config = ArticleVelocityConfig(**yaml.safe_load((CONFIGS / "article.yaml").read_text()))
    assert (config.network.layers, config.network.heads, config.network.width, config.network.feed_forward) == (6, 8, 512, 2048)
    assert (config.windows_per_batch, config.accumulated_batches, config.steps, config.label_smoothing) == (16, 10, 2723, 0.1)
    assert max(learning_rate(step, config) for step in range(3001)) == pytest.approx(8.07e-4, rel=1e-3)
    assert np.argmax([learning_rate(step, config) for step in range(4000)]) == 2999


def test_the_learning_rate_falls_to_nothing_with_the_last_step():
    config = ArticleVelocityConfig(**TINY, cool_down_steps=3)
    rates = [learning_rate(step, config) for step in range(7)]
    assert rates[6] == 0
    assert rates[4] == pytest.approx(learning_rate(4, ArticleVelocityConfig(**TINY)) * 2 / 3)


def test_windows_cover_each_take_to_its_end():
    source = WindowSource([notes(300), notes(0), notes(5), notes(128), notes(192)], ArticleVelocityConfig(**TINY))
    assert source.spans == [(0, 0), (0, 64), (0, 128), (0, 172), (2, 0), (3, 0), (4, 0), (4, 64)]
    _, target = source.window(3)
    assert (decode_velocities(target.numpy()) == notes(300)["velocity"][-128:]).all()


def test_the_last_note_of_a_window_knows_the_distance_to_the_note_after_it():
    table = notes(300)
    table["onset_sec"][128:] += 5.0
    tokens = WindowSource([table], ArticleVelocityConfig(**TINY)).window(0)[0].numpy()
    assert len(tokens) == 130 and tokens[0] == START
    assert (tokens[-2] - 3) // 9 % 3 == 2  # the open inter-onset bin


def test_augmentation_moves_pitch_and_time_and_leaves_velocity():
    source = WindowSource([notes(128)], ArticleVelocityConfig(**TINY))
    plain_source, plain_target = source.window(0)
    plain = decode_notes(plain_source.numpy())
    shifts, stretched = set(), 0
    for seed in range(40):
        moved_source, moved_target = source.window(0, np.random.default_rng(seed))
        moved = decode_notes(moved_source.numpy())
        assert torch.equal(moved_target, plain_target) and (moved["velocity"] == plain["velocity"]).all()
        (shift,) = np.unique(moved["pitch"] - plain["pitch"])
        shifts.add(int(shift))
        stretched += bool((moved["onset_sec"] != plain["onset_sec"]).any())
    assert shifts == {-3, -2, -1, 0, 1, 2, 3}
    assert stretched > 0
    assert torch.equal(source.window(0)[0], plain_source)  # the takes themselves stay as they are


def test_a_stream_of_windows_goes_on_where_it_is_told():
    config = ArticleVelocityConfig(**TINY)
    source = WindowSource([notes(300)], config)
    whole = [batch for batch, _ in zip(ArticleWindows(source, config), range(6), strict=False)]
    rest = [batch for batch, _ in zip(ArticleWindows(source, config, 2), range(4), strict=False)]
    assert all(torch.equal(a[0], b[0]) for a, b in zip(whole[2:], rest, strict=True))


def test_short_takes_are_filled_with_blanks():
    source = WindowSource([notes(128), notes(20)], ArticleVelocityConfig(**TINY))
    sources, targets = collate([source.window(0), source.window(1)])
    assert sources.shape == targets.shape == (2, 130)
    assert (sources[1, 22:] == BLANK).all() and (targets[1, 22:] == BLANK).all() and (sources[1, :22] != BLANK).all()


def test_a_resumed_run_equals_an_uninterrupted_one(data, tmp_path):
    train(ArticleVelocityConfig(**TINY), work(data, tmp_path / "whole"))
    train(ArticleVelocityConfig(**TINY | {"steps": 3}), work(data, tmp_path / "halves"))
    train(ArticleVelocityConfig(**TINY), work(data, tmp_path / "halves"))
    whole, resumed = (load_task(tmp_path / run / "last.ckpt") for run in ("whole", "halves"))
    assert whole.config == ArticleVelocityConfig(**TINY)
    for name, tensor in whole.network.state_dict().items():
        torch.testing.assert_close(resumed.network.state_dict()[name], tensor, msg=name)


def test_a_file_that_is_no_checkpoint_is_refused_in_one_line(tmp_path):
    (tmp_path / "x.ckpt").write_bytes(b"no checkpoint")
    with pytest.raises(PerfLiveError, match="not a checkpoint of perf-train") as caught:
        load_task(tmp_path / "x.ckpt")
    assert "\n" not in str(caught.value)
