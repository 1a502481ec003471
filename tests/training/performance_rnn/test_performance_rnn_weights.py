"""Weights that a training begins from: out of exported files, and out of what a long run has kept."""

from pathlib import Path

import numpy as np
import pytest
import torch
from typer.testing import CliRunner

from engine.base.errors import PerfLiveError
from engine.performers.performance_rnn.networks import open_model
from export.four_bits import quantise_blocks, quantise_in_blocks
from export.graph import write_graph
from export.performance_rnn import network_specs
from models.performance_rnn.network import PerformanceRNN, PerformanceRNNConfig, impossible
from models.performance_rnn.representation import CONTROLS
from models.pretrained import __file__ as pretrained
from training.performance_rnn.data import PerformanceRNNTrainingConfig
from training.performance_rnn.task import PerformanceRNNTask
from training.performance_rnn.weights import app, read_weights, restore_blocks, split_sums

SIZES = {"steps_per_second": 100, "embedding": 8, "width": 64, "layers": 2}
CONFIG = {
    "task": "performance-rnn", "network": SIZES, "lanes": 1, "events_per_window": 1, "stretch": [1.0], "transpose_semitones": 0,
    "known_share": 0.5, "steps": 1, "learning_rate": 0.1, "warm_up_steps": 1, "weight_decay": 0.0, "average": 0.5, "seed": 0,
}  # fmt: skip


@pytest.fixture(scope="module")
def task():
    torch.manual_seed(0)
    return PerformanceRNNTask(PerformanceRNNTrainingConfig.model_validate(CONFIG)).eval()


@pytest.fixture(scope="module")
def exported(task, tmp_path_factory):
    """The float and the int8 file of one network."""
    (spec,) = network_specs(CONFIG, task.state_dict()).values()
    paths = [tmp_path_factory.mktemp("models") / name for name in ("float.onnx", "int8.onnx")]
    write_graph(spec, paths[0])
    quantise_in_blocks(*paths, spec.contract, spec.in_four_bits)
    return paths


@torch.no_grad()
def chances(network):
    random = torch.Generator().manual_seed(0)
    event, controls = torch.randint(0, 388, (3, 20), generator=random), torch.rand(3, 20, CONTROLS, generator=random)
    return network(event, controls, *network.initial_state(3))[0].softmax(-1)


def network_of(path):
    network = PerformanceRNN(PerformanceRNNConfig(**SIZES))
    network.load_state_dict(read_weights(path, network.config))
    return network


def test_an_exported_file_becomes_the_network_that_it_was(task, exported):
    torch.testing.assert_close(chances(network_of(exported[0])), chances(task.network), atol=1e-5, rtol=1e-3)


def test_a_file_in_blocks_becomes_nearly_that(task, exported):
    variation = (chances(network_of(exported[1])) - chances(task.network)).abs().sum(-1).mean() / 2
    assert 0 < variation < 0.02


@pytest.mark.parametrize("bits", [4, 8])
def test_blocks_are_restored(bits):
    numbers = np.random.default_rng(0).integers(-(1 << bits - 1), 1 << bits - 1, (150, 3))
    numbers[[0, 149]] = -(1 << bits - 1)  # each block's outermost weight, so that its scale is the given one
    matrix = (numbers * np.array([0.5, 2.0, 0.25])).astype(np.float32)
    np.testing.assert_array_equal(restore_blocks(*quantise_blocks(matrix, bits), len(matrix), bits), matrix)


def test_sums_are_split_into_a_table_and_weights():
    random = torch.Generator().manual_seed(0)
    sums = torch.randn(50, 8, generator=random) @ torch.randn(8, 40, generator=random) + torch.randn(40, generator=random)
    table, weights, bias = split_sums(sums, 8)
    torch.testing.assert_close(table @ weights + bias, sums, atol=1e-4, rtol=1e-4)
    assert table.std() == pytest.approx(1, rel=1e-3)


@torch.no_grad()
def test_what_ships_is_read():
    path, event, controls = Path(pretrained).with_name("performance_rnn.onnx"), 60, np.zeros((1, CONTROLS), np.float32)
    network = PerformanceRNN(PerformanceRNNConfig())
    network.load_state_dict(read_weights(path, network.config))
    read = network(torch.tensor([[event]]), torch.tensor(controls[None]), *network.initial_state(1))[0][0, 0].softmax(-1)
    stepper = open_model(path).create_stepper(1)
    stepper.inputs["event"][...], stepper.inputs["controls"][...] = event, controls
    logits = torch.tensor(stepper.step()["logits"])
    shipped = (logits[0] + impossible(torch.tensor(controls[0]), logits.shape[-1])).softmax(-1)
    assert (read - shipped).abs().sum() / 2 < 0.01


def test_a_run_is_kept_in_16_bits(task, tmp_path):
    checkpoint = {"state_dict": task.state_dict(), "global_step": 7, "hyper_parameters": {"config": CONFIG}}
    torch.save(checkpoint, tmp_path / "last.ckpt")
    ended = CliRunner().invoke(app, [str(tmp_path / "last.ckpt"), "-o", str(tmp_path / "kept.safetensors")])
    assert "after 7 steps" in ended.output
    torch.testing.assert_close(chances(network_of(tmp_path / "kept.safetensors")), chances(task.network), atol=1e-4, rtol=1e-2)


@pytest.mark.parametrize("name", ["none.onnx", "none.safetensors", "text.onnx", "text.safetensors"])
def test_no_weights_are_one_line(name, tmp_path):
    if name.startswith("text"):
        (tmp_path / name).write_text("no weights")
    with pytest.raises(PerfLiveError, match=name):
        read_weights(tmp_path / name, PerformanceRNNConfig())


@pytest.mark.parametrize("changes", [{"embedding": 4}, {"layers": 1}, {"layers": 3}, {"width": 32}, {"steps_per_second": 125}])
def test_weights_of_other_sizes_are_refused(changes, exported):
    with pytest.raises(PerfLiveError, match="float.onnx"):
        read_weights(exported[0], PerformanceRNNConfig(**SIZES | changes))
