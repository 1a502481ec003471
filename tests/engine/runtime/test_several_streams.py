"""Streams side by side in one run of a model: each as if it were alone."""

import numpy as np
import pytest
from synthetic_improviser import MEMORY, write_model

from engine.performers.performance_rnn.networks import open_model


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    return open_model(write_model(tmp_path_factory.mktemp("model") / "improviser.onnx"))


def advance(stepper, events):
    logits = []
    for row in events:
        stepper.inputs["event"][...] = row
        logits.append(stepper.step()["logits"].copy())
    return np.array(logits)


def test_each_does_what_it_does_alone(model):
    events = np.random.default_rng(0).integers(0, 388, (20, 3))
    together = advance(model.create_stepper(3), events)
    for stream in range(3):
        np.testing.assert_allclose(together[:, stream], advance(model.create_stepper(), events[:, [stream]])[:, 0], rtol=1e-5, atol=1e-5)


def test_one_streams_state_goes_to_all(model):
    one, several = model.create_stepper(), model.create_stepper(3)
    advance(one, [[5], [7]])
    several.restore(one.snapshot())
    expected = advance(one, [[9]])[0, 0]
    np.testing.assert_allclose(advance(several, [[9, 9, 9]])[0], np.tile(expected, (3, 1)), rtol=1e-5)


def test_streams_take_each_others_places(model):
    stepper = model.create_stepper(3)
    advance(stepper, [[1, 2, 3]])
    before = stepper.snapshot()["memory"]
    assert before.shape == (3, MEMORY) and len(np.unique(before, axis=0)) == 3
    stepper.select([2, 0, 2])
    assert np.array_equal(stepper.snapshot()["memory"], before[[2, 0, 2]])
