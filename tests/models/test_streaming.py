import pytest
import torch

from models.velocity_transformer.network import CausalVelocityTransformer, VelocityTransformerConfig
from models.velocity_transformer.representation import HINTS, KEYS, PITCHES, SCALARS
from models.velocity_transformer.streaming import StreamingVelocityTransformer, cache_shape, written_column

CONFIG = VelocityTransformerConfig(width=24, layers=3, heads=2, head_width=8, feed_forward=32, window=12)


@pytest.fixture
def network():
    torch.manual_seed(0)
    network = CausalVelocityTransformer(CONFIG).eval()
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.add_(0.3 * torch.randn_like(parameter))  # biases too are not zero
    return network


def notes(length):
    keys = torch.randn(1, length, KEYS) * (torch.rand(1, length, KEYS) < 0.2)
    return torch.randint(PITCHES, (1, length)), torch.randint(HINTS, (1, length)), keys, torch.rand(1, length, len(SCALARS)) * 2


@pytest.mark.parametrize("sizes", [[1] * 30, [2] * 15, [3, 27], [11, 12, 7], [30]])
def test_the_same_answers_as_the_network_in_chunks_of_any_size(network, sizes):
    """From the first note, while the cache fills, and when it is full."""
    chunks = zip(*(tensor.split(sizes, 1) for tensor in notes(30)), strict=True)
    streaming = StreamingVelocityTransformer(network).eval()
    state, cache = network.initial_state(1), torch.zeros(cache_shape(CONFIG))
    with torch.no_grad():
        for chunk in chunks:
            expected, *state = network(*chunk, *state)
            found, cache = streaming(*chunk, cache)
            torch.testing.assert_close(found, expected, rtol=0, atol=2e-3)  # velocity steps


def test_the_cache_says_which_rows_were_written(network):
    streaming = StreamingVelocityTransformer(network).eval()
    _, cache = streaming(*notes(5), torch.zeros(cache_shape(CONFIG)))
    assert cache.shape == cache_shape(CONFIG)
    assert (cache[:-5] == 0).all() and (cache[-5:, written_column(CONFIG)] == 1).all()
    assert cache[:, written_column(CONFIG)].shape[1] == CONFIG.layers
