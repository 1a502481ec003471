"""What trainings have in common: the learning rate's course, and checkpoints that a kill cannot spoil."""

import pytest
import torch

from engine.base.errors import PerfLiveError
from training.runs import RunConfig, rate_at
from training.runs.batches import ShuffledBatches
from training.runs.checkpoints import KeepLast, WholeCheckpointIO
from training.runs.curves import read_curves


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
    """Says what a Trainer would of the steps that are done, and notes after which of them it was asked to keep them."""

    def __init__(self, steps=10):
        self.saved, self.loggers, self.global_step, self.max_steps, self.strategy = [], [], 0, steps, self

    def broadcast(self, value):
        return value

    def save_checkpoint(self, path):
        self.saved.append((path.name, self.global_step))

    def run(self, keeper, from_step=0, validate_every_steps=4):
        """Do the steps, each of two batches, and the validations, up to the end."""
        self.global_step = from_step
        keeper.on_train_start(self, None)
        while self.global_step < self.max_steps:
            keeper.on_train_batch_end(self, None)
            self.global_step += 1
            keeper.on_train_batch_end(self, None)
            if self.global_step % validate_every_steps == 0:
                keeper.on_validation_end(self, None)
        return [step for _, step in self.saved]


def test_the_last_is_kept_after_each_validation_now_and_then_and_at_the_end(tmp_path):
    path = tmp_path / "last.ckpt"
    assert SavingTrainer().run(KeepLast(path, 4, every_s=3600)) == [4, 8, 10]
    # Once a step, between steps, and at a step with a validation after that: what is taken up there would owe it.
    assert SavingTrainer().run(KeepLast(path, 4, every_s=0)) == [1, 2, 3, 4, 5, 6, 7, 8, 9, 10]
    assert SavingTrainer().run(KeepLast(path, 4, every_s=0), from_step=5) == [6, 7, 8, 9, 10]
    assert SavingTrainer(8).run(KeepLast(path, 4, every_s=3600)) == [4, 8]


class Numbers(ShuffledBatches):
    def items(self):
        return self.random.permutation(7).tolist()

    def batch(self, items):
        return items, int(self.random.integers(1000))


def first(batches, count):
    return [batch for batch, _ in zip(batches, range(count), strict=False)]


def test_a_batch_depends_on_its_number_alone(monkeypatch):
    whole = first(Numbers(1, 3), 12)
    assert sorted(sum((items for items, _ in whole[:7]), [])) == sorted([*range(7)] * 3)  # each item once a pass
    assert first(Numbers(1, 3, first=5), 7) == whole[5:]
    assert first(Numbers(2, 3), 12) != whole
    monkeypatch.setenv("WORLD_SIZE", "2")
    shared = []
    for process in "01":
        monkeypatch.setenv("RANK", process)
        shared.append(first(Numbers(1, 3, first=4), 4))
    assert [each for pair in zip(*shared, strict=True) for each in pair] == whole[4:]


def test_a_piece_of_a_curve_holds_from_where_it_begins(tmp_path):
    pieces = {0: "epoch,loss,step,figure\n0,5.0,1,\n0,,2,0.5\n0,4.0,3,\n0,3.5,5,\n", 3: "step,loss\n3,4.5\n4,4.25\n"}
    for step, text in pieces.items():
        (tmp_path / f"curve_from_{step:06d}").mkdir()
        (tmp_path / f"curve_from_{step:06d}" / "metrics.csv").write_text(text)
    (tmp_path / "curve_from_000009").mkdir()  # killed at once
    curves = read_curves(tmp_path)
    assert list(curves) == ["loss", "figure"]
    assert curves["loss"].steps.tolist() == [2, 4, 5] and curves["loss"].values.tolist() == [5.0, 4.5, 4.25]
    assert curves["figure"].steps.tolist() == [3]
    (tmp_path / "curve_from_000009" / "metrics.csv").write_text("step,loss\nmany,1\n")
    with pytest.raises(PerfLiveError, match="not a curve of perf-train"):
        read_curves(tmp_path)


def test_a_checkpoint_that_cannot_be_written_leaves_the_one_before(tmp_path):
    writer, path = WholeCheckpointIO(), tmp_path / "last.ckpt"
    writer.save_checkpoint({"step": 1}, path)
    with pytest.raises(AttributeError):
        writer.save_checkpoint({"step": lambda: None}, path)  # cannot be pickled
    assert torch.load(path, weights_only=True) == {"step": 1}
    assert [file.name for file in path.parent.iterdir()] == ["last.ckpt"]
