"""Training of ScorePerformer: windows and what is done to them, losses, figures, and a run to a checkpoint and on from there."""

import csv
from pathlib import Path

import numpy as np
import pytest
import torch
from score_performer_pieces import STILL, config, made_up_item, made_up_score
from stage_work import work

from engine.base.configuration import parse_config
from engine.base.errors import UsageError
from models.performance.features import FEATURES
from models.score_performer.score_representation import ONSET_LEVEL
from models.score_performer.style import Level, style_of
from models.score_performer.vocabulary import (
    BAR,
    FIELDS,
    NOTES_IN_ONSET,
    ONSET_DEVIATION,
    PERFORMED_FIELDS,
    POSITION_SHIFT,
    SPECIALS,
    TEMPO,
    VELOCITY,
    to_tokens,
    to_values,
)
from training.command import load_stages
from training.dexter.task import DexterTask, DexterTrainingConfig
from training.runs.checkpoints import save_task
from training.score_performer import task as score_performer
from training.score_performer.data import token_piece
from training.score_performer.figures import baselines, figures, guesses_of, table
from training.score_performer.task import (
    ScorePerformerTask,
    ScorePerformerTrainingConfig,
    draw_forgotten,
    field_losses,
    load_task,
    style_losses,
    surprise_of,
    tempo_loss,
    train,
)
from training.score_performer.windows import TokenWindowConfig, TokenWindows, move, performed, tempo_octaves, validation_windows, window_of

# Lightning's own: advice on workers and on resuming inside an endless pass, and a deprecation between its parts
pytestmark = pytest.mark.filterwarnings("ignore::UserWarning:lightning", "ignore::FutureWarning:lightning", "ignore::DeprecationWarning")

FORGOTTEN = ("descriptors", "markings", "velocity", "tempo")
CONFIGS = Path(__file__).parents[3] / "configs" / "score_performer"


def windows(**changes):
    return TokenWindowConfig.model_validate({"notes": 32, "per_batch": 4} | STILL | changes)


def made_up_pieces():
    """Two performances of one score, one of another, and a piece shorter than a window."""
    score = made_up_score(100)
    return [
        token_piece([made_up_item(100, seed=1, score=score), made_up_item(100, seed=2, score=score)]),
        token_piece([made_up_item(70, seed=3)]),
        token_piece([made_up_item(12, seed=4)]),
    ]


@pytest.fixture(scope="module")
def pieces():
    return made_up_pieces()


def batches(sampler, count):
    return [batch for batch, _ in zip(sampler, range(count), strict=False)]


def test_every_performed_note_is_met_in_a_pass(pieces):
    sampler = TokenWindows(pieces, windows(), 0)
    starts = sampler.items()
    for index, piece in enumerate(pieces):
        for performance, tokens in enumerate(piece.performances):
            notes = int(performed(tokens).sum())
            met = [set(range(start, min(start + 32, notes))) for i, p, start in starts if (i, p) == (index, performance)]
            assert set.union(*met) == set(range(notes))
    assert {start for _, _, start in starts} != {start for _, _, start in sampler.items()}


def test_a_window_is_of_performed_notes(pieces):
    piece = pieces[0]
    silent = piece.segments[:, 2] == piece.segments[30, 2]
    tokens = piece.performances[0].copy()
    tokens[silent, VELOCITY] = SPECIALS  # a whole onset is not performed
    window = window_of(piece, tokens, 1, 32, deadpan=False)
    rows = [row for row in range(100) if row != 3 and not silent[row]][1:33]
    np.testing.assert_array_equal(window["tokens"], tokens[rows])
    np.testing.assert_array_equal(window["score"], piece.score[rows])
    assert (window["segments"][0] == 0).all() and (np.diff(window["segments"], axis=0) >= 0).all()
    assert (np.diff(window["segments"], axis=0) <= 1).all()
    assert (window["segments"].max(0) == [len(np.unique(piece.segments[rows, level])) - 1 for level in range(3)]).all()


