"""Networks are trained by two processes that torchrun starts, as on two GPUs: by DDP, with gloo."""

import os
import socket
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
PATIENCE_S = 600


@pytest.fixture(scope="module")
def together(tmp_path_factory):
    """Return the folder in which two processes have trained all that ``train_together`` says, and what they said."""
    root = prepare(tmp_path_factory.mktemp("together"))
    groove = write_groove(root / "groove")
    process = torchrun(["--standalone", "--nproc-per-node", "2", str(SUPPORT / "train_together.py"), str(root), str(groove)])
    said, error = process.communicate(timeout=PATIENCE_S)
    assert process.returncode == 0, error[-3000:]
    return root, said, error


def torchrun(arguments):
    places = os.pathsep.join((str(SUPPORT), str(SUPPORT.parents[1])))
    environment = os.environ | {"OMP_NUM_THREADS": "1", "PYTHONPATH": places}
    command = [sys.executable, "-m", "torch.distributed.run", *map(str, arguments)]
    return subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


@pytest.mark.parametrize("name", [name for name in NETWORKS if name != "performance-rnn"])  # its processes read other performances
def test_two_processes_learn_what_one_learns_from_as_many_batches(together, name, tmp_path):
    root, *_ = together
    train(name, root, tmp_path / "alone", accumulated_batches=2)
    for file in ("last.ckpt", "best.ckpt"):
        alone, shared = (load_checkpoint(folder / file) for folder in (tmp_path / "alone", root / "together" / name))
        assert shared["global_step"] == alone["global_step"]
        weights = [torch.cat([tensor.flatten().float() for tensor in each["state_dict"].values()]) for each in (shared, alone)]
        # Where a gradient is nothing but rounding, Adam makes a whole step of it.
        assert torch.isclose(*weights, rtol=1e-2, atol=1e-4).float().mean() > 0.99


@pytest.mark.parametrize("name", ["performance-rnn", "velocity"])
def test_two_processes_that_were_killed_end_in_the_same_bytes(together, name):
    root, said, _ = together
    assert said.count("killed 0") == said.count("killed 1") == 2
    for file in ("last.ckpt", "best.ckpt"):
        assert (root / "killed" / name / file).read_bytes() == (root / "together" / name / file).read_bytes()


def test_each_process_reads_performances_of_its_own(together):
    lanes = load_checkpoint(together[0] / "together" / "performance-rnn" / "last.ckpt")["lanes"]
    assert lanes["place"].shape == (2, 2, 3) and not torch.equal(lanes["hidden"][0], lanes["hidden"][1])


def test_of_a_recipe_the_first_process_does_alone_what_is_no_network(together):
    root, _, error = together
    assert error.count("stage 1 of 5, groove") == 1
    assert all((root / "recipe" / name / "done.json").exists() for name in ("groove", "live", "added"))


def test_two_machines_learn_what_two_processes_of_one_do(together):
    root, *_ = together
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        meeting = f"127.0.0.1:{free.getsockname()[1]}"
    machine = ["--nnodes", 2, "--nproc-per-node", 1, "--rdzv-backend", "c10d", "--rdzv-endpoint", meeting]
    machines = [torchrun([*machine, SUPPORT / "train_on_machines.py", root]) for _ in range(2)]
    errors = [each.communicate(timeout=PATIENCE_S)[1] for each in machines]
    assert [each.returncode for each in machines] == [0, 0], errors
    for file in ("last.ckpt", "best.ckpt"):
        assert (root / "machines" / file).read_bytes() == (root / "together" / "velocity" / file).read_bytes()
