"""Training of DExter on made-up pieces: what windows hold, and runs from start to what is exported."""

import numpy as np
import pytest
import torch
from dexter_pieces import made_up_pieces, made_up_presentation
from stage_work import work

from engine.base.errors import UsageError
from models.dexter.network import DenoiserConfig
from models.layers.expression_network import ExpressionNetworkConfig
from models.performance.features import FEATURES
from models.performance.representation import ARTICULATION, BEAT_PERIOD, TIMING, VELOCITY
from training.dexter import data
from training.dexter import denoiser as dexter_denoiser
from training.dexter import task as dexter
from training.dexter.average import AverageConfig, average, join
from training.dexter.figures import figures, predict_piece
from training.performance.pieces import match_notes
from training.performance.windows import MARKING_FEATURES, TEMPO_FEATURES, ExpressionWindowConfig, ExpressionWindows, show

NETWORK = ExpressionNetworkConfig(width=8, blocks=2, heads=2, kernel=3, reach=4, dropout=0.0)


def windows(**changes):
    settings = {"notes": 16, "per_batch": 3, "midi": 0.5, "single": 0.5, "mixup": 0.5, "transpose_semitones": 5, "tempo_octaves": 0.3}
    settings |= {"forget_descriptors": 0.3, "forget_markings": 0.2, "forget_velocity": 0.2, "forget_tempo": 0.2}
    return ExpressionWindowConfig(**(settings | changes))


UNCHANGED = {"forget_markings": 0.0, "forget_velocity": 0.0, "forget_tempo": 0.0, "transpose_semitones": 0, "tempo_octaves": 0.0}


def config(**changes):
    settings = {"task": "dexter-mean", "network": NETWORK, "windows": windows(), "shared_error": 0.3, "steps": 2, "learning_rate": 1e-2}
    return dexter.DexterTrainingConfig(**(settings | {"warm_up_steps": 1, "weight_decay": 0.1, "average": 0.5, "seed": 0} | changes))


def denoiser_config(**changes):
    settings = {"task": "dexter-denoiser", "mean": NETWORK, "denoiser": DenoiserConfig(width=8, blocks=2, kernel=3)}
    settings |= {"windows": windows(), "prefix": 0.5, "levels": 2, "steps": 2, "learning_rate": 1e-3}
    return dexter_denoiser.DexterDenoiserTrainingConfig(
        **(settings | {"warm_up_steps": 1, "weight_decay": 0.1, "average": 0.5, "seed": 0} | changes)
    )


# Lightning's own, of its calls to PyTorch and of a mean that is in evaluation mode
pytestmark = pytest.mark.filterwarnings("ignore::UserWarning:lightning", "ignore::FutureWarning:lightning", "ignore::DeprecationWarning")


@pytest.fixture
def pieces():
    return [[show(shown) for shown in piece.presentations] for piece in made_up_pieces()]


@pytest.fixture
def corpus(monkeypatch):
    monkeypatch.setattr(data, "load_performed_pieces", lambda root, split, cache: made_up_pieces())


def test_batches_hold_whole_windows_and_weigh_only_what_is_known(pieces):
    batches = iter(ExpressionWindows(pieces, windows(), seed=0))
    for _ in range(20):
        batch = next(batches)
        assert batch["features"].shape == (3, 16, len(FEATURES)) and batch["target"].shape == batch["weight"].shape == (3, 16, 8)
        assert batch["descriptors"].shape == (3, 16, 7) and batch["descriptors_known"].shape == (3, 16, 1)
        assert all(torch.isfinite(values).all() and values.dtype == torch.float32 for values in batch.values())
        padded = batch["features"].abs().sum(-1) == 0
        assert not batch["weight"][padded].any()
    mean = pieces[1][0].mean
    assert np.isnan(mean[1, [VELOCITY, TIMING, ARTICULATION]]).all() and np.isfinite(mean[1, BEAT_PERIOD])


def test_every_note_is_met_about_as_often(pieces):
    sampler = ExpressionWindows(pieces[1:2], windows(), seed=0)
    starts = np.array([start for _ in range(300) for _, start in sampler.items()])
    met = np.array([((starts <= note) & (note < starts + 16)).sum() for note in range(50)])
    assert met[25] / 2 < met.min() and met[[0, -1]].min() > met[25] * 0.8


def test_what_is_forgotten_is_zero_and_the_target_follows(pieces):
    kept = ExpressionWindows(pieces[1:2], windows(**UNCHANGED, single=0.0), seed=0)
    gone = ExpressionWindows(pieces[1:2], windows(**(UNCHANGED | {"forget_markings": 1.0, "forget_tempo": 1.0}), single=0.0), seed=0)
    for seen, forgot in (next(zip(iter(kept), iter(gone), strict=False)),):
        assert seen["features"][..., TEMPO_FEATURES].any() and not forgot["features"][..., TEMPO_FEATURES].any()
        assert not forgot["features"][..., MARKING_FEATURES].any()
        assert (forgot["target"][..., BEAT_PERIOD] > seen["target"][..., BEAT_PERIOD]).all()  # 90 a minute is slower than 120
        torch.testing.assert_close(forgot["target"][..., 1:], seen["target"][..., 1:])


