"""ScorePerformer as it is exported: one piece, without a batch axis, in three graphs, with as few operations a note as possible.

A note of the decoder takes many small operations, and their number is its cost. Results that depend on the score alone are computed when
the score is read. Products of constant matrices are multiplied out in advance, products with a common input are joined, and the logits of
all fields are one product.
"""

from collections.abc import Iterable
from typing import cast

import torch
from torch import Tensor, nn
from torch.nn import functional

from models.score_performer.layers import AdaptiveNorm, Block
from models.score_performer.network import ScorePerformer, masked
from models.score_performer.style import style_of
from models.score_performer.vocabulary import PERFORMED_FIELDS, SPECIALS

UNSEEN = -1e4  # what is added to a score of attention that is not to count


class ScoreReader(nn.Module):
    """A window of the score's notes -> the decoder's context, and the expected style and tempo."""

    table: Tensor
    offset: Tensor

    def __init__(self, network: ScorePerformer):
        super().__init__()
        self.encoder, self.expected_style, self.expected_tempo = network.score_encoder, network.expected_style, network.expected_tempo
        self.embedding = network.decoder.embedding
        join = network.decoder.join
        with torch.no_grad():
            of_previous, of_current, of_context = join.weight.split(network.config.width, 1)
            self.register_buffer("table", network.values(), persistent=False)
            self.register_buffer("offset", join.bias + of_previous @ self.embedding.linear.bias, persistent=False)
            self.join = _fixed(torch.cat((of_current, of_context), 1))

    def forward(self, tokens: Tensor, *features: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """tokens [T, 16] int64; features [T, F], if the network reads them -> [T, width], [T, style_width], [T, 1]."""
        read = features[0].unsqueeze(0) if features else tokens.new_zeros((1, tokens.shape[0], 0), dtype=torch.float32)
        context, tempo = (found.squeeze(0) for found in self.encoder(self.table, tokens.unsqueeze(0), read, _all_valid(tokens)))
        current = self.embedding(self.table, masked(tokens).unsqueeze(0)).squeeze(0)
        joined = self.join(torch.cat((current, context), -1)) + self.offset
        return joined, self.expected_style(context), self.expected_tempo(context, tempo).unsqueeze(-1)


class NoteDecoder(nn.Module):
    """``PerformanceDecoder`` for one performance: one note a call, with the whole memory as input and output.

    The memory of a layer is a ring buffer with one row a note in reach, including the current one. A row holds key and value side by side,
    and queries have zeros in the value's columns, so that rows need not be split.
    """

    table: Tensor
    first_rows: Tensor
    bias: Tensor
    places: Tensor

    def __init__(self, network: ScorePerformer):
        super().__init__()
        decoder, self.sizes = network.decoder, network.config
        blocks = list(cast(Iterable[Block], decoder.blocks))
        self.blocks = nn.ModuleList(_NoteBlock(block) for block in blocks)
        self.embedding_norm, self.head_norm = decoder.embedding.norm, decoder.head_norm
        norms = [norm for block in blocks for norm in (block.attention_norm, block.feed_forward_norm)]
        columns = [column for field in PERFORMED_FIELDS for column in range(*_span(field, self.sizes.field_width))]
        with torch.no_grad():
            table = network.values()
            self.register_buffer("table", table, persistent=False)
            self.register_buffer("first_rows", decoder.embedding.first_rows, persistent=False)
            self.register_buffer("bias", torch.cat([block.attention.bias for block in blocks]).T.clone(), persistent=False)
            self.register_buffer("places", torch.arange(self.sizes.window), persistent=False)
            self.previous = _fixed(decoder.join.weight[:, : self.sizes.width] @ decoder.embedding.linear.weight)
            self.moves = _all_moves([*norms, decoder.norm])
            self.head = _fixed(decoder.embedding.linear.weight[:, columns].T)
            values = [table[decoder.starts[field] + SPECIALS : decoder.starts[field + 1]] for field in PERFORMED_FIELDS]
            self.logits = _fixed(torch.block_diag(*values) * self.sizes.field_width**-0.5, torch.cat(list(decoder.biases)))

    def forward(self, previous: Tensor, context: Tensor, style: Tensor, *state: Tensor) -> tuple[Tensor, ...]:
        """previous [1, 16] int64, see PerformanceDecoder; context [1, width] of ScoreReader; style [1, style_width]; the state:
        [window, 2*D] for each layer, then the number of notes so far, ``passed`` [1] int64.

        Returns logits [1, values of all performed fields], next state.
        """
        *caches, passed = state
        place = passed % self.sizes.window
        distance = (place - self.places) % self.sizes.window
        unseen = torch.where(distance > passed, UNSEEN, 0.0)
        biases = (functional.embedding(distance, self.bias).T + unseen).split(self.sizes.heads)  # [heads, window] of each layer
        moves = self.moves(style).flatten().split(self.sizes.width)
        x = self.previous(self.embedding_norm(functional.embedding(previous + self.first_rows, self.table).flatten(1))) + context
        next_caches = []
        for index, (block, cache, bias) in enumerate(zip(self.blocks, caches, biases, strict=True)):
            x, memory = block(x, moves[4 * index : 4 * index + 4], cache, place, bias)
            next_caches.append(memory)
        vectors = self.head_norm(self.head(_moved(x, *moves[-2:])))
        return self.logits(vectors), *next_caches, passed + 1


class _NoteBlock(nn.Module):
    def __init__(self, block: Block):
        super().__init__()
        attention = block.attention
        self.heads, width = attention.heads, attention.head_width
        with torch.no_grad():
            query = attention.query.weight.unflatten(0, (self.heads, width)) * width**-0.5
            output = attention.output.weight.unflatten(1, (self.heads, width))
            query = torch.cat((query, torch.zeros_like(query)), 1).flatten(0, 1)
            self.query_key_value = _fixed(torch.cat((query, attention.key_value.weight)))  # [heads * 2*D + 2*D, width]
            self.output = _fixed(torch.cat((torch.zeros_like(output), output), 2).flatten(1), attention.output.bias)
        self.expand, self.contract = block.expand, block.contract

    def forward(self, x: Tensor, moves: tuple[Tensor, ...], cache: Tensor, place: Tensor, bias: Tensor) -> tuple[Tensor, Tensor]:
        """Return x [1, width] and the keys and values [window, 2*D] of ``cache`` with this note's at ``place`` [1]."""
        query, key_value = self.query_key_value(_moved(x, *moves[:2])).reshape(self.heads + 1, -1).split((self.heads, 1))
        memory = cache.index_put((place,), key_value)
        mixed = (query @ memory.T + bias).softmax(-1) @ memory  # [heads, 2*D]
        x = x + self.output(mixed.reshape(1, -1))
        linear, gate = self.expand(_moved(x, *moves[2:])).chunk(2, -1)
        return x + self.contract(linear * functional.silu(gate)), memory


class StyleReader(nn.Module):
    """``StyleEncoder`` for one window: the style of a performance by note."""

    table: Tensor

    def __init__(self, network: ScorePerformer):
        super().__init__()
        self.encoder = network.style_encoder
        with torch.no_grad():
            self.register_buffer("table", network.values(), persistent=False)

    def forward(self, tokens: Tensor, segments: Tensor) -> Tensor:
        """tokens [T, 16] int64; segments [T, 3] int64, bar, beat and onset, each from 0 to T - 1 -> style [T, style_width]."""
        levels = self.encoder(self.table, tokens.unsqueeze(0), segments.unsqueeze(0), _all_valid(tokens))
        return style_of(levels).squeeze(0)


def _all_valid(tokens: Tensor) -> Tensor:
    return torch.ones_like(tokens[None, :, 0], dtype=torch.bool)


def _span(field: int, width: int) -> tuple[int, int]:
    return field * width, (field + 1) * width


def _fixed(weight: Tensor, bias: Tensor | None = None) -> nn.Linear:
    """Return a linear layer with this weight [outputs, inputs]."""
    layer = nn.Linear(weight.shape[1], weight.shape[0], bias=bias is not None)
    layer.weight.copy_(weight)
    if bias is not None:
        layer.bias.copy_(bias)
    return layer


def _all_moves(norms: list[AdaptiveNorm]) -> nn.Linear:
    """Return one layer from a style to the scale and then the shift of every norm."""
    layers = [cast(nn.Linear, norm.scale_shift) for norm in norms]
    biases = [layer.bias + torch.cat([torch.full((len(layer.bias) // 2,), value) for value in (1.0, 0.0)]) for layer in layers]
    return _fixed(torch.cat([layer.weight for layer in layers]), torch.cat(biases))


def _moved(x: Tensor, scale: Tensor, shift: Tensor) -> Tensor:
    """Return the layer norm of x [1, width] with ``scale`` and ``shift`` [width]."""
    return functional.layer_norm(x, x.shape[-1:], scale, shift)
