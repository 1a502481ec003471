"""The velocity article's network: an encoder-decoder transformer from coarse notes to 128 velocities.

Source: W. Matejuk, "Modelling dynamic expression in piano performance" (2023), after Vaswani et al., "Attention is all you need"
(2017), with the residual branches normalised on entry and the stacks at their end. Shapes: B windows, S source and T target tokens,
C width, H heads, D = C / H.
"""

import math
from typing import NamedTuple, cast

import torch
from pydantic import BaseModel, ConfigDict, PositiveInt
from torch import Tensor, nn
from torch.nn import functional

from models.velocity.article_representation import BLANK, SOURCE_VOCABULARY, TARGET_VOCABULARY

LONGEST_SEQUENCE = 512


class ArticleNetworkConfig(BaseModel):
    """Sizes; the defaults are the article's (45.5 million parameters)."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    layers: PositiveInt = 6
    heads: PositiveInt = 8
    width: PositiveInt = 512
    feed_forward: PositiveInt = 2048
    dropout: float = 0.1


class LayerCache(NamedTuple):
    """One decoder layer's keys and values: of the source, computed once, and of the velocities so far."""

    source_keys: Tensor  # [B, H, S, D]
    source_values: Tensor  # [B, H, S, D]
    keys: Tensor  # [B, H, T, D]
    values: Tensor  # [B, H, T, D]


class DecoderCache(NamedTuple):
    """What decoding one more velocity needs of all that went before."""

    source_mask: Tensor  # [B, 1, 1, S], true where a source token may be attended to
    layers: tuple[LayerCache, ...]

    @property
    def length(self) -> int:
        return self.layers[0].keys.shape[2]


class Attention(nn.Module):
    """Scaled dot-product attention of several heads; the caller keeps keys and values, so that they can be cached."""

    def __init__(self, config: ArticleNetworkConfig):
        super().__init__()
        self.heads, self.dropout = config.heads, config.dropout
        self.query = nn.Linear(config.width, config.width)
        self.key = nn.Linear(config.width, config.width)
        self.value = nn.Linear(config.width, config.width)
        self.output = nn.Linear(config.width, config.width)

    def keys_values(self, x: Tensor) -> tuple[Tensor, Tensor]:
        return self._split(self.key(x)), self._split(self.value(x))  # 2 x [B, H, T, D]

    def forward(self, x: Tensor, keys: Tensor, values: Tensor, mask: Tensor) -> Tensor:
        """Attend from ``x`` [B, T, C] to ``keys`` and ``values`` [B, H, S, D] where ``mask`` [.., T, S] is true."""
        queries = self._split(self.query(x))  # [B, H, T, D]
        dropout = self.dropout if self.training else 0.0
        y = functional.scaled_dot_product_attention(queries, keys, values, mask, dropout)  # [B, H, T, D]
        return self.output(y.transpose(1, 2).flatten(2))  # [B, T, C]

    def _split(self, x: Tensor) -> Tensor:
        return x.unflatten(2, (self.heads, -1)).transpose(1, 2)  # [B, T, C] -> [B, H, T, D]


def feed_forward(config: ArticleNetworkConfig) -> nn.Sequential:
    return nn.Sequential(
        nn.Linear(config.width, config.feed_forward),
        nn.ReLU(),
        nn.Dropout(config.dropout),
        nn.Linear(config.feed_forward, config.width),
    )


def normalisation(config: ArticleNetworkConfig) -> nn.LayerNorm:
    return nn.LayerNorm(config.width, eps=1e-6)


class EncoderLayer(nn.Module):
    def __init__(self, config: ArticleNetworkConfig):
        super().__init__()
        self.attention, self.attention_norm = Attention(config), normalisation(config)
        self.feed_forward, self.feed_forward_norm = feed_forward(config), normalisation(config)
        self.dropout = nn.Dropout(config.dropout)

    def forward(self, x: Tensor, mask: Tensor) -> Tensor:
        y = self.attention_norm(x)  # [B, S, C]
        x = x + self.dropout(self.attention(y, *self.attention.keys_values(y), mask))
        return x + self.dropout(self.feed_forward(self.feed_forward_norm(x)))


