"""The streaming velocity transformers: causality, and that chunks, batches and streams change nothing."""

import numpy as np
import pytest
import torch

from models.velocity.network import (
    MEDIAN,
    QUANTILE_LEVELS,
    CausalVelocityTransformer,
    LookaheadVelocityTransformer,
    VelocityTransformerConfig,
    pinball_loss,
)
from models.velocity.representation import HINTS, KEYS, LOOKAHEAD_SCALARS, PITCHES, SCALARS

SMALL = {"width": 16, "layers": 2, "heads": 2, "head_width": 8, "feed_forward": 32, "window": 6}
NOTES = 23


@pytest.fixture
def causal():
    torch.manual_seed(0)
    network = CausalVelocityTransformer(VelocityTransformerConfig(**SMALL)).eval()
    for block in network.blocks:
        torch.nn.init.normal_(block.attention.bias)
    return network


def random_notes(batch=1, notes=NOTES, scalars=SCALARS, seed=0):
    """A tenth of a second apart."""
    generator = torch.Generator().manual_seed(seed)
    return (
        torch.randint(0, PITCHES, (batch, notes), generator=generator),
        torch.randint(0, HINTS, (batch, notes), generator=generator),
        torch.randn(batch, notes, KEYS, generator=generator),
        torch.rand(batch, notes, len(scalars), generator=generator) * 3,
        (torch.arange(notes) * 0.1).expand(batch, -1),
    )


def stream(network, notes, chunk, state=None):
    state = state or network.initial_state(len(notes[0]))
    outputs = []
    for part in zip(*(tensor.split(chunk, 1) for tensor in notes), strict=True):
        quantiles, *state = network(*part, *state)
        outputs.append(quantiles)
    return torch.cat(outputs, 1), state


@pytest.mark.parametrize("chunk", [1, 2, 3, 5, 7, 22])
def test_chunks_equal_the_whole(causal, chunk):
    notes = random_notes()
    whole, whole_state = stream(causal, notes, NOTES)
    chunked, state = stream(causal, notes, chunk)
    torch.testing.assert_close(chunked, whole, atol=1e-4, rtol=0)
    torch.testing.assert_close(state[0], whole_state[0], atol=1e-5, rtol=0)
    torch.testing.assert_close(state[1], notes[-1][:, 1 - SMALL["window"] :], atol=0, rtol=0)


def test_no_note_hears_the_future_and_each_hears_its_own_reach(causal):
    notes = random_notes()
    keys = notes[2].requires_grad_()
    quantiles, _ = stream(causal, notes, NOTES)
    quantiles[0, 12, MEDIAN].backward()
    heard = keys.grad[0].abs().sum(-1) > 0
    reach = SMALL["layers"] * (SMALL["window"] - 1)
    assert heard.tolist() == [12 - reach <= note <= 12 for note in range(NOTES)]


def test_the_notes_of_a_chord_do_without_each_others_memory(causal):
    *notes, onset_s = random_notes()
    keys = notes[2].requires_grad_()
    onset_s = onset_s.clone()
    onset_s[0, 10:13] = onset_s[0, 10] + torch.tensor([0.0, 0.004, 0.009])
    quantiles, _ = stream(causal, (*notes, onset_s), 4)
    quantiles[0, 12, MEDIAN].backward()
    heard = keys.grad[0].abs().sum(-1) > 0
    assert heard[9] and heard[12] and not heard[10] and not heard[11]


def test_streams_in_a_batch_do_not_mix(causal):
    notes = random_notes(batch=3)
    together, _ = stream(causal, notes, 4)
    alone, _ = stream(causal, tuple(tensor[1:2] for tensor in notes), 4)
    torch.testing.assert_close(together[1:2], alone, atol=1e-4, rtol=0)


def test_what_lies_in_unwritten_rows_of_the_cache_does_not_matter(causal):
    notes = random_notes()
    clean, _ = stream(causal, notes, 4)
    cache, cache_onset_s = causal.initial_state(1)
    dirty, _ = stream(causal, notes, 4, [cache + 7.0, cache_onset_s])
    torch.testing.assert_close(dirty, clean, atol=1e-4, rtol=0)


def test_a_state_kept_and_gone_back_to_gives_the_same_again(causal):
    notes = random_notes()
    first, rest = (tuple(tensor[:, a:b] for tensor in notes) for a, b in ((0, 9), (9, NOTES)))
    _, state = stream(causal, first, 3)
    once, _ = stream(causal, rest, 3, state)
    stream(causal, random_notes(seed=1), 3, state)
    again, _ = stream(causal, rest, 3, state)
    torch.testing.assert_close(again, once, atol=0, rtol=0)


def test_quantiles_rise(causal):
    quantiles, _ = stream(causal, random_notes(), NOTES)
    assert (quantiles.diff(dim=-1) > 0).all()


def test_looking_ahead_hears_both_sides():
    torch.manual_seed(0)
    config = VelocityTransformerConfig(**SMALL, looks_ahead=True)
    network = LookaheadVelocityTransformer(config).eval()
    pitch, hint, keys, scalars, _ = random_notes(scalars=LOOKAHEAD_SCALARS)
    keys.requires_grad_()
    network(pitch, hint, keys, scalars)[0, 11, MEDIAN].backward()
    heard = keys.grad[0].abs().sum(-1) > 0
    reach = SMALL["layers"] * (SMALL["window"] - 1)
    assert heard.tolist() == [abs(note - 11) <= reach for note in range(NOTES)]


def test_the_pinball_loss_is_least_at_the_true_quantiles():
    velocity = torch.from_numpy(np.random.default_rng(0).normal(64, 12, 20_000).astype(np.float32))
    true = torch.from_numpy(np.quantile(velocity.numpy(), QUANTILE_LEVELS).astype(np.float32))

    def loss(quantiles):
        return pinball_loss(quantiles.expand(1, len(velocity), -1), velocity[None]).mean()

    assert loss(true) < min(loss(true + 3), loss(true - 3), loss(64 + (true - 64) * 1.3), loss(64 + (true - 64) * 0.7))