def test_deadpan_windows_are_the_score(pieces):
    (batch,) = batches(TokenWindows(pieces, windows(deadpan=0.5, per_batch=200, velocity_steps=12), 0), 1)
    deadpan = batch["deadpan"]
    assert 0.35 < deadpan.float().mean() < 0.65
    same = (batch["tokens"] == batch["score"]).all(-1)
    assert (same | ~batch["valid"])[deadpan].all() and not same[~deadpan].all(1).any()


def test_short_pieces_are_padded(pieces):
    (batch,) = batches(TokenWindows(pieces[2:], windows(per_batch=1), 0), 1)
    assert batch["valid"].sum() == 11 and batch["valid"][0, :11].all()
    assert (batch["tokens"][0, 11:] == 0).all() and batch["tokens"].shape == (1, 32, 16)


def test_bars_are_counted_from_anywhere(pieces):
    (batch,) = batches(TokenWindows(pieces, windows(per_batch=100), 0), 1)
    first = batch["tokens"][:, 0, BAR]
    assert len(first.unique()) > 60 and first.min() >= SPECIALS and first.max() < SPECIALS + 256
    np.testing.assert_array_equal(batch["tokens"][..., BAR], batch["score"][..., BAR])


def test_moving_a_window_is_moving_the_piece():
    """Transposed by three semitones and notated faster by a quarter octave."""
    score, faster = made_up_score(60, tempos=[(0.0, 80.0)]), made_up_score(60, tempos=[(0.0, 80.0 * 2**0.25)])
    faster.notes["pitch"] += 3
    piece, expected = token_piece([made_up_item(60, score=score)]), token_piece([made_up_item(60, score=faster)])
    window = window_of(piece, piece.performances[0], 0, 60, deadpan=True)
    move(window, 3, 0, 6, 0)
    target = window_of(expected, expected.performances[0], 0, 60, deadpan=True)
    np.testing.assert_array_equal(window["tokens"], target["tokens"])
    np.testing.assert_array_equal(window["score"], target["score"])
    different = np.abs(window["features"] - target["features"]).max(0) > 0.01
    # What depends on where the middle C is is not moved: hands are told apart by staves, which these notes have.
    assert [name for name, differs in zip(FEATURES, different, strict=True) if differs] == []


def test_velocities_of_the_score_stay(pieces):
    window = window_of(pieces[0], pieces[0].performances[0], 0, 32, deadpan=False)
    before = window["tokens"][:, VELOCITY].copy()
    move(window, 0, 7, 0, 0)
    assert (window["tokens"][:, VELOCITY] == before + 7).all()
    assert (window["score"][:, VELOCITY] == pieces[0].score[[0, 1, 2, *range(4, 33)], VELOCITY]).all()
    move(window, 0, 127, 0, 0)
    assert (window["tokens"][:, VELOCITY] == SPECIALS + 127).all()
    move(window, 0, -127, 0, 0)
    assert (window["tokens"][:, VELOCITY] == SPECIALS + 1).all()  # as soft as can be, and not silent


def test_markings_are_forgotten_in_a_share_of_the_windows(pieces):
    (batch,) = batches(TokenWindows(pieces, windows(per_batch=200, forget_markings=0.3), 0), 1)
    known = batch["features"][:, 0, FEATURES.index("markings_known")]
    assert set(known.tolist()) == {0, 1} and 0.6 < known.mean() < 0.8


def test_validation_windows_are_the_same_each_time(pieces):
    first, second = (validation_windows(pieces, windows(), 6) for _ in range(2))
    assert [len(batch["valid"]) for batch in first] == [4, 2]
    for one, other in zip(first, second, strict=True):
        assert all((one[name] == other[name]).all() for name in one)
    assert not torch.cat([batch["deadpan"] for batch in first]).any()


