"""The PerformanceNet that plays, small and with random weights, through export and verification; and the paper's, which cannot."""

import pytest
import torch

from engine.base.errors import UsageError
from engine.sound.performance_net.stream import open_model
from engine.sound.performance_net.synthesizer import render_events
from export import verify
from export.command import export_verified
from export.performance_net import network_specs
from models.performance_net.key_spectra import LOOK_AHEAD
from models.performance_net.representation import CHANNELS, NOTE_BEGIN, SoundEvent

CONFIG = {
    "task": "performance-net",
    "network": {"kind": "streaming", "width": 8, "on_off_width": 4, "dilations": [1, 3], "bands": [64]},
    "windows": 1,
    "frames": 80,
    "coarse_weight": 0.5,
    "steps": 1,
    "learning_rate": 0.1,
    "warm_up_steps": 1,
    "weight_decay": 0.0,
    "seed": 0,
}


@pytest.fixture(scope="module")
def exported(tmp_path_factory):
    path = tmp_path_factory.mktemp("export") / "model.onnx"
    with pytest.MonkeyPatch.context() as patch:  # a product with every key's every spectrum is much for a test
        patch.setattr(verify, "STEPS", 101)
        patch.setattr(verify, "SINGLE_STEPS", 5)
        patch.setattr(verify, "CHUNK_SIZES", (1, 2, 3, 7, 31))
        torch.manual_seed(0)
        (spec,) = network_specs(CONFIG, None).values()
        torch.nn.init.normal_(spec.module.network.output.weight, std=0.1)
        spec.module.network.key_spectra.noise_log += 10  # 20 dB below the partials; without it, where they cancel, only rounding is left
        return path, export_verified(spec, path, "float32")


def test_the_graph_verifies(exported):
    path, (line,) = exported
    assert line.startswith("float32 against PyTorch, 101 steps")
    contract = open_model(path).contract
    assert contract.look_ahead_steps == LOOK_AHEAD and contract.licence == "CC BY-NC-SA 4.0" and "FluidR3" in contract.training_data
    assert contract.graph_inputs()[0].shape == (CHANNELS, "frames") and contract.state[0].name == "roll_history"
    assert path.stat().st_size < 8_000_000  # half precision


def test_it_sounds(exported):
    sound = render_events([SoundEvent(0.2, NOTE_BEGIN, 60, 100)], 0.4, exported[0])
    assert not sound[: int(0.1 * 44100)].any() and abs(sound[int(0.25 * 44100) :]).max() > 1e-4


def test_a_solo_instruments_graph_verifies(tmp_path, monkeypatch):
    monkeypatch.setattr(verify, "STEPS", 40)
    monkeypatch.setattr(verify, "SINGLE_STEPS", 3)
    monkeypatch.setattr(verify, "CHUNK_SIZES", (1, 3, 7))
    torch.manual_seed(0)
    (spec,) = network_specs({"task": "performance-net-solo", "instrument": "cello"}, None).values()
    spec.module.network.key_sounds.noise_log += 10
    path = tmp_path / "cello.onnx"
    (line,) = export_verified(spec, path, "float32")
    assert line.startswith("float32 against PyTorch, 40 steps")
    contract = open_model(path).contract
    assert contract.constants == {"instrument": "cello", "lowest_key": 36, "keys": 49} and contract.licence == "MIT"
    assert path.stat().st_size < 8_000_000
    sound = render_events([SoundEvent(0.2, NOTE_BEGIN, 60, 100)], 0.4, path)
    assert not sound[: int(0.1 * 44100)].any() and abs(sound[int(0.25 * 44100) :]).max() > 1e-4


def test_the_papers_network_cannot_play():
    paper = {"kind": "paper", "encoder": [4] * 5, "on_off_encoder": [4] * 3, "decoder": [4] * 4, "bands": [2]}
    with pytest.raises(UsageError, match="of kind 'paper' cannot play in real time; give one of kind 'streaming'"):
        network_specs(CONFIG | {"network": paper}, None)
