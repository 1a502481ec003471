"""Performance RNN's network: its state is all that passes from one call to the next."""

import pytest
import torch

from models.performance_rnn.network import PerformanceRNN, PerformanceRNNConfig
from models.performance_rnn.representation import CONTROLS, PREFERRED_VALUES

SMALL = PerformanceRNNConfig(steps_per_second=100, embedding=4, width=8, layers=3)


@pytest.fixture
def network():
    torch.manual_seed(0)
    return PerformanceRNN(SMALL).eval()


def inputs(batch=2, length=11):
    return torch.randint(0, 388, (batch, length)), torch.rand(batch, length, CONTROLS)


@pytest.mark.parametrize("sizes", [[1] * 11, [2] * 5 + [1], [3, 8], [11]])
def test_chunks_are_the_whole(network, sizes):
    event, controls = inputs()
    whole, *last = network(event, controls, *network.initial_state(2))
    state, parts = network.initial_state(2), []
    for part_of_event, part_of_controls in zip(event.split(sizes, 1), controls.split(sizes, 1), strict=True):
        logits, *state = network(part_of_event, part_of_controls, *state)
        parts.append(logits)
    assert whole.shape == (2, 11, 388)
    torch.testing.assert_close(torch.cat(parts, 1), whole)
    for found, expected in zip(state, last, strict=True):
        torch.testing.assert_close(found, expected)


def test_nothing_is_known_of_later_events(network):
    event, controls = inputs(batch=1)
    controls.requires_grad_()
    network(event, controls, *network.initial_state(1))[0][0, 4].sum().backward()
    reached = controls.grad[0].abs().sum(1) > 0
    assert reached.tolist() == [True] * 5 + [False] * 6


def test_keys_are_pressed_when_they_are_up_and_let_go_when_they_are_down(network):
    controls = torch.zeros(1, 1, CONTROLS)
    controls[..., PREFERRED_VALUES + 60] = 0.3
    logits, *_ = network(torch.tensor([[5]]), controls, *network.initial_state(1))
    chances = logits.softmax(-1)[0, 0]
    assert chances[60] < 1e-8 < chances[:60].min() and chances[128 + 60] > 1e-4
    assert chances[128:256].sum() - chances[128 + 60] < 1e-6