def test_losses_are_of_the_notes_there_are():
    tokens = torch.stack([torch.randint(SPECIALS, SPECIALS + len(field.values), (2, 5)) for field in FIELDS], -1)
    valid = torch.tensor([[True] * 5, [True] * 3 + [False] * 2])
    logits = [torch.zeros(2, 5, len(FIELDS[field].values)) for field in PERFORMED_FIELDS]
    np.testing.assert_allclose(field_losses(logits, tokens, valid), [np.log(len(FIELDS[field].values)) for field in PERFORMED_FIELDS], 1e-5)
    sure = [torch.nn.functional.one_hot(tokens[..., f] - SPECIALS, len(FIELDS[f].values)) * 50.0 for f in PERFORMED_FIELDS]
    changed = tokens.clone()
    changed[1, 3:] = SPECIALS
    assert field_losses(sure, changed, valid).max() < 1e-5 < field_losses(sure, changed, torch.ones_like(valid)).min()


def test_human_latents_are_to_be_normal_and_deadpan_ones_zero():
    torch.manual_seed(0)
    normal, known = torch.randn(4, 50, 3), torch.ones(4, 50, dtype=torch.bool)
    deadpan = torch.tensor([True, True, False, False])

    def losses(latents, known=known):
        return style_losses([Level(latents, torch.zeros(4, 50, dtype=torch.int64), known)] * 2, deadpan, 256, 80)

    best = normal.clone()
    best[:2] = 0
    discrepancy, square = losses(best)
    assert discrepancy < 0.05 and square == 0
    assert losses(best + 1)[0] > 4 * discrepancy and losses(best + 1)[1] == 2
    ghosts = known.clone()
    ghosts[:, 25:] = False
    best[:, 25:] = 9
    assert losses(best, ghosts)[0] < 0.1 and losses(best, ghosts)[1] == 0


def example(velocities, deviations):
    tokens = torch.full((1, len(velocities), len(FIELDS)), SPECIALS)
    tokens[0, :, TEMPO] = SPECIALS + 24
    tokens[0, :, VELOCITY] = torch.tensor(velocities) + SPECIALS
    tokens[0, :, ONSET_DEVIATION] = torch.from_numpy(to_tokens(ONSET_DEVIATION, np.array(deviations)))
    return tokens


def test_figures_of_guesses():
    batch = {"tokens": example([64, 60, 70, 80, 99], [0, 0, 0.1, 0, 0]), "valid": torch.tensor([[True] * 4 + [False]])}
    batch["score"] = example([64] * 5, [0.0] * 5)
    batch["score"][..., TEMPO] += 1  # a half tone of tempo too fast
    found = baselines(batch)
    assert found["deadpan"]["velocity_accuracy"] == 0 and found["deadpan"]["velocity_error"] == pytest.approx((4 + 6 + 16) / 3)
    assert found["previous"]["velocity_error"] == pytest.approx((4 + 10 + 10) / 3)
    assert found["deadpan"]["onset_deviation_accuracy"] == pytest.approx(2 / 3)
    assert found["deadpan"]["onset_deviation_error"] == pytest.approx(0.1 / 3)
    assert found["deadpan"]["tempo_error"] == pytest.approx(100 * np.log(2) / 24) and found["previous"]["tempo_accuracy"] == 1
    lines = table(found).splitlines()
    assert len(lines) == 1 + len(PERFORMED_FIELDS) and lines[1].split() == ["velocity", "0.000", "/", "8.667", "0.000", "/", "8.000"]


def test_errors_are_of_the_median():
    chances = torch.zeros(1, 2, 128)
    chances[..., [10, 20, 30]] = torch.tensor([0.4, 0.3, 0.3])
    logits = [torch.log(chances + 1e-9)] + [torch.zeros(1, 2, len(FIELDS[field].values)) for field in PERFORMED_FIELDS[1:]]
    likeliest, medians = guesses_of(tuple(logits))
    assert (likeliest[..., 0] == SPECIALS + 10).all() and (medians[..., 0] == SPECIALS + 20).all()
    batch = {"tokens": example([10, 10], [0, 0]), "valid": torch.ones(1, 2, dtype=torch.bool)}
    found = figures(likeliest, medians, batch)
    assert found["velocity_accuracy"] == 1 and found["velocity_error"] == 10


