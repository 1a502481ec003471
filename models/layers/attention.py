"""Attention over the notes before, or before and after, each note, with an explicit cache. PyTorch."""

import torch
from torch import Tensor, nn


class MultiQueryAttention(nn.Module):
    """Multi-query attention (Shazeer 2019): all heads share one key and value, so that the cache is small. A bias by distance is learnt.

    ``window``: how many notes back (with ``looks_ahead`` also forward) a note attends to, itself included.
    """

    def __init__(self, width: int, heads: int, head_width: int, window: int, *, looks_ahead: bool):
        super().__init__()
        self.heads, self.head_width, self.window = heads, head_width, window
        distances = 2 * window - 1 if looks_ahead else window
        self.bias = nn.Parameter(torch.zeros(heads, distances))
        self.query = nn.Linear(width, heads * head_width, bias=False)
        self.key_value = nn.Linear(width, 2 * head_width, bias=False)
        self.output = nn.Linear(heads * head_width, width)

    def forward(self, x: Tensor, memory: Tensor, past: Tensor | None, distance: Tensor, mask: Tensor) -> tuple[Tensor, Tensor]:
        """x, for queries, and memory, for keys and values (the same in self-attention) [B, T, width]; past [B, P, 2*D] or None.

        distance [T, P+T], index into the bias; mask [B or 1, T, P+T], True where attended. Rows without any True give 0.
        """
        batch, length, _ = x.shape
        query = self.query(x).view(batch, length, self.heads, self.head_width).transpose(1, 2)  # [B, H, T, D]
        key_value = self.key_value(memory)  # [B, T, 2*D]
        if past is not None:
            key_value = torch.cat((past, key_value), 1)  # [B, P+T, 2*D]
        key, value = key_value.unsqueeze(1).chunk(2, -1)  # [B, 1, P+T, D]
        bias = self.bias[:, distance].masked_fill(~mask.unsqueeze(1), -1e4)  # [B or 1, H, T, P+T]
        scores = query @ key.transpose(-1, -2) * self.head_width**-0.5 + bias
        weights = scores.softmax(-1) * mask.any(-1)[:, None, :, None]
        mixed = (weights @ value).transpose(1, 2).flatten(2)  # [B, T, H*D]
        return self.output(mixed), key_value
