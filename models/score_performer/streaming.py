"""ScorePerformer's decoder for one performance: any number of notes a call, its whole memory given and returned."""

import torch
from torch import Tensor, nn

from models.score_performer.network import ScorePerformer


class StreamingDecoder(nn.Module):
    """``PerformanceDecoder`` without a batch axis, the table of all tokens' vectors made once."""

    table: Tensor

    def __init__(self, network: ScorePerformer):
        super().__init__()
        self.decoder = network.decoder
        with torch.no_grad():
            self.register_buffer("table", network.values(), persistent=False)

    def forward(
        self, previous: Tensor, current: Tensor, context: Tensor, style: Tensor, cache: Tensor, written: Tensor
    ) -> tuple[Tensor, ...]:
        """previous, current [T, 16] int64; context [T, width]; style [T, style_width]; cache [L, P, 2*D]; written [P] bool.

        Returns logits [T, values] of each performed field, next cache, next written.
        """
        inputs = (tensor.unsqueeze(0) for tensor in (previous, current, context, style))
        logits, next_cache, next_written = self.decoder(self.table, *inputs, cache.unsqueeze(1), written.unsqueeze(0))
        return *(each.squeeze(0) for each in logits), next_cache.squeeze(1), next_written.squeeze(0)
