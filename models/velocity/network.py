"""The streaming velocity transformer in PyTorch: a causal one with an explicit cache, and one that looks ahead over a window.

Both read ``representation.NoteFeatures`` and predict quantiles of the velocity of each note: trained by the pinball loss, the median is the
best guess in absolute error, and the other quantiles tell the spread of human velocities around it.
"""

from collections.abc import Iterable
from typing import cast

import numpy as np
import torch
from pydantic import BaseModel, ConfigDict
from torch import Tensor, nn
from torch.nn import functional

from models.layers.attention import MultiQueryAttention
from models.velocity.representation import HINTS, KEYS, LONGEST_S, LOOKAHEAD_SCALARS, MEMORY_DELAY_S, PEDAL_MOVES, PITCHES, SCALARS

QUANTILE_LEVELS = (0.01, 0.03, 0.07, 0.12, 0.19, 0.27, 0.35, 0.43, 0.5, 0.57, 0.65, 0.73, 0.81, 0.88, 0.93, 0.97, 0.99)
MEDIAN = len(QUANTILE_LEVELS) // 2
BUMPS = 12  # soft bins a scalar is spread over


class VelocityTransformerConfig(BaseModel):
    """Sizes. ``window``: how many notes back (and, looking ahead, forward) a note attends to, itself included.

    ``layers`` counts all blocks; of the causal network's, the last is the one that answers. ``pedals``: whether one that looks ahead
    says where to pedal.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    looks_ahead: bool = False
    width: int = 128
    layers: int = 4
    heads: int = 4
    head_width: int = 32
    feed_forward: int = 512
    window: int = 128
    dropout: float = 0.1
    pedals: bool = False


class NoteEncoder(nn.Module):
    """Pitch, velocity hint, neighbouring keys and scalars of a note -> one vector."""

    low: Tensor
    scale: Tensor
    centres: Tensor

    def __init__(self, scalars: tuple[str, ...], width: int):
        super().__init__()
        ranges = [_logarithmic_range(name) for name in scalars]
        self.register_buffer("low", torch.tensor([low for low, _ in ranges]), persistent=False)
        self.register_buffer("scale", (BUMPS - 1) / torch.tensor([high / low for low, high in ranges]).log(), persistent=False)
        self.register_buffer("centres", torch.arange(BUMPS).float(), persistent=False)
        self.pitch = nn.Embedding(PITCHES, width)
        self.hint = nn.Embedding(HINTS, width)
        self.keys = nn.Linear(4 * KEYS, width, bias=False)
        self.scalars = nn.Linear(len(scalars) * BUMPS, width)

    def forward(self, pitch: Tensor, hint: Tensor, keys: Tensor, scalars: Tensor) -> Tensor:
        position = (torch.maximum(scalars, self.low) / self.low).log() * self.scale  # [B, T, S], 0 to BUMPS - 1
        bumps = functional.relu(1 - (position.unsqueeze(-1) - self.centres).abs())  # [B, T, S, BUMPS], at most two are not 0
        described = self.keys(describe_keys(keys)) + self.scalars(bumps.flatten(-2))
        return described + self.pitch(pitch) + self.hint(hint)  # [B, T, width]


def describe_keys(keys: Tensor) -> Tensor:
    """Signed seconds since each key's last move [..., 97] -> four values a key [..., 4 * 97].

    Whether it is held; if held, if released, and if released, squared: how fresh the move is, 1 / (1 + t / 0.1 s), fast at first, with a
    long tail.
    """
    freshness = (0.1 * keys.sign()) / (0.1 + keys.abs())
    pressed = functional.relu(freshness)
    released = pressed - freshness
    return torch.cat((pressed.sign(), pressed, released, released * released), -1)


def _logarithmic_range(scalar: str) -> tuple[float, float]:
    if scalar.endswith("depth") or scalar == "still_held":
        return 1 / 32, 1.0
    if scalar.startswith("density"):
        return 0.1, 40.0
    return 4e-3, LONGEST_S


class Block(nn.Module):
    """Pre-norm attention and feed-forward."""

    def __init__(self, config: VelocityTransformerConfig):
        super().__init__()
        self.attention_norm = nn.LayerNorm(config.width)
        self.attention = MultiQueryAttention(config.width, config.heads, config.head_width, config.window, looks_ahead=config.looks_ahead)
        self.feed_forward = nn.Sequential(
            nn.LayerNorm(config.width),
            nn.Linear(config.width, config.feed_forward),
            nn.GELU(approximate="tanh"),
            nn.Linear(config.feed_forward, config.width),
        )
        self.dropout = nn.Dropout(config.dropout)

    def forward(self, x: Tensor, memory: Tensor, past: Tensor | None, distance: Tensor, mask: Tensor) -> tuple[Tensor, Tensor]:
        mixed, key_value = self.attention(self.attention_norm(x), self.attention_norm(memory), past, distance, mask)
        x = x + self.dropout(mixed)
        return x + self.dropout(self.feed_forward(x)), key_value


class QuantileHead(nn.Module):
    """A vector -> 17 ascending quantiles in velocity steps: the median, and positive steps away from it on both sides."""

    def __init__(self, width: int):
        super().__init__()
        self.norm = nn.LayerNorm(width)
        self.linear = nn.Linear(width, len(QUANTILE_LEVELS))

    def forward(self, x: Tensor) -> Tensor:
        raw = self.linear(self.norm(x))  # [B, T, 17]
        median = 65.0 + 20.0 * raw[..., MEDIAN : MEDIAN + 1]
        below = 4.0 * functional.softplus(raw[..., :MEDIAN]).flip(-1).cumsum(-1).flip(-1)
        above = 4.0 * functional.softplus(raw[..., MEDIAN + 1 :]).cumsum(-1)
        return torch.cat((median - below, median, median + above), -1)


class CausalVelocityTransformer(nn.Module):
    """Velocity quantiles of each note from what came before it, note by note or in chunks of any length.

    A note's velocity is needed at once, so its path is short: only the last block attends, from the note's description, to the memory of
    earlier notes. All other blocks compute the note's own memory after it was answered. Notes within MEMORY_DELAY_S, as in a chord, do not
    see that memory yet (the keys that are down are in their own description).
    """

    def __init__(self, config: VelocityTransformerConfig):
        super().__init__()
        self.config = config
        self.encoder = NoteEncoder(SCALARS, config.width)
        self.blocks = nn.ModuleList(Block(config) for _ in range(config.layers))
        self.head = QuantileHead(config.width)

    def initial_state(self, batch: int) -> tuple[Tensor, Tensor]:
        config = self.config
        cache = torch.zeros(config.layers, batch, config.window - 1, 2 * config.head_width)
        return cache, torch.full((batch, config.window - 1), -torch.inf)

    def forward(
        self, pitch: Tensor, hint: Tensor, keys: Tensor, scalars: Tensor, onset_s: Tensor, cache: Tensor, cache_onset_s: Tensor
    ) -> tuple[Tensor, Tensor, Tensor]:
        """pitch, hint [B, T] int64; keys [B, T, 97]; scalars [B, T, 11]; onset_s [B, T]; cache [L, B, P, 2*D] of notes at
        cache_onset_s [B, P], minus infinity where there is none.

        Returns quantiles [B, T, 17] in velocity steps, next cache, next cache_onset_s.
        """
        past_length, length = cache.shape[2], pitch.shape[1]
        described = self.encoder(pitch, hint, keys, scalars)
        query_position = torch.arange(length).unsqueeze(1) + past_length  # [T, 1]
        key_position = torch.arange(past_length + length).unsqueeze(0)  # [1, P+T]
        distance = query_position - key_position  # [T, P+T], 0 is the note itself
        in_reach = (distance >= 0) & (distance < self.config.window)
        all_onset_s = torch.cat((cache_onset_s, onset_s), 1)  # [B, P+T], minus infinity for rows that are not written
        mask = in_reach.unsqueeze(0) & all_onset_s.isfinite().unsqueeze(1)  # [B, T, P+T]
        remembered = mask & (all_onset_s.unsqueeze(1) <= onset_s.unsqueeze(2) - MEMORY_DELAY_S)
        distance = distance.clamp(0, self.config.window - 1)
        next_cache = []
        *memorising, answering = cast(Iterable[Block], self.blocks)
        memory = described
        for block, past in zip(memorising, cache, strict=False):
            memory, key_value = block(memory, memory, past, distance, mask)
            next_cache.append(key_value[:, -past_length:])
        answered, key_value = answering(described, memory, cache[-1], distance, remembered)
        next_cache.append(key_value[:, -past_length:])
        return self.head(answered), torch.stack(next_cache), all_onset_s[:, -past_length:]


class LookaheadVelocityTransformer(nn.Module):
    """Velocity quantiles of all notes of a window at once, each from the notes before and after it."""

    def __init__(self, config: VelocityTransformerConfig):
        super().__init__()
        self.config = config
        self.encoder = NoteEncoder(LOOKAHEAD_SCALARS, config.width)
        self.blocks = nn.ModuleList(Block(config) for _ in range(config.layers))
        self.head = QuantileHead(config.width)

    def forward(self, pitch: Tensor, hint: Tensor, keys: Tensor, scalars: Tensor) -> Tensor:
        """pitch, hint [B, T] int64; keys [B, T, 97]; scalars [B, T, 13]. Returns quantiles [B, T, 17] in velocity steps."""
        return self.head(self.hear(pitch, hint, keys, scalars))

    def hear(self, pitch: Tensor, hint: Tensor, keys: Tensor, scalars: Tensor) -> Tensor:
        """Return what the blocks make of the notes, [B, T, width]."""
        length, window = pitch.shape[1], self.config.window
        x = self.encoder(pitch, hint, keys, scalars)
        position = torch.arange(length)
        distance = position.unsqueeze(1) - position.unsqueeze(0)  # [T, T]
        mask = (distance.abs() < window).unsqueeze(0)
        distance = distance.clamp(1 - window, window - 1) + window - 1
        for block in self.blocks:
            x, _ = block(x, x, None, distance, mask)
        return x


class PedallingVelocityTransformer(LookaheadVelocityTransformer):
    """The same, with what the sustain pedal does at each note (``representation.PEDAL_MOVES``)."""

    def __init__(self, config: VelocityTransformerConfig):
        super().__init__(config)
        self.pedal = nn.Sequential(nn.LayerNorm(config.width), nn.Linear(config.width, len(PEDAL_MOVES)))

    def perform(self, pitch: Tensor, hint: Tensor, keys: Tensor, scalars: Tensor) -> tuple[Tensor, Tensor]:
        """Return quantiles [B, T, 17] and the logits of PEDAL_MOVES [B, T, 2]."""
        heard = self.hear(pitch, hint, keys, scalars)
        return self.head(heard), self.pedal(heard)


def build_network(config: VelocityTransformerConfig) -> CausalVelocityTransformer | LookaheadVelocityTransformer:
    if not config.looks_ahead:
        return CausalVelocityTransformer(config)
    return PedallingVelocityTransformer(config) if config.pedals else LookaheadVelocityTransformer(config)


def pinball_loss(quantiles: Tensor, velocity: Tensor) -> Tensor:
    """Return the mean pinball loss [B, T] of quantiles [B, T, 17] for velocities [B, T], each level weighted by its share of 0 to 1."""
    levels = quantiles.new_tensor(QUANTILE_LEVELS)
    edges = np.concatenate(([0.0], (np.array(QUANTILE_LEVELS[1:]) + np.array(QUANTILE_LEVELS[:-1])) / 2, [1.0]))
    error = velocity.unsqueeze(-1) - quantiles
    loss = torch.maximum(levels * error, (levels - 1) * error)
    return 2 * (loss * quantiles.new_tensor(np.diff(edges))).sum(-1)
