import numpy as np
import pytest
import torch

from models.velocity.article_decoding import choose, predict_velocities
from models.velocity.article_network import (
    ArticleNetwork,
    ArticleNetworkConfig,
    DecoderCache,
    DecoderLayer,
    EncoderLayer,
    LayerCache,
    sinusoids,
)
from models.velocity.article_representation import BLANK, SOURCE_VOCABULARY, SPECIAL_TOKENS, START, TARGET_VOCABULARY

SMALL = ArticleNetworkConfig(layers=2, heads=2, width=16, feed_forward=32)


@pytest.fixture
def network():
    torch.manual_seed(0)
    return ArticleNetwork(SMALL).eval()


@pytest.fixture
def source():
    return torch.randint(SPECIAL_TOKENS, SOURCE_VOCABULARY, (2, 13), generator=torch.Generator().manual_seed(1))


@pytest.fixture
def target():
    return torch.randint(SPECIAL_TOKENS, TARGET_VOCABULARY, (2, 11), generator=torch.Generator().manual_seed(2))


def takes(*lengths):
    rng = np.random.default_rng(3)
    return [rng.integers(SPECIAL_TOKENS, SOURCE_VOCABULARY, length) for length in lengths]


def test_the_article_s_sizes_give_45_million_parameters():
    with torch.device("meta"):
        network = ArticleNetwork(ArticleNetworkConfig())
    assert sum(parameter.numel() for parameter in network.parameters()) == 45_492_867


def test_positions_are_the_sines_and_cosines_of_the_transformer_paper():
    table = sinusoids(50, 16)
    assert table[0].tolist() == [0.0, 1.0] * 8
    assert table[7, 4] == pytest.approx(np.sin(7 / 10_000 ** (4 / 16)))
    assert table[7, 5] == pytest.approx(np.cos(7 / 10_000 ** (4 / 16)))


def copy_attention(mine, reference):
    weights = torch.cat([part.weight for part in (mine.query, mine.key, mine.value)])
    biases = torch.cat([part.bias for part in (mine.query, mine.key, mine.value)])
    reference.load_state_dict(
        {"in_proj_weight": weights, "in_proj_bias": biases, "out_proj.weight": mine.output.weight, "out_proj.bias": mine.output.bias}
    )


def copy_layer(mine, reference, norms):
    reference.linear1.load_state_dict(mine.feed_forward[0].state_dict())
    reference.linear2.load_state_dict(mine.feed_forward[3].state_dict())
    copy_attention(mine.attention, reference.self_attn)
    for number, norm in enumerate(norms, start=1):
        torch.nn.init.normal_(norm.weight)
        getattr(reference, f"norm{number}").load_state_dict(norm.state_dict())


@torch.inference_mode()
def test_an_encoder_layer_equals_pytorch_s():
    torch.manual_seed(0)
    mine = EncoderLayer(SMALL).eval()
    reference = torch.nn.TransformerEncoderLayer(16, 2, 32, batch_first=True, norm_first=True, layer_norm_eps=1e-6).eval()
    copy_layer(mine, reference, (mine.attention_norm, mine.feed_forward_norm))
    x = torch.randn(2, 9, 16)
    torch.testing.assert_close(mine(x, torch.ones(2, 1, 1, 9, dtype=torch.bool)), reference(x))


@torch.inference_mode()
def test_a_decoder_layer_equals_pytorch_s():
    torch.manual_seed(0)
    mine = DecoderLayer(SMALL).eval()
    reference = torch.nn.TransformerDecoderLayer(16, 2, 32, batch_first=True, norm_first=True, layer_norm_eps=1e-6).eval()
    copy_layer(mine, reference, (mine.attention_norm, mine.source_attention_norm, mine.feed_forward_norm))
    copy_attention(mine.source_attention, reference.multihead_attn)
    x, memory = torch.randn(2, 7, 16), torch.randn(2, 9, 16)
    allowed = torch.ones(7, 7, dtype=torch.bool).tril()
    y, _ = mine(x, mine.start(memory), allowed, torch.ones(2, 1, 1, 9, dtype=torch.bool))
    torch.testing.assert_close(y, reference(x, memory, tgt_mask=~allowed))


@pytest.mark.parametrize("chunk", [1, 2, 3, 5, 11])
def test_decoding_in_chunks_equals_decoding_at_once(network, source, target, chunk):
    with torch.inference_mode():
        cache, parts = network.encode(source), []
        for tokens in target.split(chunk, dim=1):
            logits, cache = network.decode(tokens, cache)
            parts.append(logits)
        torch.testing.assert_close(torch.cat(parts, dim=1), network(source, target), atol=1e-5, rtol=1e-5)


