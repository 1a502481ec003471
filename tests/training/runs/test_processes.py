"""Networks are trained by two processes that torchrun starts, as on two GPUs: by DDP, with gloo."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from drum_tracks import write_groove
from tiny_trainings import NETWORKS, prepare, train

from training.runs.checkpoints import load_checkpoint

# Lightning's own: advice on workers and on resuming inside an endless pass, and a deprecation between its parts
pytestmark = pytest.mark.filterwarnings("ignore::UserWarning:lightning", "ignore::FutureWarning:lightning", "ignore::DeprecationWarning")

SUPPORT = Path(__file__).parents[2] / "support"


@pytest.fixture(scope="module")
def together(tmp_path_factory):
    """Return the folder in which two processes have trained all that ``train_together`` says, and what they said."""
    root = prepare(tmp_path_factory.mktemp("together"))
    groove = write_groove(root / "groove")
    torchrun = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"]
    places = os.pathsep.join((str(SUPPORT), str(SUPPORT.parents[1])))
    environment = os.environ | {"OMP_NUM_THREADS": "1", "PYTHONPATH": places}
    command = [*torchrun, str(SUPPORT / "train_together.py"), str(root), str(groove)]
    ended = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=600)
    assert ended.returncode == 0, ended.stderr[-3000:]
    return root, ended


@pytest.mark.parametrize("name", [name for name in NETWORKS if name != "performance-rnn"])  # its processes read other performances
def test_two_processes_learn_what_one_learns_from_as_many_batches(together, name, tmp_path):
    root, _ = together
    train(name, root, tmp_path / "alone", accumulated_batches=2)
    for file in ("last.ckpt", "best.ckpt"):
        alone, shared = (load_checkpoint(folder / file) for folder in (tmp_path / "alone", root / "together" / name))
        assert shared["global_step"] == alone["global_step"]
        weights = [torch.cat([tensor.flatten().float() for tensor in each["state_dict"].values()]) for each in (shared, alone)]
        # Where a gradient is nothing but rounding, Adam makes a whole step of it.
        assert torch.isclose(*weights, rtol=1e-2, atol=1e-4).float().mean() > 0.99


@pytest.mark.parametrize("name", ["performance-rnn", "velocity"])
def test_two_processes_that_were_killed_end_in_the_same_bytes(together, name):
    root, ended = together
    assert ended.stdout.count("killed 0") == ended.stdout.count("killed 1") == 2
    for file in ("last.ckpt", "best.ckpt"):
        assert (root / "killed" / name / file).read_bytes() == (root / "together" / name / file).read_bytes()


def test_each_process_reads_performances_of_its_own(together):
    lanes = load_checkpoint(together[0] / "together" / "performance-rnn" / "last.ckpt")["lanes"]
    assert lanes["place"].shape == (2, 2, 3) and not torch.equal(lanes["hidden"][0], lanes["hidden"][1])


def test_of_a_recipe_the_first_process_does_alone_what_is_no_network(together):
    root, ended = together
    assert ended.stderr.count("stage 1 of 5, groove") == 1
    assert all((root / "recipe" / name / "done.json").exists() for name in ("groove", "live", "added"))