class DecoderLayer(nn.Module):
    def __init__(self, config: ArticleNetworkConfig):
        super().__init__()
        self.attention, self.attention_norm = Attention(config), normalisation(config)
        self.source_attention, self.source_attention_norm = Attention(config), normalisation(config)
        self.feed_forward, self.feed_forward_norm = feed_forward(config), normalisation(config)
        self.dropout = nn.Dropout(config.dropout)

    def start(self, memory: Tensor) -> LayerCache:
        keys, values = self.source_attention.keys_values(memory)  # [B, H, S, D]
        return LayerCache(keys, values, keys[:, :, :0], values[:, :, :0])

    def forward(self, x: Tensor, cache: LayerCache, mask: Tensor, source_mask: Tensor) -> tuple[Tensor, LayerCache]:
        y = self.attention_norm(x)  # [B, T, C]
        keys, values = self.attention.keys_values(y)
        keys = torch.cat((cache.keys, keys), dim=2)  # [B, H, past + T, D]
        values = torch.cat((cache.values, values), dim=2)
        x = x + self.dropout(self.attention(y, keys, values, mask))
        y = self.source_attention_norm(x)
        x = x + self.dropout(self.source_attention(y, cache.source_keys, cache.source_values, source_mask))
        x = x + self.dropout(self.feed_forward(self.feed_forward_norm(x)))
        return x, cache._replace(keys=keys, values=values)


class ArticleNetwork(nn.Module):
    """Source tokens and the velocities so far -> logits of the next velocity."""

    positions: Tensor

    def __init__(self, config: ArticleNetworkConfig):
        super().__init__()
        self.source_embedding = nn.Embedding(SOURCE_VOCABULARY, config.width)
        self.target_embedding = nn.Embedding(TARGET_VOCABULARY, config.width)
        self.register_buffer("positions", sinusoids(LONGEST_SEQUENCE, config.width), persistent=False)
        self.dropout = nn.Dropout(config.dropout)
        self.encoder = nn.ModuleList(EncoderLayer(config) for _ in range(config.layers))
        self.encoder_norm = normalisation(config)
        self.decoder = nn.ModuleList(DecoderLayer(config) for _ in range(config.layers))
        self.decoder_norm = normalisation(config)
        self.output = nn.Linear(config.width, TARGET_VOCABULARY)
        for parameter in self.parameters():
            if parameter.dim() > 1:
                nn.init.xavier_uniform_(parameter)

    def forward(self, source: Tensor, target: Tensor) -> Tensor:
        """Return the logits [B, T, 131] of the token after each of ``target`` [B, T], given ``source`` [B, S] (blanks ignored)."""
        return self.decode(target, self.encode(source))[0]

    def encode(self, source: Tensor) -> DecoderCache:
        """Return the state of a decoder that has read ``source`` [B, S] and written nothing."""
        mask = (source != BLANK)[:, None, None]  # [B, 1, 1, S]
        x = self._embed(source, self.source_embedding, 0)  # [B, S, C]
        for layer in self.encoder:
            x = layer(x, mask)
        memory = self.encoder_norm(x)
        return DecoderCache(mask, tuple(cast(DecoderLayer, layer).start(memory) for layer in self.decoder))

    def decode(self, target: Tensor, cache: DecoderCache) -> tuple[Tensor, DecoderCache]:
        """Continue with ``target`` [B, T]; return the logits [B, T, 131] of the token after each, and the state after them."""
        past, new = cache.length, target.shape[1]
        mask = torch.ones(new, past + new, dtype=torch.bool, device=target.device).tril(past)
        x = self._embed(target, self.target_embedding, past)  # [B, T, C]
        layers = []
        for layer, layer_cache in zip(self.decoder, cache.layers, strict=True):
            x, grown_cache = layer(x, layer_cache, mask, cache.source_mask)
            layers.append(grown_cache)
        return self.output(self.decoder_norm(x)), cache._replace(layers=tuple(layers))

    def _embed(self, tokens: Tensor, embedding: nn.Embedding, first: int) -> Tensor:
        x = embedding(tokens) * math.sqrt(embedding.embedding_dim)  # [B, T, C]
        return self.dropout(x + self.positions[first : first + tokens.shape[1]])


def sinusoids(length: int, width: int) -> Tensor:
    """Return the positions' sines (even channels) and cosines (odd), [length, width], wavelengths 2 pi to 20,000 pi."""
    rates = torch.exp(torch.arange(0, width, 2) * (-math.log(10_000.0) / width))  # [C / 2]
    angles = torch.arange(length)[:, None] * rates  # [length, C / 2]
    return torch.stack((angles.sin(), angles.cos()), dim=2).flatten(1)
