"""The velocity transformers as they are exported: the same weights and answers for one stream, with few operators a note. PyTorch.

The causal one is two graphs. ``VelocityAnswer`` is what a note waits for; ``VelocityMemory`` may run when the note has left. A run of one
note is tens of small operators, whose number and weights, read from cold caches, are what it costs. So: no batch axis; a note's scalars
through ramps in place of soft bins; queries, key and value in one product; one cache a block, key and value side by side; biases and
residual sums inside the products; the quantiles' cumulative sums as a product; no mask for unwritten rows.
"""

from collections.abc import Iterable
from typing import cast

import torch
from torch import Tensor, nn
from torch.nn import functional

from models.layers.attention import MultiQueryAttention
from models.velocity.network import (
    BUMPS,
    MEDIAN,
    QUANTILE_LEVELS,
    Block,
    CausalVelocityTransformer,
    LookaheadVelocityTransformer,
    NoteEncoder,
    PedallingVelocityTransformer,
    VelocityTransformerConfig,
    describe_keys,
)

# A row is a note's key, a one, and its value. Each query weighs the one by this: against e^50, the rows of zeros that a stream
# starts with weigh nothing in the softmax. So the initial state is zeros, and nothing else need be known of it. Among written rows, the
# softmax's weights sum to one, so the same column brings a one along, for the bias of the layer after it.
WRITTEN_SCORE = 50.0
UNREACHED_SCORE = -1e4
CERTAIN = 10.0  # what the activation lets through unchanged


class VelocityAnswer(nn.Module):
    """The short path of ``CausalVelocityTransformer``: from a note and the memory of earlier notes to its velocity."""

    is_median: Tensor
    bias: Tensor

    def __init__(self, network: CausalVelocityTransformer):
        super().__init__()
        config = network.config
        block = cast(Block, network.blocks[-1])
        self.heads, self.head_width = config.heads, config.head_width
        self.encoder = StreamingEncoder(network.encoder)
        self.attention_norm, self.feed_forward_norm = block.attention_norm, block.feed_forward[0]
        self.query = _query(block.attention)
        self.output = block.attention.output
        self.expand, self.contract = _feed_forward(block)
        self.norm, self.head = network.head.norm, network.head.linear
        self.cumulate = _cumulation()
        self.register_buffer("bias", block.attention.bias.detach()[:, 1:].flip(1), persistent=False)  # [H, P], the latest last
        self.register_buffer("is_median", torch.arange(len(QUANTILE_LEVELS)) == MEDIAN, persistent=False)

    def forward(self, pitch: Tensor, hint: Tensor, keys: Tensor, scalars: Tensor, memory: Tensor) -> Tensor:
        """pitch, hint [T] int64; keys [T, 97]; scalars [T, 11]; memory [T, P, 2*D+1], each note's own, the latest row last.

        Returns quantiles [T, 17] in velocity steps.
        """
        x = self.encoder(pitch, hint, keys, scalars)  # [T, width]
        query = self.query(self.attention_norm(x)).view(-1, self.heads, self.head_width + 1)
        key, value = memory[..., : self.head_width + 1], memory[..., self.head_width + 1 :]
        scores = query @ key.transpose(1, 2) + self.bias  # [T, H, P]
        mixed = (scores.softmax(-1) @ value).flatten(1)  # [T, H*D]
        x = torch.addmm(x, mixed, self.output.weight.t()) + self.output.bias
        hidden = functional.gelu(self.expand(self.feed_forward_norm(x)), approximate="tanh")
        raw = self.head(self.norm(torch.addmm(x, hidden, self.contract.t())))  # [T, 17]
        return self.cumulate(torch.where(self.is_median, raw, functional.softplus(raw)))


class VelocityMemory(nn.Module):
    """The long path of ``CausalVelocityTransformer``: from notes to the rows of memory that later notes attend to."""

    def __init__(self, network: CausalVelocityTransformer):
        super().__init__()
        *memorising, answering = cast(Iterable[Block], network.blocks)
        self.window = network.config.window
        self.encoder = StreamingEncoder(network.encoder)
        self.blocks = nn.ModuleList(StreamingBlock(block, network.config) for block in memorising)
        self.norm, self.row = answering.attention_norm, _row(answering.attention)

    def forward(self, pitch: Tensor, hint: Tensor, keys: Tensor, scalars: Tensor, *caches: Tensor) -> tuple[Tensor, ...]:
        """pitch, hint [T] int64; keys [T, 97]; scalars [T, 11]; a cache [P, 2*D+1] for each block, zeros at the start.

        Returns rows of memory [T, 2*D+1], next caches.
        """
        x = self.encoder(pitch, hint, keys, scalars)  # [T, width]
        length, past_length = x.shape[0], caches[0].shape[0]
        distance = torch.arange(length).unsqueeze(1) + past_length - torch.arange(past_length + length)  # [T, P+T]
        reach = torch.where((distance >= 0) & (distance < self.window), 0.0, UNREACHED_SCORE)
        distance = distance.clamp(0, self.window - 1)
        next_caches = []
        for block, cache in zip(self.blocks, caches, strict=True):
            x, rows = block(x, cache, distance, reach)
            next_caches.append(rows[length:])
        return self.row(self.norm(x)), *next_caches


