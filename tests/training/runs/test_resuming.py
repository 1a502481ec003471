"""A training that is killed and taken up again ends as one that was left alone: the same bytes, the same curve."""

import lightgbm
import pytest
from drum_tracks import write_groove
from stage_work import work
from tiny_trainings import NETWORKS, prepare, train

import configs
from engine.systems import parts
from training.command import load_stages
from training.runs.batches import SeedEachBatch
from training.runs.checkpoints import load_checkpoint
from training.runs.curves import read_curves
from training.stages.recipe import read_recipe

# Lightning's own: advice on workers and on resuming inside an endless pass, and a deprecation between its parts
pytestmark = pytest.mark.filterwarnings("ignore::UserWarning:lightning", "ignore::FutureWarning:lightning", "ignore::DeprecationWarning")


class Killed(BaseException):
    """No error that anything would handle."""


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    return prepare(tmp_path_factory.mktemp("trainings"))


def die_at(monkeypatch, batch):
    """Let a training end before the ``batch``-th of its batches; none for None."""
    seed = SeedEachBatch.on_train_batch_start

    def seeded(callback, trainer, task, given, number):
        if number == batch:
            raise Killed
        seed(callback, trainer, task, given, number)

    monkeypatch.setattr(SeedEachBatch, "on_train_batch_start", seeded)
    return lambda: monkeypatch.setattr(SeedEachBatch, "on_train_batch_start", seed)


def curves(run_folder):
    return {name: (curve.steps.tolist(), curve.values.tolist()) for name, curve in read_curves(run_folder).items()}


@pytest.mark.parametrize("name", NETWORKS)
def test_a_training_that_was_killed_ends_in_the_same_bytes(name, root, tmp_path, monkeypatch):
    whole, killed = tmp_path / "whole", tmp_path / "killed"
    told = train(name, root, whole)
    for batch in (5, 12):  # between the batches of a step, and right after a validation
        live = die_at(monkeypatch, batch)
        with pytest.raises(Killed):
            train(name, root, killed)
        live()
    assert train(name, root, killed) == told
    for file in ("last.ckpt", "best.ckpt"):
        assert (killed / file).read_bytes() == (whole / file).read_bytes(), file
    assert curves(killed) == curves(whole)
    assert max(len(steps) for steps, _ in curves(whole).values()) == 2
    assert train(name, root, killed) == told  # what is done stays so
    assert (killed / "last.ckpt").read_bytes() == (whole / "last.ckpt").read_bytes()


def test_a_training_whose_figure_does_not_become_better_ends_early_and_stays_ended(root, tmp_path):
    hopeless = {"steps": 40, "validate_every_steps": 2, "patience": 2, "learning_rate": 30.0, "average": 0.0}
    told = train("performance-rnn", root, tmp_path / "run", **hopeless)
    losses = read_curves(tmp_path / "run")["validation_loss"]
    best = int(losses.values.argmin())
    assert len(losses.steps) == best + 1 + 2 < 20
    assert load_checkpoint(tmp_path / "run" / "last.ckpt")["global_step"] == losses.steps[-1]
    assert load_checkpoint(tmp_path / "run" / "best.ckpt")["global_step"] == losses.steps[best]
    kept = (tmp_path / "run" / "last.ckpt").read_bytes()
    assert train("performance-rnn", root, tmp_path / "run", **hopeless) == told
    assert (tmp_path / "run" / "last.ckpt").read_bytes() == kept


GROWN = {"groove": ("drums", 1), "added": ("drums", 1), "trees": ("dexter", 2)}  # stage: its recipe, and how many columns outlive a kill


@pytest.mark.parametrize("name", GROWN)
def test_trees_that_were_killed_end_in_the_same_bytes(name, root, tmp_path, monkeypatch):
    folder, columns = GROWN[name]
    recipe = read_recipe(configs.FOLDER / folder / "tiny.yaml", parts("task"), load_stages)
    (planned,) = [stage for stage in recipe.stages if stage.name == name]
    data = write_groove(tmp_path / "groove") if folder == "drums" else root / "corpus"
    calls, grow = [], lightgbm.train

    def train_or_die(*arguments):
        calls.append(arguments)
        if len(calls) == columns + 1:
            raise Killed
        return grow(*arguments)

    run = load_stages(recipe.system)[planned.kind].run
    whole, killed = (work(data, tmp_path / each) for each in ("whole", "killed"))
    told = run(planned.config, whole)
    monkeypatch.setattr(lightgbm, "train", train_or_die)
    with pytest.raises(Killed):
        run(planned.config, killed)
    assert run(planned.config, killed) == told
    assert len(calls) == len(list(whole.folder.glob("*.txt"))) + 1  # none is grown twice
    files = sorted(path.name for path in whole.folder.iterdir())
    assert sorted(path.name for path in killed.folder.iterdir()) == files
    assert all((killed.folder / file).read_bytes() == (whole.folder / file).read_bytes() for file in files)
