"""Linear classifiers of performance directions from style vectors; their weights are also the directions in which a style is moved.

Source: the paper in vocabulary.py; class weights by the effective number of examples after Cui, Jia, Lin, Song, Belongie, CVPR 2019.
"""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

DROPOUT = 0.2
BETA = 0.99999  # with the paper's 0.999 all classes with more than a few thousand notes weigh the same


class StyleClassifiers(nn.Module):
    """Style vectors [..., style_width] -> for each direction, logits [..., 1 + its classes]; the first class is "none"."""

    def __init__(self, style_width: int, classes: Sequence[int]):
        super().__init__()
        self.dropout = nn.Dropout(DROPOUT)
        self.heads = nn.ModuleList(nn.Linear(style_width, 1 + count) for count in classes)

    def forward(self, style: Tensor) -> list[Tensor]:
        style = self.dropout(style)
        return [head(style) for head in self.heads]


def balanced_weights(counts: Tensor) -> Tensor:
    """Return class weights from numbers of examples: 1 on average, 0 for a class without examples."""
    weights = torch.where(counts > 0, (1 - BETA) / (1 - BETA ** counts.double()).clamp(min=1 - BETA), 0.0)
    return (weights * (counts > 0).sum() / weights.sum()).float()
