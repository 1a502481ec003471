"""The causal velocity transformer as it is exported: one stream, the same weights and answers, the fewest operators at one note a run.

A run of one note is tens of small operators, and their number, not their arithmetic, is what it costs. So: no batch axis inside; queries,
key and value in one product, scores and position bias in one; the quantiles' cumulative sums as a product; no mask for unwritten rows.
"""

from collections.abc import Iterable
from typing import cast

import torch
from torch import Tensor, nn
from torch.nn import functional

from models.velocity_transformer.network import (
    MEDIAN,
    QUANTILE_LEVELS,
    Attention,
    Block,
    CausalVelocityTransformer,
    VelocityTransformerConfig,
)

# A written row of the cache has a one in an extra column of its key, which each query weighs by this: against e^50, the rows of zeros
# that a stream starts with weigh nothing in the softmax. So the initial state is zeros, and nothing else need be known of it.
WRITTEN_SCORE = 50.0
UNREACHED_SCORE = -1e4


class StreamingVelocityTransformer(nn.Module):
    """``network`` for a batch of one; the projections of its attention are copied, the rest is shared."""

    is_median: Tensor

    def __init__(self, network: CausalVelocityTransformer):
        super().__init__()
        self.config = network.config
        self.encoder, self.norm, self.head = network.encoder, network.head.norm, network.head.linear
        self.blocks = nn.ModuleList(StreamingBlock(block, network.config) for block in cast(Iterable[Block], network.blocks))
        self.cumulate = _cumulation()
        self.register_buffer("is_median", torch.arange(len(QUANTILE_LEVELS)) == MEDIAN, persistent=False)

    def forward(self, pitch: Tensor, hint: Tensor, keys: Tensor, scalars: Tensor, cache: Tensor) -> tuple[Tensor, Tensor]:
        """pitch, hint [1, T] int64; keys [1, T, 97]; scalars [1, T, 11]; cache [P, L*(2*D+1)], see ``cache_shape``; zeros at the start.

        Returns quantiles [1, T, 17] in velocity steps, next cache.
        """
        x = self.encoder(pitch[0], hint[0], keys[0], scalars[0])  # [T, width]
        length, past_length, head_width = x.shape[0], cache.shape[0], self.config.head_width
        distance = torch.arange(length).unsqueeze(1) + past_length - torch.arange(past_length + length)  # [T, P+T]
        reach = torch.where((distance >= 0) & (distance < self.config.window), 0.0, UNREACHED_SCORE)
        distance = distance.clamp(0, self.config.window - 1)
        past = cache.split((head_width + 1, head_width) * len(self.blocks), 1)  # keys and values, layer by layer
        rows: list[Tensor] = []
        for block, past_key, past_value in zip(self.blocks, past[::2], past[1::2], strict=True):
            x, key, value = block(x, past_key, past_value, distance, reach)
            rows += (key, value)
        raw = self.head(self.norm(x))  # [T, 17]
        quantiles = self.cumulate(torch.where(self.is_median, raw, functional.softplus(raw)))
        return quantiles.unsqueeze(0), torch.cat((cache, torch.cat(rows, 1)))[length:]


class StreamingBlock(nn.Module):
    """A ``Block`` without batch axis, its three projections as one."""

    def __init__(self, block: Block, config: VelocityTransformerConfig):
        super().__init__()
        self.heads, self.head_width = config.heads, config.head_width
        self.norm, self.feed_forward = block.attention_norm, block.feed_forward
        self.projection = _projection(block.attention)
        self.bias, self.output = block.attention.bias, block.attention.output

    def forward(self, x: Tensor, past_key: Tensor, past_value: Tensor, distance: Tensor, reach: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """x [T, width]; past_key [P, D+1]; past_value [P, D]; distance, reach [T, P+T]. Returns the next x, the new keys and values."""
        heads, key_width, value_width = self.heads, self.head_width + 1, self.head_width
        query, key, value = self.projection(self.norm(x)).split((heads * key_width, key_width, value_width), 1)
        bias = (self.bias[:, distance] + reach).transpose(0, 1).flatten(0, 1)  # [T*H, P+T]
        scores = torch.addmm(bias, query.reshape(-1, key_width), torch.cat((past_key, key)).t())
        mixed = scores.softmax(-1) @ torch.cat((past_value, value))  # [T*H, D]
        x = x + self.output(mixed.reshape(-1, heads * value_width))
        return x + self.feed_forward(x), key, value


def cache_shape(config: VelocityTransformerConfig) -> tuple[int, int]:
    """Return the shape of the state: a row for each of the last ``window - 1`` notes, of each layer's key, written column and value."""
    return config.window - 1, config.layers * (2 * config.head_width + 1)


def written_column(config: VelocityTransformerConfig) -> slice:
    """Return the columns of the cache that hold ones in written rows."""
    return slice(config.head_width, None, 2 * config.head_width + 1)


def _projection(attention: Attention) -> nn.Linear:
    """Queries (scaled, each with the weight of the written column), key (with its one) and value as one layer."""
    heads, head_width = attention.heads, attention.head_width
    queries = attention.query.weight.detach().view(heads, head_width, -1) * head_width**-0.5
    key, value = attention.key_value.weight.detach().chunk(2)
    weight = torch.cat((functional.pad(queries, (0, 0, 0, 1)).flatten(0, 1), functional.pad(key, (0, 0, 0, 1)), value))
    layer = nn.Linear(weight.shape[1], weight.shape[0])
    with torch.no_grad():
        layer.weight.copy_(weight)
        layer.bias.zero_()
        layer.bias[: heads * (head_width + 1)].view(heads, head_width + 1)[:, -1] = WRITTEN_SCORE
        layer.bias[heads * (head_width + 1) + head_width] = 1.0
    return layer


def _cumulation() -> nn.Linear:
    """``QuantileHead``'s last part, the median and the steps away from it on both sides -> quantiles, as one layer."""
    index = torch.arange(len(QUANTILE_LEVELS))
    quantile, step = index.unsqueeze(1), index.unsqueeze(0)
    layer = nn.Linear(len(index), len(index))
    with torch.no_grad():
        layer.weight.copy_(4.0 * ((step > MEDIAN) & (step <= quantile)) - 4.0 * ((step < MEDIAN) & (step >= quantile)))
        layer.weight[:, MEDIAN] = 20.0
        layer.bias.fill_(65.0)
    return layer
