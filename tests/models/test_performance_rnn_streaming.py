"""What is exported: in 8 bits, too, a stream does the same whoever plays beside it, and however many of its events come at once."""

import numpy as np
import onnx
import pytest
import torch
from onnx import numpy_helper

from engine.performers.performance_rnn_improvisation import open_model
from export.graph import write_graph
from export.performance_rnn import build_specs
from export.quantise import quantise
from models.performance_rnn.representation import CONTROLS, PITCHES, WISH_VALUES

EVENTS, STREAMS = 60, 3


@pytest.fixture(scope="module")
def models(tmp_path_factory):
    """The float and the int8 graph of one network."""
    torch.manual_seed(0)
    network = {"steps_per_second": 100, "embedding": 8, "width": 32, "layers": 2}
    config = {"task": "performance-rnn", "network": network, "lanes": 1, "events_per_window": 1, "stretch": [1.0], "transpose_semitones": 0}
    config |= {"known_share": 0.5, "steps": 1, "learning_rate": 0.1, "warm_up_steps": 1, "weight_decay": 0.0, "average": 0.5}
    config |= {"validate_every_steps": 1, "seed": 0}
    (spec,) = build_specs(config, None).values()
    paths = [tmp_path_factory.mktemp("models") / name for name in ("float.onnx", "int8.onnx")]
    write_graph(spec, paths[0])
    quantise(*paths, spec.contract)
    return [open_model(path) for path in paths]


def inputs(seed):
    random = np.random.default_rng(seed)
    controls = random.uniform(0, 1, (EVENTS, STREAMS, CONTROLS)).astype(np.float32)
    controls[..., WISH_VALUES:] *= random.random((EVENTS, STREAMS, PITCHES)) < 0.05  # few keys sound at a time
    return random.integers(0, 388, (EVENTS, STREAMS)), controls


def step_by_step(model, event, controls):
    stepper = model.create_stepper(event.shape[1])
    logits = []
    for index in range(EVENTS):
        stepper.inputs["event"][...], stepper.inputs["controls"][...] = event[index : index + 1], controls[index : index + 1]
        logits.append(stepper.step()["logits"][0].copy())
    return np.array(logits)


def test_in_eight_bits_company_changes_nothing(models):
    event, controls = inputs(0)
    together = step_by_step(models[1], event, controls)
    for stream in range(STREAMS):
        alone = step_by_step(models[1], event[:, [stream]], controls[:, [stream]])
        assert np.array_equal(together[:, stream], alone[:, 0])


def test_in_eight_bits_chunks_change_nothing(models):
    event, controls = inputs(1)
    chunked = models[1].create_stepper().step_chunk({"event": event[:, :1], "controls": controls[:, :1]})["logits"]
    assert np.array_equal(chunked, step_by_step(models[1], event[:, :1], controls[:, :1]))


def test_no_product_of_eight_bits_saturates(models):
    """Two products of an unsigned activation and a signed weight of 7 bits fit into 16 bits."""
    weights = [numpy_helper.to_array(each) for each in onnx.load(models[1].path).graph.initializer]
    signed = [each for each in weights if each.dtype == np.int8 and each.size > 1]
    assert len(signed) == 4 and max(np.abs(each.astype(int)).max() for each in signed) == 64
    (unsigned,) = (each for each in weights if each.dtype == np.uint8 and each.size > 1)
    assert unsigned.max() > 127


def test_eight_bits_are_near_to_float(models):
    event, controls = inputs(2)
    exact, rounded = (step_by_step(model, event, controls) for model in models)
    assert np.sqrt(np.square(exact - rounded).mean()) < 0.05 * exact.std()
