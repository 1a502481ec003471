"""ScorePerformer as it is exported: of one piece, without a batch axis, in three parts, with as little to do for a note as may be.

A note of the decoder is many small operations, so that their number is what it costs. What follows from the score alone is worked out when
the score is read; products with matrices that stay are multiplied out, and those of one input are one; all fields' logits are one product.
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
    """A window of notes as written -> what the decoder is to know of them, and the style and the tempo to be expected."""

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
    """``PerformanceDecoder`` for one performance, any number of notes a call, its whole memory given and returned."""

    table: Tensor
    first_rows: Tensor
    bias: Tensor

    def __init__(self, network: ScorePerformer):
        super().__init__()
        decoder, self.sizes = network.decoder, network.config
        self.blocks = nn.ModuleList(_NoteBlock(block) for block in cast(Iterable[Block], decoder.blocks))
        self.embedding_norm, self.head_norm = decoder.embedding.norm, decoder.head_norm
        norms = [norm for block in cast(Iterable[Block], decoder.blocks) for norm in (block.attention_norm, block.feed_forward_norm)]
        columns = [column for field in PERFORMED_FIELDS for column in range(*_span(field, self.sizes.field_width))]
        with torch.no_grad():
            table = network.values()
            self.register_buffer("table", table, persistent=False)
            self.register_buffer("first_rows", decoder.embedding.first_rows, persistent=False)
            self.previous = _fixed(decoder.join.weight[:, : self.sizes.width] @ decoder.embedding.linear.weight)
            self.moves = _all_moves([*norms, decoder.norm])
            self.head = _fixed(decoder.embedding.linear.weight[:, columns].T)
            values = [table[decoder.starts[field] + SPECIALS : decoder.starts[field + 1]] for field in PERFORMED_FIELDS]
            self.logits = _fixed(torch.block_diag(*values) * self.sizes.field_width**-0.5, torch.cat(list(decoder.biases)))

    def forward(self, previous: Tensor, context: Tensor, style: Tensor, *state: Tensor) -> tuple[Tensor, ...]:
        """previous [T, 16] int64, see PerformanceDecoder; context [T, width] of ScoreReader; style [T, style_width]; of the state for each
        layer [P, 2*D] and then written [P] bool.

        Returns logits [T, values of all performed fields], next state.
        """
        *caches, written = state
        length, past = previous.shape[0], written.shape[0]
        distance = torch.arange(length, device=written.device).unsqueeze(1) + past - torch.arange(past + length, device=written.device)
        written = torch.cat((written, torch.ones_like(previous[:, 0], dtype=torch.bool)))
        seen = (distance >= 0) & (distance < self.sizes.window) & written
        unseen = torch.where(seen, 0.0, UNSEEN).unsqueeze(1)  # [T, 1, P+T]
        distance = distance.clamp(0, self.sizes.window - 1)
        moves = self.moves(style).split(self.sizes.width, -1)
        x = self.previous(self.embedding_norm(functional.embedding(previous + self.first_rows, self.table).flatten(1))) + context
        next_caches = []
        for index, (block, cache) in enumerate(zip(self.blocks, caches, strict=True)):
            x, memory = block(x, moves[4 * index : 4 * index + 4], cache, distance, unseen)
            next_caches.append(memory[length:])
        vectors = self.head_norm(self.head(_moved(x, *moves[-2:])))
        return self.logits(vectors), *next_caches, written[length:]


class _NoteBlock(nn.Module):
    bias: Tensor

    def __init__(self, block: Block):
        super().__init__()
        attention = block.attention
        self.heads, self.head_width = attention.heads, attention.head_width
        with torch.no_grad():
            query = attention.query.weight * self.head_width**-0.5
            self.query_key_value = _fixed(torch.cat((query, attention.key_value.weight)))
            self.register_buffer("bias", attention.bias.T.clone(), persistent=False)
        self.output, self.expand, self.contract = attention.output, block.expand, block.contract

    def forward(self, x: Tensor, moves: tuple[Tensor, ...], cache: Tensor, distance: Tensor, unseen: Tensor) -> tuple[Tensor, Tensor]:
        """Return x [T, width] and the keys and values [P+T, 2*D] of ``cache`` and these notes."""
        query, key_value = self.query_key_value(_moved(x, *moves[:2])).split((self.heads * self.head_width, 2 * self.head_width), -1)
        memory = torch.cat((cache, key_value))
        key, value = memory.split(self.head_width, -1)
        scores = (query.reshape(-1, self.head_width) @ key.T).reshape(x.shape[0], self.heads, -1)
        weights = (scores + (self.bias[distance].transpose(1, 2) + unseen)).softmax(-1)
        x = x + self.output((weights.reshape(-1, weights.shape[-1]) @ value).reshape(x.shape[0], -1))
        linear, gate = self.expand(_moved(x, *moves[2:])).chunk(2, -1)
        return x + self.contract(linear * functional.silu(gate)), memory


class StyleReader(nn.Module):
    """``StyleEncoder``: the style of a performance of a window of notes, by note."""

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
    """Return the layer that makes of a style, for each norm, what its vector is multiplied by and then what is added to it."""
    layers = [cast(nn.Linear, norm.scale_shift) for norm in norms]
    biases = [layer.bias + torch.cat([torch.full((len(layer.bias) // 2,), value) for value in (1.0, 0.0)]) for layer in layers]
    return _fixed(torch.cat([layer.weight for layer in layers]), torch.cat(biases))


def _moved(x: Tensor, scale: Tensor, shift: Tensor) -> Tensor:
    return functional.layer_norm(x, x.shape[-1:]) * scale + shift