def test_decoding_leaves_the_cache_it_was_given_as_it_was(network, source, target):
    with torch.inference_mode():
        cache = network.encode(source)
        first, _ = network.decode(target, cache)
        second, _ = network.decode(target, cache)
    assert torch.equal(first, second)


def test_a_velocity_does_not_depend_on_later_velocities(network, source, target):
    embedded = []
    network.target_embedding.register_forward_hook(lambda module, inputs, output: embedded.append(output) or output.retain_grad())
    network(source, target)[:, 4].sum().backward()
    reached = embedded[0].grad.abs().sum(dim=(0, 2)) > 0  # [T]
    assert reached.tolist() == [True] * 5 + [False] * 6


def test_blanks_after_a_short_source_change_nothing(network, source, target):
    padded = torch.cat((source, torch.full((2, 4), BLANK)), dim=1)
    with torch.inference_mode():
        torch.testing.assert_close(network(padded, target), network(source, target))


def test_neither_special_tokens_nor_a_silent_velocity_are_chosen():
    logits = torch.zeros(4, TARGET_VOCABULARY)
    logits[:, : SPECIAL_TOKENS + 1] = 100.0
    logits[:, SPECIAL_TOKENS + 90] = 50.0
    assert choose(logits, temperature=0).tolist() == [90] * 4
    assert choose(logits, temperature=1, generator=torch.Generator().manual_seed(0)).tolist() == [90] * 4


def test_every_note_of_every_take_gets_a_velocity(network):
    lengths = (0, 1, 127, 128, 129, 200, 300)
    predicted = predict_velocities(network, takes(*lengths))
    assert tuple(map(len, predicted)) == lengths
    assert all(((velocities >= 1) & (velocities <= 127)).all() for velocities in predicted)
    assert predict_velocities(network, []) == []


def test_takes_decoded_side_by_side_equal_takes_decoded_alone(network):
    together = predict_velocities(network, takes(50, 140, 300))
    alone = [predict_velocities(network, [take])[0] for take in takes(50, 140, 300)]
    assert all((a == b).all() for a, b in zip(together, alone, strict=True))


def test_sampling_is_a_function_of_the_generator(network):
    first, second, other = (predict_velocities(network, takes(40), 1.0, torch.Generator().manual_seed(seed))[0] for seed in (5, 5, 6))
    assert (first == second).all()
    assert (first != other).any()


class Counter(ArticleNetwork):
    """Each velocity is one more than the one before it: whoever forgets the last velocity starts again at 1."""

    def encode(self, source):
        empty = torch.zeros(len(source), 1, 0, 1)
        return DecoderCache(source[:, None, None] != BLANK, (LayerCache(empty, empty, empty, empty),))

    def decode(self, target, cache):
        following = torch.where(target == START, SPECIAL_TOKENS + 1, target + 1)
        return torch.nn.functional.one_hot(following, 1000).float(), cache


def test_velocities_carry_over_from_window_to_window():
    predicted = predict_velocities(Counter(SMALL), takes(300, 130))
    assert [velocities.tolist() for velocities in predicted] == [list(range(1, 301)), list(range(1, 131))]


class Place(ArticleNetwork):
    """Each velocity is the note's place in its window, from 1."""

    def encode(self, source):
        empty = torch.zeros(len(source), 1, 0, 1)
        return DecoderCache(source[:, None, None] != BLANK, (LayerCache(empty, empty, empty, empty),))

    def decode(self, target, cache):
        (layer,) = cache.layers
        grown = torch.zeros(len(target), 1, cache.length + target.shape[1], 1)
        places = torch.arange(cache.length, grown.shape[2]).expand(len(target), -1) + SPECIAL_TOKENS + 1
        return torch.nn.functional.one_hot(places, 1000).float(), cache._replace(layers=(layer._replace(keys=grown),))


def test_what_a_window_committed_stays_whatever_its_neighbours_in_the_batch_need():
    predicted = predict_velocities(Place(SMALL), takes(300, 130))
    halves = [*range(1, 129), *range(65, 129), *range(65, 129), *range(85, 129)]
    assert predicted[0].tolist() == halves
    assert predicted[1].tolist() == [*range(1, 129), 127, 128]