class SingleLookaheadVelocityTransformer(nn.Module):
    """``LookaheadVelocityTransformer`` for one window: no batch axis."""

    def __init__(self, network: LookaheadVelocityTransformer):
        super().__init__()
        self.network = network

    def forward(self, *described: Tensor) -> Tensor:
        """pitch, hint [T] int64; keys [T, 97]; scalars [T, 13]. Returns quantiles [T, 17] in velocity steps."""
        return self.network(*(tensor.unsqueeze(0) for tensor in described)).squeeze(0)


class SinglePedallingVelocityTransformer(nn.Module):
    """``PedallingVelocityTransformer`` for one window: no batch axis, and shares of 1 in place of logits."""

    def __init__(self, network: PedallingVelocityTransformer):
        super().__init__()
        self.network = network

    def forward(self, *described: Tensor) -> tuple[Tensor, Tensor]:
        """Return quantiles [T, 17], and how likely each of PEDAL_MOVES is [T, 2]."""
        quantiles, moves = self.network.perform(*(tensor.unsqueeze(0) for tensor in described))
        return quantiles.squeeze(0), moves.squeeze(0).sigmoid()


class StreamingEncoder(nn.Module):
    """A ``NoteEncoder``: what is linear between the centres of its soft bins is a sum of ramps, one from each centre on."""

    low: Tensor

    def __init__(self, encoder: NoteEncoder):
        super().__init__()
        self.register_buffer("low", encoder.low, persistent=False)
        self.hint, self.keys = encoder.hint, encoder.keys
        self.ramps, self.scalars, constant = _ramps(encoder)
        self.pitch = nn.Embedding.from_pretrained(encoder.pitch.weight.detach() + constant)

    def forward(self, pitch: Tensor, hint: Tensor, keys: Tensor, scalars: Tensor) -> Tensor:
        ramps = functional.relu(self.ramps(torch.maximum(scalars, self.low).log()))  # [T, S * (BUMPS + 1)]
        described = torch.addmm(self.pitch(pitch), ramps, self.scalars.t())
        return torch.addmm(described, describe_keys(keys), self.keys.weight.t()) + self.hint(hint)  # [T, width]


class StreamingBlock(nn.Module):
    """A ``Block`` without batch axis."""

    def __init__(self, block: Block, config: VelocityTransformerConfig):
        super().__init__()
        self.heads, self.row_width = config.heads, row_width(config)
        self.attention_norm, self.feed_forward_norm = block.attention_norm, block.feed_forward[0]
        self.projection, self.bias = _projection(block.attention), block.attention.bias
        self.output = _output(block.attention)
        self.expand, self.contract = _feed_forward(block)

    def forward(self, x: Tensor, cache: Tensor, distance: Tensor, reach: Tensor) -> tuple[Tensor, Tensor]:
        """x [T, width]; cache [P, 2*D+1]; distance, reach [T, P+T]. Returns the next x and all rows [P+T, 2*D+1]."""
        query, row = self.projection(self.attention_norm(x)).split((self.heads * self.row_width, self.row_width), 1)
        rows = torch.cat((cache, row))
        bias = (self.bias[:, distance] + reach).transpose(0, 1).flatten(0, 1)  # [T*H, P+T]
        scores = torch.addmm(bias, query.reshape(-1, self.row_width), rows.t())
        mixed = (scores.softmax(-1) @ rows).reshape(-1, self.heads * self.row_width)
        x = torch.addmm(x, mixed, self.output.t())
        hidden = functional.gelu(self.expand(self.feed_forward_norm(x)), approximate="tanh")
        return torch.addmm(x, hidden, self.contract.t()), rows


def row_width(config: VelocityTransformerConfig) -> int:
    """Return the width of a cache's row: key, the column that says that it is written, value."""
    return 2 * config.head_width + 1