def curve(folder, column):
    with open(folder / "metrics.csv", newline="") as file:
        return [float(row[column]) for row in csv.DictReader(file) if row.get(column)]


def test_a_run_learns_and_is_taken_up_again(tmp_path, pieces, monkeypatch, capsys):
    monkeypatch.setattr(score_performer, "load_token_pieces", lambda root, split, cache: pieces)
    run_folder = tmp_path / "run"
    train(config(), work(tmp_path, run_folder))
    losses = curve(run_folder / "curve_from_000000", "validation_loss_styled")
    assert len(losses) == 2 and losses[1] < losses[0] < 4.5
    shown = capsys.readouterr().out
    assert "deadpan" in shown and "previous" in shown and "piece_only" in shown and "step 60" in shown
    train(config(steps=90), work(tmp_path, run_folder))
    assert len(curve(run_folder / "curve_from_000060", "validation_loss_styled")) == 1
    batch = validation_windows(pieces, config().windows, 3)[0]
    after, before = (losses_of(task, batch) for task in (load_task(run_folder / "last.ckpt"), ScorePerformerTask(config()).eval()))
    assert after[0] < before[0] and after.mean() < 0.8 * before.mean()


def test_scores_are_read_with_what_was_learnt_before(tmp_path, pieces, monkeypatch):
    monkeypatch.setattr(score_performer, "load_token_pieces", lambda root, split, cache: pieces)
    reader = {"width": 8, "blocks": 2, "heads": 2, "kernel": 3, "reach": 8}
    network = config().network.model_dump() | {"reader": [reader, reader]}
    settings = config(network=network, steps=2, validate_every_steps=2)
    with pytest.raises(UsageError, match="no stage is read as 'reader'; run it as part of a recipe"):
        train(settings, work(tmp_path, tmp_path / "run"))
    shares = dict.fromkeys(("midi", "single", "mixup", "tempo_octaves", *(f"forget_{what}" for what in FORGOTTEN)), 0.0)
    windows = {"notes": 16, "per_batch": 2, "transpose_semitones": 0} | shares
    common = {"steps": 1, "learning_rate": 0.1, "warm_up_steps": 1, "weight_decay": 0.0, "seed": 0}
    mean_config = {"task": "dexter-mean", "network": reader, "beside": [reader], "windows": windows, "shared_error": 0.3} | common
    mean = DexterTask(DexterTrainingConfig.model_validate(mean_config))
    save_task(mean, work(tmp_path, tmp_path / "mean").folder / "best.ckpt")
    train(settings, work(tmp_path, tmp_path / "run", reader=tmp_path / "mean"))
    kept = load_task(tmp_path / "run" / "last.ckpt").network.score_encoder.reader.average.state_dict()
    torch.testing.assert_close(kept, mean.network.state_dict(), rtol=0, atol=0)
    for others in ([reader] * 3, [reader, reader | {"kernel": 5}]):
        settings = config(network=network | {"reader": others})
        with pytest.raises(UsageError, match=f"joins 2 networks; the configuration's reader has {len(others)}, or others; average those"):
            train(settings, work(tmp_path, tmp_path / "other", reader=tmp_path / "mean"))


def losses_of(task, batch):
    with torch.no_grad():
        levels = task.network.encode_style(batch["tokens"], batch["segments"], batch["valid"])
        context, _, _ = task.network.read_score(batch["score"], batch["features"], batch["valid"])
        return field_losses(task.network.predict(batch["tokens"], context, style_of(levels)), batch["tokens"], batch["valid"])


