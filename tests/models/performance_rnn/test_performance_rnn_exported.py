"""What is exported: quantised, too, a stream does the same whoever plays beside it."""

import numpy as np
import pytest
import torch

from engine.performers.performance_rnn.networks import open_model
from export.four_bits import BLOCK, quantise_blocks, quantise_in_blocks
from export.graph import write_graph
from export.performance_rnn import network_specs
from models.performance_rnn.representation import CONTROLS, PITCHES, PREFERRED_VALUES

EVENTS, STREAMS = 60, 3


@pytest.fixture(scope="module")
def models(tmp_path_factory):
    """The float and the int8 graph of one network."""
    torch.manual_seed(0)
    network = {"steps_per_second": 100, "embedding": 8, "width": 64, "layers": 2}
    config = {"task": "performance-rnn", "network": network, "lanes": 1, "events_per_window": 1, "stretch": [1.0], "transpose_semitones": 0}
    config |= {"known_share": 0.5, "steps": 1, "learning_rate": 0.1, "warm_up_steps": 1, "weight_decay": 0.0, "average": 0.5}
    config |= {"validate_every_steps": 1, "seed": 0}
    (spec,) = network_specs(config, None).values()
    paths = [tmp_path_factory.mktemp("models") / name for name in ("float.onnx", "int8.onnx")]
    write_graph(spec, paths[0])
    quantise_in_blocks(*paths, spec.contract, spec.in_four_bits)
    return [open_model(path) for path in paths]


def inputs(seed):
    random = np.random.default_rng(seed)
    controls = random.uniform(0, 1, (EVENTS, STREAMS, CONTROLS)).astype(np.float32)
    controls[..., PREFERRED_VALUES:] *= random.random((EVENTS, STREAMS, PITCHES)) < 0.05  # few keys sound at a time
    return random.integers(0, 388, (EVENTS, STREAMS)), controls


def step_by_step(model, event, controls):
    stepper = model.create_stepper(event.shape[1])
    logits = []
    for index in range(EVENTS):
        stepper.inputs["event"][...], stepper.inputs["controls"][...] = event[index], controls[index]
        logits.append(stepper.step()["logits"].copy())
    return np.array(logits)


def test_company_changes_nothing(models):
    event, controls = inputs(0)
    together = step_by_step(models[1], event, controls)
    for stream in range(STREAMS):
        alone = step_by_step(models[1], event[:, [stream]], controls[:, [stream]])
        assert np.array_equal(together[:, stream], alone[:, 0])


def test_several_events_a_call_are_as_many_single_ones(models):
    event, controls = inputs(1)
    several = models[1].create_stepper().step_chunk({"event": event[:, :1], "controls": controls[:, :1]})["logits"]
    assert np.array_equal(several, step_by_step(models[1], event[:, :1], controls[:, :1]))


def test_four_bits_are_near_to_float(models):
    event, controls = inputs(2)
    exact, rounded = (step_by_step(model, event, controls) for model in models)
    assert 0.001 * exact.std() < np.sqrt(np.square(exact - rounded).mean()) < 0.15 * exact.std()


@pytest.mark.parametrize("bits", [4, 8])
def test_blocks_are_rounded_to_the_nearest_of_their_numbers(bits):
    matrix = np.random.default_rng(3).normal(size=(300, 7)).astype(np.float32)
    packed, scales = quantise_blocks(matrix, bits)
    assert packed.shape == (7, 3, BLOCK * bits // 8) and scales.shape == (7, 3)
    numbers = packed if bits == 8 else np.stack((packed & 15, packed >> 4), -1).reshape(7, 3, BLOCK)
    restored = ((numbers.astype(float) - 2 ** (bits - 1)) * scales[..., None]).reshape(7, 3 * BLOCK).T
    assert np.abs(restored[300:]).max() == 0
    inside = np.abs(matrix) < 0.74 * np.abs(matrix).max(0)
    widest = np.abs(np.repeat(scales, BLOCK, 1)).T[:300]
    assert (np.abs(restored[:300] - matrix) <= widest / 2 + 1e-6)[inside].mean() > 0.98
    assert np.abs(restored[:300] - matrix).max() < (0.6 if bits == 4 else 0.02)