def cache_names(config: VelocityTransformerConfig) -> list[str]:
    """Return the names of the memory's states, each of the shape (window - 1, row_width)."""
    return [f"cache_{block}" for block in range(config.layers - 1)]


def _ramps(encoder: NoteEncoder) -> tuple[nn.Linear, nn.Parameter, Tensor]:
    """Return the layer from the logarithms of S scalars to ramps, the ramps' weights [width, S * (BUMPS + 1)], and a constant [width]."""
    scalars, ramps = len(encoder.low), BUMPS + 1
    layer = nn.Linear(scalars, scalars * ramps)
    weights = encoder.scalars.weight.detach().view(-1, scalars, BUMPS)  # of the bumps
    padded = functional.pad(weights, (1, 2))  # none before the first, and none from the one after the last on
    bends = padded[..., 2:] - 2 * padded[..., 1:-1] + padded[..., :-2]  # change of slope at each centre
    bends = torch.cat(((weights[..., 1] - weights[..., 0]).unsqueeze(-1), bends[..., 1:]), -1)  # scalars begin at the first centre
    with torch.no_grad():
        layer.weight.copy_(torch.block_diag(*encoder.scale.view(-1, 1, 1).expand(-1, ramps, 1)))
        layer.bias.copy_((-(encoder.low.log() * encoder.scale).unsqueeze(1) - torch.arange(ramps)).flatten())
    return layer, nn.Parameter(bends.flatten(1)), encoder.scalars.bias.detach() + weights[..., 0].sum(-1)


def _query(attention: MultiQueryAttention) -> nn.Linear:
    """Queries, scaled, each with the weight of the written column."""
    heads, head_width = attention.heads, attention.head_width
    queries = attention.query.weight.detach().view(heads, head_width, -1) * head_width**-0.5
    layer = nn.Linear(queries.shape[-1], heads * (head_width + 1))
    with torch.no_grad():
        layer.weight.copy_(functional.pad(queries, (0, 0, 0, 1)).flatten(0, 1))
        layer.bias.zero_().view(heads, -1)[:, -1] = WRITTEN_SCORE
    return layer


def _row(attention: MultiQueryAttention) -> nn.Linear:
    """Key, one, value."""
    key, value = attention.key_value.weight.detach().chunk(2)
    weight = torch.cat((functional.pad(key, (0, 0, 0, 1)), value))
    layer = nn.Linear(weight.shape[1], weight.shape[0])
    with torch.no_grad():
        layer.weight.copy_(weight)
        layer.bias.zero_()[attention.head_width] = 1.0
    return layer


def _projection(attention: MultiQueryAttention) -> nn.Linear:
    """Queries, which ask nothing of the value, and row as one layer."""
    query, row, heads = _query(attention), _row(attention), attention.heads
    layer = nn.Linear(row.in_features, (heads + 1) * row.out_features)
    value = row.out_features - attention.head_width - 1
    with torch.no_grad():
        queries = query.weight.view(heads, attention.head_width + 1, -1)
        layer.weight.copy_(torch.cat((functional.pad(queries, (0, 0, 0, value)).flatten(0, 1), row.weight)))
        layer.bias.copy_(torch.cat((functional.pad(query.bias.view(heads, -1), (0, value)).flatten(), row.bias)))
    return layer


def _output(attention: MultiQueryAttention) -> nn.Parameter:
    """The output layer for mixed rows: nothing of the keys, its bias by the first head's one, the values."""
    heads, head_width = attention.heads, attention.head_width
    values = attention.output.weight.detach().view(-1, heads, head_width)
    weight = functional.pad(values, (1 + head_width, 0))
    weight[:, 0, head_width] = attention.output.bias.detach()
    return nn.Parameter(weight.flatten(1))


def _feed_forward(block: Block) -> tuple[nn.Linear, nn.Parameter]:
    """The layer before the activation, with one unit more that is always CERTAIN, and the weights after it, which have the bias there."""
    first, last = cast(nn.Linear, block.feed_forward[1]), cast(nn.Linear, block.feed_forward[3])
    layer = nn.Linear(first.in_features, first.out_features + 1)
    with torch.no_grad():
        layer.weight.copy_(functional.pad(first.weight, (0, 0, 0, 1)))
        layer.bias.copy_(functional.pad(first.bias, (0, 1), value=CERTAIN))
    return layer, nn.Parameter(torch.cat((last.weight, last.bias.unsqueeze(1) / CERTAIN), 1).detach())


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
