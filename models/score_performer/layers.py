"""Building blocks of ScorePerformer's three transformers: sizes, continuous token embeddings, blocks with adaptive layer norms. PyTorch.

Attention is models.layers.attention's: one key and value for all heads and a learnt bias by distance in notes (the paper's is linear in the
distance, with a learnt slope for each head), limited to a window, so that the decoder's memory is bounded.
"""

from collections.abc import Iterable
from typing import cast

import torch
from pydantic import BaseModel, ConfigDict, Field
from torch import Tensor, nn
from torch.nn import functional

from models.layers.attention import MultiQueryAttention
from models.layers.expression_network import ExpressionNetworkConfig
from models.score_performer.vocabulary import FIELDS, SPECIALS

STEEPNESS = 8.0  # of the first layer from a value on: its bends lie spread over the field's range


class ScorePerformerConfig(BaseModel):
    """Sizes; the defaults are the paper's. ``window``: how many notes back a note attends to, itself included; encoders also forward.

    ``latents`` and ``latent_dropout``: width, and the share of segments that training leaves out, by level of style_space.LEVEL_NAMES.
    ``reads_features``: the score encoder also reads models.performance.features (metre, markings, ...) beside the tokens; then it may also
    read the output of expression networks (``reader``) that were trained before (models.layers.expression_network).
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    width: int = Field(default=256, gt=0)
    field_width: int = Field(default=128, gt=0)
    heads: int = Field(default=4, gt=0)
    head_width: int = Field(default=64, gt=0)
    expansion: int = Field(default=4, gt=0)
    score_layers: int = Field(default=2, gt=0)
    style_layers: int = Field(default=4, gt=0)
    decoder_layers: int = Field(default=4, gt=0)
    window: int = Field(default=256, gt=1)
    latents: tuple[int, int, int, int] = (32, 20, 8, 4)
    latent_dropout: tuple[float, float, float, float] = (0.0, 0.1, 0.2, 0.4)
    dropout: float = Field(default=0.1, ge=0, lt=1)
    reads_features: bool = False
    reader: tuple[ExpressionNetworkConfig, ...] = ()

    @property
    def style_width(self) -> int:
        return sum(self.latents)


class FieldValues(nn.Module):
    """A vector for each token of each field: a learnt one, plus a function of the value's position in the field's range.

    The paper has the function only. With a learnt vector as well the network learns faster, above all to copy the fields of the last note.
    """

    def __init__(self, width: int):
        super().__init__()
        sizes = torch.tensor([len(field.values) for field in FIELDS])
        self.starts = [0, *torch.cumsum(sizes + SPECIALS, 0).tolist()]  # rows of each field's tokens in the table
        self.own = nn.Parameter(torch.randn(self.starts[-1], width))
        self.layers = nn.ModuleList(nn.Sequential(nn.Linear(1, width), nn.Mish(), nn.Linear(width, width)) for _ in FIELDS)
        for layer in self.layers:
            first = cast(nn.Linear, cast(nn.Sequential, layer)[0])
            nn.init.uniform_(first.weight, -STEEPNESS, STEEPNESS)
            nn.init.uniform_(first.bias, -STEEPNESS, STEEPNESS)

    def forward(self) -> Tensor:
        """Return the table [rows, width] of all fields' tokens, one field after the other."""
        placed = []
        for field, layer in zip(FIELDS, self.layers, strict=True):
            place = torch.linspace(-1, 1, len(field.values), device=self.own.device)
            placed.append(functional.pad(layer(place.unsqueeze(1)), (0, 0, SPECIALS, 0)))
        return self.own + torch.cat(placed)


class TupleEmbedding(nn.Module):
    """The tokens of a note's ``fields`` -> one vector."""

    first_rows: Tensor

    def __init__(self, config: ScorePerformerConfig, starts: list[int], fields: tuple[int, ...]):
        super().__init__()
        self.fields, self.field_width = fields, config.field_width
        self.register_buffer("first_rows", torch.tensor([starts[field] for field in fields]), persistent=False)
        self.norm = nn.LayerNorm(len(fields) * config.field_width)
        self.linear = nn.Linear(len(fields) * config.field_width, config.width)

    def forward(self, table: Tensor, tokens: Tensor) -> Tensor:
        """table of FieldValues; tokens [B, T, len(fields)] -> [B, T, width]."""
        return self.linear(self.norm(functional.embedding(tokens + self.first_rows, table).flatten(2)))


class AdaptiveNorm(nn.Module):
    """A layer norm whose scale and shift are computed from the style; with ``style_width`` 0, an ordinary one."""

    def __init__(self, width: int, style_width: int):
        super().__init__()
        self.norm = nn.LayerNorm(width, elementwise_affine=not style_width)
        self.scale_shift = nn.Linear(style_width, 2 * width) if style_width else None

    def forward(self, x: Tensor, style: Tensor | None) -> Tensor:
        if self.scale_shift is None or style is None:
            return self.norm(x)
        scale, shift = self.scale_shift(style).chunk(2, -1)
        return self.norm(x) * (1 + scale) + shift


class Block(nn.Module):
    """Pre-norm attention and a gated feed-forward layer."""

    def __init__(self, config: ScorePerformerConfig, looks_ahead: bool, style_width: int):
        super().__init__()
        hidden = config.expansion * config.width
        self.attention_norm, self.feed_forward_norm = (AdaptiveNorm(config.width, style_width) for _ in range(2))
        self.attention = MultiQueryAttention(config.width, config.heads, config.head_width, config.window, looks_ahead=looks_ahead)
        self.expand, self.contract = nn.Linear(config.width, 2 * hidden), nn.Linear(hidden, config.width)
        self.dropout = nn.Dropout(config.dropout)

    def forward(self, x: Tensor, style: Tensor | None, past: Tensor | None, distance: Tensor, mask: Tensor) -> tuple[Tensor, Tensor]:
        """x [B, T, width], style [B, T, style_width]; the other arguments and the second result are MultiQueryAttention's."""
        normed = self.attention_norm(x, style)
        mixed, key_value = self.attention(normed, normed, past, distance, mask)
        x = x + self.dropout(mixed)
        value, gate = self.expand(self.feed_forward_norm(x, style)).chunk(2, -1)
        return x + self.dropout(self.contract(value * functional.silu(gate))), key_value


class Encoder(nn.Module):
    """Bidirectional blocks over a window of notes."""

    def __init__(self, config: ScorePerformerConfig, layers: int):
        super().__init__()
        self.window = config.window
        self.blocks = nn.ModuleList(Block(config, looks_ahead=True, style_width=0) for _ in range(layers))
        self.norm = nn.LayerNorm(config.width)

    def forward(self, x: Tensor, valid: Tensor) -> Tensor:
        """x [B, T, width]; valid [B, T], False for padding -> [B, T, width]."""
        position = torch.arange(x.shape[1], device=x.device)
        distance = position.unsqueeze(1) - position.unsqueeze(0)  # [T, T]
        mask = (distance.abs() < self.window).unsqueeze(0) & valid.unsqueeze(1)  # [B, T, T]
        distance = distance.clamp(1 - self.window, self.window - 1) + self.window - 1
        for block in cast(Iterable[Block], self.blocks):
            x, _ = block(x, None, None, distance, mask)
        return self.norm(x)