def test_the_style_to_be_expected_is_drawn_to_that_of_humans_and_not_the_other_way_round():
    own, expected = torch.tensor([[[1.0, 2.0], [5.0, 5.0]]], requires_grad=True), torch.zeros(1, 3, 2, requires_grad=True)
    levels = [Level(own, torch.tensor([[0, 0, 1]]), torch.ones(1, 2, dtype=torch.bool))]
    surprise = surprise_of(expected, levels, torch.tensor([[True, True, False]]))
    surprise.backward()
    assert surprise == (1 + 4) / 2 and own.grad is None
    assert (expected.grad[0, :2] < 0).all() and (expected.grad[0, 2] == 0).all()
    assert surprise_of(expected, levels, torch.zeros(1, 3, dtype=torch.bool)) == 0


def test_tempos_are_those_from_an_onset_to_the_next_beside_the_notated(pieces):
    piece, length = pieces[0], 12
    score, tokens, onsets = piece.score[:length].copy(), piece.performances[0][:length].copy(), piece.segments[:length, ONSET_LEVEL]
    tokens[:, VELOCITY], score[:, TEMPO], tokens[:, TEMPO] = SPECIALS + 64, SPECIALS + 40, SPECIALS + 52
    score[-1, TEMPO] = SPECIALS + 64  # from there on
    tokens[:, ONSET_DEVIATION] = to_tokens(ONSET_DEVIATION, np.array(0.0))
    last = onsets == onsets[-1]
    tokens[last, ONSET_DEVIATION] = to_tokens(ONSET_DEVIATION, np.array(1.0))
    octaves, quarters = tempo_octaves(score, tokens, onsets)
    shift, notes = (to_values(field, score[:, field]) for field in (POSITION_SHIFT, NOTES_IN_ONSET))
    following = np.searchsorted(onsets, onsets, side="right") % length
    np.testing.assert_allclose(quarters, np.where(last, 0, np.minimum(shift[following], 1) / notes), rtol=1e-6)
    before = onsets == onsets[-1] - 1
    np.testing.assert_allclose(octaves[~last & ~before] - octaves[before][0], 1.0, atol=1e-6)  # twice the time is an octave less
    assert abs(octaves @ quarters) < 1e-5
    tokens[3, VELOCITY] = SPECIALS
    assert tempo_octaves(score, tokens, onsets)[1][3] == 0
    tokens[onsets == onsets[3], VELOCITY] = SPECIALS
    assert (tempo_octaves(score, tokens, onsets)[1][onsets == onsets[3] - 1] == 0).all()  # nobody knows when they would have come


def test_a_tempo_that_is_expected_is_the_mean_of_humans():
    octaves, quarters = torch.tensor([[0.2, -0.2, 9.0]]), torch.tensor([[1.0, 0.5, 0.0]])
    assert torch.isclose(tempo_loss(torch.zeros(1, 3), octaves, quarters), torch.tensor(8 / 9))
    assert tempo_loss(octaves, octaves, quarters) == 0 and tempo_loss(octaves, octaves, 0 * quarters) == 0
    assert tempo_loss(octaves + 0.3, octaves, quarters) < 1e-9  # how fast it is as a whole is not asked


def test_what_notes_were_is_forgotten_in_a_share_of_the_windows():
    valid = torch.ones(2000, 50, dtype=torch.bool)
    torch.manual_seed(0)
    forgotten = draw_forgotten(valid, 0.5).float().mean(1)
    assert 0.45 < (forgotten == 0).float().mean() < 0.56 and 0.2 < (forgotten == 1).float().mean() < 0.3 and 0.34 < forgotten.mean() < 0.41
    assert not draw_forgotten(valid, 0.0).any()


@pytest.mark.parametrize("name", ["paper", "network"])
def test_the_configurations_are_valid(name):
    found = parse_config(CONFIGS / f"{name}.yaml", ScorePerformerTrainingConfig)
    assert found.network.style_width == 64 and load_stages("score-performer")[found.task].config is ScorePerformerTrainingConfig
    assert found.windows.notes <= found.network.window
