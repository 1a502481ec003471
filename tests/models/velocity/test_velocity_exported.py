"""The exported forms of the velocity transformers answer as the networks do."""

import pytest
import torch

from models.velocity.exported import (
    SingleLookaheadVelocityTransformer,
    VelocityAnswer,
    VelocityMemory,
    cache_names,
    row_width,
)
from models.velocity.network import CausalVelocityTransformer, LookaheadVelocityTransformer, VelocityTransformerConfig
from models.velocity.representation import HINTS, KEYS, LOOKAHEAD_SCALARS, MEMORY_DELAY_S, PITCHES, SCALARS

CONFIG = VelocityTransformerConfig(width=24, layers=3, heads=2, head_width=8, feed_forward=32, window=12)
NOTES = 30


def randomised(network):
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.add_(0.3 * torch.randn_like(parameter))  # biases too are not zero
    return network.eval()


@pytest.fixture
def network():
    torch.manual_seed(0)
    return randomised(CausalVelocityTransformer(CONFIG))


def notes(length, scalars=SCALARS):
    """Some of them nearly together, as in chords."""
    keys = torch.randn(length, KEYS) * (torch.rand(length, KEYS) < 0.2)
    described = torch.randint(PITCHES, (length,)), torch.randint(HINTS, (length,)), keys, torch.rand(length, len(scalars)) * 20
    return described, torch.cumsum(torch.tensor([0.3, 0.004, 0.012]).repeat(length)[:length], 0)


def empty(rows):
    return torch.zeros(rows, row_width(CONFIG))


@pytest.mark.parametrize("sizes", [[1] * 30, [2] * 15, [3, 27], [11, 12, 7], [30]])
def test_the_same_answers_as_the_network_in_chunks_of_any_size(network, sizes):
    """From the first note, while the memory fills, and when it is full."""
    described, onset_s = notes(NOTES)
    expected, *_ = network(*(tensor.unsqueeze(0) for tensor in (*described, onset_s)), *network.initial_state(1))
    memory, answer = VelocityMemory(network).eval(), VelocityAnswer(network).eval()
    caches = [empty(CONFIG.window - 1) for _ in cache_names(CONFIG)]
    rows = []
    for chunk in zip(*(tensor.split(sizes) for tensor in described), strict=True):
        made, *caches = memory(*chunk, *caches)
        rows.append(made)
    before = torch.cat((empty(CONFIG.window - 1), *rows))
    times_s = torch.cat((torch.full((CONFIG.window - 1,), torch.inf), onset_s))
    for index in range(NOTES):
        window = slice(index, index + CONFIG.window - 1)
        known = before[window] * (times_s[window] <= onset_s[index] - MEMORY_DELAY_S).unsqueeze(1)
        found = answer(*(tensor[index : index + 1] for tensor in described), known.unsqueeze(0))
        torch.testing.assert_close(found[0], expected[0, index], rtol=0, atol=2e-3)  # velocity steps


def test_rows_say_that_they_are_written(network):
    described, _ = notes(5)
    rows, *caches = VelocityMemory(network).eval()(*described, *(empty(CONFIG.window - 1) for _ in cache_names(CONFIG)))
    assert (rows[:, CONFIG.head_width] == 1).all()
    for cache in caches:
        assert (cache[:-5] == 0).all() and (cache[-5:, CONFIG.head_width] == 1).all()


def test_looking_ahead_the_same_answers():
    torch.manual_seed(0)
    network = randomised(LookaheadVelocityTransformer(CONFIG.model_copy(update={"looks_ahead": True})))
    described, _ = notes(NOTES, LOOKAHEAD_SCALARS)
    expected = network(*(tensor.unsqueeze(0) for tensor in described))[0]
    torch.testing.assert_close(SingleLookaheadVelocityTransformer(network)(*described), expected)
