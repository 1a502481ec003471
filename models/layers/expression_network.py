"""The expression network: the mean performance of a window of notes, predicted from its score. PyTorch.

DExter's denoiser adds to this mean what performers differ in; ScorePerformer reads scores with it. The blocks are gated convolutions with
attention in some of them, after the Conformer (Gulati et al., Interspeech 2020).
"""

from collections.abc import Sequence

import torch
from pydantic import BaseModel, ConfigDict
from torch import Tensor, nn
from torch.nn import functional

from models.performance.descriptors import DESCRIPTORS
from models.performance.features import FEATURES, PLACE_IN_PIECE
from models.performance.representation import PERFORMANCE_COLUMNS

MARKINGS_KNOWN = FEATURES.index("markings_known")


class ExpressionNetworkConfig(BaseModel):
    """Sizes and inputs of an expression network.

    ``attend_every``: every so many blocks, the last of them has attention. ``reach``: distances of more notes share one attention bias.
    ``kernel``: the width of a convolution in notes. ``feature_dropout``: the probability with which training hides a feature from a whole
    window. ``knows_place``: the network reads a note's position in the piece and the piece's length. ``knows_playback``: the network reads
    the velocities derived from a score's dynamics; without it, only the velocities of MIDI scores.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    width: int = 128
    blocks: int = 6
    attend_every: int = 2
    heads: int = 4
    kernel: int = 9
    reach: int = 128
    dropout: float = 0.1
    feature_dropout: float = 0.0
    knows_place: bool = True
    knows_playback: bool = False


class Attention(nn.Module):
    """Multi-head self-attention over all notes of a window, with a learnt bias by distance in notes."""

    def __init__(self, config: ExpressionNetworkConfig):
        super().__init__()
        self.heads, self.reach = config.heads, config.reach
        self.norm = nn.LayerNorm(config.width)
        self.bias = nn.Parameter(torch.zeros(config.heads, 2 * config.reach + 1))
        self.query_key_value = nn.Linear(config.width, 3 * config.width, bias=False)
        self.output = nn.Linear(config.width, config.width)

    def forward(self, x: Tensor) -> Tensor:
        """x [B, T, width]."""
        batch, length, width = x.shape
        parts = self.query_key_value(self.norm(x)).view(batch, length, 3, self.heads, width // self.heads)
        query, key, value = parts.permute(2, 0, 3, 1, 4).unbind(0)  # [B, H, T, D]
        position = torch.arange(length, device=x.device)
        distance = (position.unsqueeze(1) - position.unsqueeze(0)).clamp(-self.reach, self.reach) + self.reach  # [T, T]
        scores = query @ key.transpose(-1, -2) * (width // self.heads) ** -0.5 + self.bias[:, distance]
        mixed = (scores.softmax(-1) @ value).transpose(1, 2).flatten(2)  # [B, T, width]
        return self.output(mixed)


class Convolution(nn.Module):
    """A gated depthwise convolution over neighbouring notes."""

    def __init__(self, config: ExpressionNetworkConfig):
        super().__init__()
        self.norm = nn.LayerNorm(config.width)
        self.gated = nn.Linear(config.width, 2 * config.width)
        self.depthwise = nn.Conv1d(config.width, config.width, config.kernel, padding=config.kernel // 2, groups=config.width)
        self.output = nn.Linear(config.width, config.width)

    def forward(self, x: Tensor) -> Tensor:
        value, gate = self.gated(self.norm(x)).chunk(2, -1)
        mixed = self.depthwise((value * gate.sigmoid()).transpose(1, 2)).transpose(1, 2)
        return self.output(functional.silu(mixed))


class Block(nn.Module):
    """A convolution, attention if the block ``attends``, and a feed-forward layer, each with a residual connection."""

    def __init__(self, config: ExpressionNetworkConfig, attends: bool):
        super().__init__()
        self.convolution = Convolution(config)
        self.attention = Attention(config) if attends else None
        self.feed_forward = nn.Sequential(
            nn.LayerNorm(config.width),
            nn.Linear(config.width, 4 * config.width),
            nn.GELU(approximate="tanh"),
            nn.Linear(4 * config.width, config.width),
        )
        self.dropout = nn.Dropout(config.dropout)

    def forward(self, x: Tensor) -> Tensor:
        x = x + self.convolution(x)
        if self.attention is not None:
            x = x + self.attention(x)
        return x + self.dropout(self.feed_forward(x))


class ExpressionNetwork(nn.Module):
    """Predicts the mean performance of a window of notes, normalised (see models.performance.features), and a context vector a note."""

    read: Tensor
    unread_beside_markings: Tensor

    def __init__(self, config: ExpressionNetworkConfig):
        super().__init__()
        self.feature_dropout = config.feature_dropout
        read = [config.knows_place or name not in PLACE_IN_PIECE for name in FEATURES]
        self.register_buffer("read", torch.tensor(read).float(), persistent=False)
        unread = [name.startswith("velocity") and not config.knows_playback for name in FEATURES]
        self.register_buffer("unread_beside_markings", torch.tensor(unread).float(), persistent=False)
        self.features = nn.Sequential(
            nn.Linear(len(FEATURES), 2 * config.width), nn.GELU(approximate="tanh"), nn.Linear(2 * config.width, config.width)
        )
        # One null token: descriptors 0, known 0. It is the same in training and sampling.
        self.descriptors = nn.Linear(len(DESCRIPTORS) + 1, config.width, bias=False)
        self.dropout = nn.Dropout(config.dropout)
        self.blocks = nn.ModuleList(Block(config, index % config.attend_every == config.attend_every - 1) for index in range(config.blocks))
        self.norm = nn.LayerNorm(config.width)
        self.head = nn.Linear(config.width, len(PERFORMANCE_COLUMNS))

    def forward(self, features: Tensor, descriptors: Tensor, descriptors_known: Tensor) -> tuple[Tensor, Tensor]:
        """features [B, T, F], descriptors [B, T, 7], descriptors_known [B, T, 1] 0 or 1 -> mean [B, T, 8], context [B, T, width].

        Descriptors are deviations from the typical performance of these notes, in standard deviations between performers.
        """
        markings_known = features[..., MARKINGS_KNOWN : MARKINGS_KNOWN + 1]
        features = features * self.read * (1 - self.unread_beside_markings * markings_known)
        if self.training:
            features = features * functional.dropout(features.new_ones(len(features), 1, features.shape[-1]), self.feature_dropout)
        described = self.descriptors(torch.cat((descriptors * descriptors_known, descriptors_known), -1))
        x = self.dropout(self.features(features) + described)
        for block in self.blocks:
            x = block(x)
        context = self.norm(x)
        return self.head(context), context


class AveragedNetwork(nn.Module):
    """An ensemble: the average of the networks' means, weighted by column with ``weights`` (networks, 8), and the first one's context."""

    weights: Tensor

    def __init__(self, configs: Sequence[ExpressionNetworkConfig]):
        super().__init__()
        self.networks = nn.ModuleList(ExpressionNetwork(config) for config in configs)
        self.register_buffer("weights", torch.full((len(configs), len(PERFORMANCE_COLUMNS)), 1 / len(configs)))

    def forward(self, features: Tensor, descriptors: Tensor, descriptors_known: Tensor) -> tuple[Tensor, Tensor]:
        """Takes and returns what ExpressionNetwork does."""
        means, contexts = zip(*(network(features, descriptors, descriptors_known) for network in self.networks), strict=True)
        return sum(weight * mean for weight, mean in zip(self.weights, means, strict=True)), contexts[0]
