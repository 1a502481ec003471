"""The style encoder: latents of the whole performance and of each bar, beat and onset, near a normal distribution. PyTorch.

All latents 0 is the style without expression. Source: the paper in vocabulary.py; the maximum mean discrepancy
after Zhao, Song, Ermon, "InfoVAE", AAAI 2019.
"""

from typing import NamedTuple

import torch
from torch import Tensor, nn

from models.score_performer.layers import Encoder, FieldValues, ScorePerformerConfig, TupleEmbedding
from models.score_performer.vocabulary import FIELDS


class Level(NamedTuple):
    """``latents`` [B, S, D] of segments; ``segments`` [B, T], the segment of each note; ``known`` [B, S], whether a segment has notes."""

    latents: Tensor
    segments: Tensor
    known: Tensor

    def by_note(self) -> Tensor:
        """Return each note's latents [B, T, D]."""
        return self.latents.gather(1, self.segments.unsqueeze(-1).expand(-1, -1, self.latents.shape[-1]))


class StyleEncoder(nn.Module):
    """A performance -> its latents, level by level from the whole to the onset; each level is conditioned on those above it."""

    def __init__(self, config: ScorePerformerConfig, values: FieldValues):
        super().__init__()
        self.embedding = TupleEmbedding(config, values.starts, tuple(range(len(FIELDS))))
        self.encoder = Encoder(config, config.style_layers)
        widths = [config.width + sum(config.latents[:level]) for level in range(len(config.latents))]
        self.heads = nn.ModuleList(nn.Linear(width, latents) for width, latents in zip(widths, config.latents, strict=True))

    def forward(self, table: Tensor, tokens: Tensor, segments: Tensor, valid: Tensor) -> list[Level]:
        """tokens [B, T, 16]; segments [B, T, 3], bar, beat and onset, each from 0 to T - 1; valid [B, T]."""
        described = self.encoder(self.embedding(table, tokens), valid)  # [B, T, width]
        levels: list[Level] = []
        whole = torch.zeros_like(segments[..., :1])
        for head, of_note in zip(self.heads, torch.cat((whole, segments), -1).unbind(-1), strict=True):
            mean, known = segment_means(described, of_note, valid)
            levels.append(Level(head(mean), of_note, known))
            described = torch.cat((described, levels[-1].by_note()), -1)
        return levels


def segment_means(x: Tensor, segments: Tensor, valid: Tensor) -> tuple[Tensor, Tensor]:
    """Return the mean of the valid notes [B, T, W] of each segment [B, T, W], zero where it has none, and whether it has any [B, T]."""
    weight = valid.to(x)
    counts = torch.zeros_like(weight).scatter_add(1, segments, weight)
    sums = torch.zeros_like(x).scatter_add(1, segments.unsqueeze(-1).expand_as(x), x * weight.unsqueeze(-1))
    return sums / counts.clamp(min=1).unsqueeze(-1), counts > 0


def style_of(levels: list[Level], kept: Tensor | None = None) -> Tensor:
    """Return the style by note [B, T, sum of latents]; latents where ``kept`` [B, T, levels] is False are zero."""
    by_note = [level.by_note() for level in levels]
    if kept is not None:
        by_note = [latents * kept[..., index : index + 1] for index, latents in enumerate(by_note)]
    return torch.cat(by_note, -1)


def draw_kept(levels: list[Level], shares: tuple[float, ...]) -> Tensor:
    """Return [B, T, levels], True where latents are kept: at each level a share of segments is dropped, with all levels below."""
    kept, by_level = torch.ones_like(levels[0].segments, dtype=torch.bool), []
    for level, share in zip(levels, shares, strict=True):
        stays = torch.rand(level.known.shape, device=kept.device) >= share
        kept = kept & stays.gather(1, level.segments)
        by_level.append(kept)
    return torch.stack(by_level, -1)


def mean_discrepancy(latents: Tensor, draws: Tensor) -> Tensor:
    """Return the squared maximum mean discrepancy between latents [N, D] and draws [M, D], kernel exp(-|x - y|^2 / D^2)."""
    width = latents.shape[-1]

    def kernel(x: Tensor, y: Tensor) -> Tensor:
        squared = x.square().sum(-1).unsqueeze(1) + y.square().sum(-1) - 2 * x @ y.T
        return (-squared.clamp(min=0) / width**2).exp().mean()

    return kernel(draws, draws) + kernel(latents, latents) - 2 * kernel(latents, draws)
