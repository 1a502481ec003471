"""What trainings have in common: the learning rate's course, and checkpoints that a kill cannot spoil."""

import pytest
import torch

from training.runs import KeepLast, RunConfig, WholeCheckpointIO, rate_at


def config(**changes):
    settings = {"steps": 100, "learning_rate": 0.1, "warm_up_steps": 10, "weight_decay": 0.0, "seed": 0}
    return RunConfig.model_validate(settings | changes)


def test_the_rate_falls_in_a_cosine():
    rates = [rate_at(step, config()) for step in range(101)]
    assert rates[0] == pytest.approx(0.1) and rates[50] == pytest.approx(0.51) and rates[100] == pytest.approx(0.02)
    assert max(rates) == rates[9] or max(rates) == rates[10]


def test_the_rate_stays_and_falls_late():
    rates = [rate_at(step, config(decay_steps=20)) for step in (0, 9, 50, 80, 90, 100, 120)]
    assert rates == pytest.approx([0.1, 1, 1, 1, 0.51, 0.02, 0.02])


class SavingTrainer:
    def __init__(self):
        self.saved, self.global_step, self.max_steps = [], 1, 2

    def save_checkpoint(self, path):
        self.saved.append(path)


def test_the_last_is_kept_after_each_validation_now_and_then_and_at_the_end(tmp_path):
    trainer, path = SavingTrainer(), tmp_path / "last.ckpt"
    seldom, often = KeepLast(path, every_s=3600), KeepLast(path, every_s=0)
    seldom.on_train_batch_end(trainer, None)
    assert not trainer.saved
    seldom.on_validation_end(trainer, None)
    often.on_train_batch_end(trainer, None)
    assert trainer.saved == [path, path]
    trainer.global_step = 2
    seldom.on_train_batch_end(trainer, None)
    assert trainer.saved == [path] * 3


def test_a_checkpoint_that_cannot_be_written_leaves_the_one_before(tmp_path):
    writer, path = WholeCheckpointIO(), tmp_path / "last.ckpt"
    writer.save_checkpoint({"step": 1}, path)
    with pytest.raises(AttributeError):
        writer.save_checkpoint({"step": lambda: None}, path)  # cannot be pickled
    assert torch.load(path, weights_only=True) == {"step": 1}
    assert [file.name for file in path.parent.iterdir()] == ["last.ckpt"]
