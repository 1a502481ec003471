"""Products of 16 bits: each network learns by them nearly what it learns by 32, and keeps weights of 32."""

import pytest
import torch
from tiny_trainings import NETWORKS, prepare, train

from training.runs.checkpoints import load_checkpoint
from training.runs.curves import read_curves

# Lightning's own: advice on workers, and a deprecation between its parts
pytestmark = pytest.mark.filterwarnings("ignore::UserWarning:lightning", "ignore::FutureWarning:lightning", "ignore::DeprecationWarning")


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    return prepare(tmp_path_factory.mktemp("trainings"))


@pytest.mark.parametrize("name", NETWORKS)
def test_a_network_learns_by_products_of_16_bits(name, root, tmp_path):
    train(name, root, tmp_path / "32")
    train(name, root, tmp_path / "16", precision="bf16-mixed")
    whole, half = (load_checkpoint(tmp_path / each / "last.ckpt")["state_dict"] for each in ("32", "16"))
    assert {key: tensor.dtype for key, tensor in half.items()} == {key: tensor.dtype for key, tensor in whole.items()}
    assert any(not torch.equal(half[key], whole[key]) for key in whole)  # else products had 32 bits
    losses = [losses_of(tmp_path / each) for each in ("32", "16")]
    assert losses[0] and losses[1] == pytest.approx(losses[0], rel=0.02)  # bfloat16 has 8 bits: a rounding is off by .4% at most


def losses_of(run_folder):
    return {name: curve.values[-1] for name, curve in read_curves(run_folder).items() if "loss" in name}
