"""ScorePerformer's parts as they are exported: of one piece, without a batch axis, the table of all tokens' vectors made once."""

import torch
from torch import Tensor, nn

from models.score_performer.network import ScorePerformer
from models.score_performer.style import style_of


class _Part(nn.Module):
    table: Tensor

    def __init__(self, network: ScorePerformer):
        super().__init__()
        with torch.no_grad():
            self.register_buffer("table", network.values(), persistent=False)


class StreamingDecoder(_Part):
    """``PerformanceDecoder``: one performance, any number of notes a call, its whole memory given and returned."""

    def __init__(self, network: ScorePerformer):
        super().__init__(network)
        self.decoder = network.decoder

    def forward(
        self, previous: Tensor, current: Tensor, context: Tensor, style: Tensor, cache: Tensor, written: Tensor
    ) -> tuple[Tensor, ...]:
        """previous, current [T, 16] int64; context [T, width]; style [T, style_width]; cache [L, P, 2*D]; written [P] bool.

        Returns logits [T, values] of each performed field, next cache, next written.
        """
        inputs = (tensor.unsqueeze(0) for tensor in (previous, current, context, style))
        logits, next_cache, next_written = self.decoder(self.table, *inputs, cache.unsqueeze(1), written.unsqueeze(0))
        return *(each.squeeze(0) for each in logits), next_cache.squeeze(1), next_written.squeeze(0)


class ScoreReader(_Part):
    """``ScorePerformer.read_score`` of a window of notes."""

    def __init__(self, network: ScorePerformer):
        super().__init__(network)
        self.encoder, self.expected_style = network.score_encoder, network.expected_style

    def forward(self, tokens: Tensor, *features: Tensor) -> tuple[Tensor, Tensor]:
        """tokens [T, 16] int64; features [T, F], if the network reads them -> context [T, width], expected style [T, style_width]."""
        read = features[0].unsqueeze(0) if features else tokens.new_zeros((1, tokens.shape[0], 0), dtype=torch.float32)
        context = self.encoder(self.table, tokens.unsqueeze(0), read, _all_valid(tokens)).squeeze(0)
        return context, self.expected_style(context)


class StyleReader(_Part):
    """``StyleEncoder``: the style of a performance of a window of notes, by note."""

    def __init__(self, network: ScorePerformer):
        super().__init__(network)
        self.encoder = network.style_encoder

    def forward(self, tokens: Tensor, segments: Tensor) -> Tensor:
        """tokens [T, 16] int64; segments [T, 3] int64, bar, beat and onset, each from 0 to T - 1 -> style [T, style_width]."""
        levels = self.encoder(self.table, tokens.unsqueeze(0), segments.unsqueeze(0), _all_valid(tokens))
        return style_of(levels).squeeze(0)


def _all_valid(tokens: Tensor) -> Tensor:
    return torch.ones_like(tokens[None, :, 0], dtype=torch.bool)