def test_a_mixture_is_as_far_from_the_mean_as_a_performance():
    shown = show(made_up_presentation("notation", 40, 12))
    sampler = ExpressionWindows([[shown]], windows(mixup=1.0), seed=0)
    mixed = np.array([sampler._single(shown, slice(2, 40))[0] - shown.mean[2:] for _ in range(200)])
    humans = shown.targets[:, 2:] - shown.mean[2:]
    np.testing.assert_allclose(mixed.std(), humans.std(), rtol=0.1)


def test_descriptors_are_relative_to_the_performers_of_a_piece(pieces):
    assert pieces[1][0].descriptors is None
    relative = pieces[0][0].descriptors
    assert np.median(np.abs(relative.mean(0))) < 1e-5 and 0.3 < relative.std() < 4  # extremes are cut off


def test_notes_of_two_formats_are_matched_by_pitch_and_place():
    shown = made_up_presentation("notation", 40, 1)
    shown.notes["pitch"] = 30 + np.arange(40) % 35  # no two notes are the same
    others = shown.notes[[*range(10), *range(12, 40)]].copy()
    others["onset_quarter"] += 0.01
    rows = match_notes(shown.notes, others)
    assert rows[[10, 11]].tolist() == [-1, -1] and len(set(rows.tolist())) == 39
    np.testing.assert_array_equal(others["pitch"][rows[:10]], shown.notes["pitch"][:10])


def test_an_error_that_a_window_has_in_common_weighs_less():
    target, weight = torch.zeros(1, 6, 8), torch.ones(1, 6, 8)
    shape = torch.tensor([1.0, -1, 1, -1, 1, -1]).view(1, 6, 1).expand(1, 6, 8)
    torch.testing.assert_close(dexter.expression_loss(target + 1, target, weight, 0.3), torch.full((8,), 0.3))
    torch.testing.assert_close(dexter.expression_loss(shape, target, weight, 0.3), torch.ones(8))


def test_a_run_is_resumed_and_leaves_what_predicts(corpus, tmp_path):
    dexter.train(config(steps=2), work(tmp_path, tmp_path / "mean"))
    outcome = dexter.train(config(steps=4), work(tmp_path, tmp_path / "mean"))
    assert outcome.figure.startswith("score ") and outcome.artefacts == ("best.ckpt", "last.ckpt")
    task = dexter.load_task(tmp_path / "mean" / "best.ckpt")
    assert torch.load(tmp_path / "mean" / "last.ckpt", weights_only=True)["global_step"] == 4
    shown = show(made_up_pieces()[0].presentations[0])
    mean, context = predict_piece(task.network, shown.features, 16)
    assert mean.shape == (70, 8) and context.shape == (70, 8)
    assert figures(shown, shown.mean)["velocity"] == pytest.approx(1) and figures(shown, shown.mean)["tempo"] > 0.99


def test_joined_networks_average_their_means_and_keep_the_firsts_context():
    torch.manual_seed(0)
    tasks = [dexter.DexterTask(config()).eval(), dexter.DexterTask(config(network=NETWORK.model_copy(update={"kernel": 5}))).eval()]
    joined = join(tasks, [(1, "timing")]).eval()
    features = show(made_up_presentation("notation", 20, 1)).features
    (mean, context), (first, own), (second, _) = (predict_piece(task.network, features, 16) for task in (joined, *tasks))
    expected = (first + second) / 2
    expected[:, TIMING] = first[:, TIMING]
    torch.testing.assert_close(mean, expected)
    torch.testing.assert_close(context, own)


def test_the_denoiser_is_trained_around_a_mean_that_stays(corpus, tmp_path):
    dexter.train(config(), work(tmp_path, tmp_path / "mean"))
    stage = work(tmp_path, tmp_path / "denoiser", mean=tmp_path / "mean")
    dexter_denoiser.train(denoiser_config(), stage)
    task = dexter_denoiser.load_denoiser(tmp_path / "denoiser" / "best.ckpt")
    mean = dexter.load_task(tmp_path / "mean" / "best.ckpt").network
    for name, value in mean.state_dict().items():
        torch.testing.assert_close(task.mean.state_dict()[name], value)
    assert (task.residual_deviation > 0).all() and not torch.allclose(task.residual_deviation, torch.ones(8))
    assert task.denoiser.output.weight.abs().sum() > 0


def test_a_mean_of_other_sizes_is_refused(corpus, tmp_path):
    dexter.train(config(), work(tmp_path, tmp_path / "mean"))
    other = denoiser_config(mean=NETWORK.model_copy(update={"kernel": 5}))
    with pytest.raises(UsageError, match="the mean has other sizes"):
        dexter_denoiser.train(other, work(tmp_path, tmp_path / "denoiser", mean=tmp_path / "mean"))


def test_columns_are_left_out_by_the_name_of_a_stage(corpus, tmp_path):
    for name, seed in (("one", 0), ("two", 1)):
        dexter.train(config(seed=seed), work(tmp_path, tmp_path / name))
    stage = work(tmp_path, tmp_path / "average", means=(tmp_path / "one", tmp_path / "two"))
    average(AverageConfig(task="dexter-average", without={"two": ("timing",)}), stage)
    weights = dexter.load_task(stage.folder / "best.ckpt").network.weights
    assert weights[:, TIMING].tolist() == [1, 0] and weights[:, 0].tolist() == [0.5, 0.5]
    with pytest.raises(UsageError, match="without: three: 'timing' is not to be had"):
        average(AverageConfig(task="dexter-average", without={"three": ("timing",)}), stage)
