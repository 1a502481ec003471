"""ScorePerformer in PyTorch: a score encoder, a style encoder (style.py), and a causal decoder of a performance, note by note.

For scores without a reference performance, the average style of humans is predicted from the score. So is the tempo, from which a decoder
that continues its own notes would drift. The decoder reads a note's score fields, the score encoder's context and the style, and the
performed fields of earlier notes. It predicts all performed fields of a note together; input and output embeddings are tied.
"""

from collections.abc import Iterable, Sequence
from typing import Self, cast

import torch
from torch import Tensor, nn
from torch.nn import functional

from models.layers.expression_network import AveragedNetwork, ExpressionNetworkConfig
from models.performance.descriptors import DESCRIPTORS
from models.performance.features import CURVE, FEATURES, PLACE_IN_PIECE, SCALE
from models.performance.representation import BEAT_PERIOD, PERFORMANCE_COLUMNS
from models.score_performer.layers import AdaptiveNorm, Block, Encoder, FieldValues, ScorePerformerConfig, TupleEmbedding
from models.score_performer.style import Level, StyleEncoder
from models.score_performer.vocabulary import FIELDS, MASK, PERFORMED_FIELDS, SCORE_FIELDS, SPECIALS, START

TEMPO_DROPOUT = 0.3  # tempos are few, as many as there are beats, and soon known by heart
HEARD_FEATURES = [index for index, name in enumerate(FEATURES) if name not in PLACE_IN_PIECE]


class Reader(nn.Module):
    """Pretrained, frozen expression networks. They read scores better than ScorePerformer's encoder, which has much else to learn."""

    def __init__(self, configs: Sequence[ExpressionNetworkConfig]):
        super().__init__()
        self.average = AveragedNetwork(configs).requires_grad_(False).eval()
        self.width = len(PERFORMANCE_COLUMNS) + sum(config.width for config in configs)

    def forward(self, features: Tensor) -> tuple[Tensor, Tensor]:
        """features [B, T, F] -> the mean performance and each network's context [B, T, self.width]; and the mean's tempo [B, T], in octaves
        above the notated one.
        """
        unknown = features.new_zeros(*features.shape[:2], len(DESCRIPTORS))
        means, contexts = zip(*(network(features, unknown, unknown[..., :1]) for network in self.average.networks), strict=True)
        mean = (torch.stack(means, -2) * self.average.weights).sum(-2)
        curve, scale = float(CURVE[BEAT_PERIOD]), float(SCALE[BEAT_PERIOD])
        return torch.cat((mean, *contexts), -1), -scale * curve * torch.sinh(mean[..., BEAT_PERIOD] / curve)

    def train(self, mode: bool = True) -> Self:
        """Stay in evaluation mode, without dropout, whatever the trainer sets."""
        return super().train(False)


class ScoreEncoder(nn.Module):
    """The score's notes -> a context vector for each, from the notes around it."""

    def __init__(self, config: ScorePerformerConfig, values: FieldValues):
        super().__init__()
        self.embedding = TupleEmbedding(config, values.starts, SCORE_FIELDS)
        self.features = nn.Linear(len(HEARD_FEATURES), config.width) if config.reads_features else None
        self.reader = Reader(config.reader) if config.reader else None
        self.understood = nn.Linear(self.reader.width, config.width, bias=False) if self.reader else None
        self.encoder = Encoder(config, config.score_layers)

    def forward(self, table: Tensor, tokens: Tensor, features: Tensor, valid: Tensor) -> tuple[Tensor, Tensor]:
        """tokens [B, T, 16] of the score; features [B, T, F] of models.performance.features; valid [B, T].

        Returns [B, T, width] and, with a reader, its expected tempo [B, T] from each note on, in octaves above the notated one;
        zeros without a reader.
        """
        embedded = self.embedding(table, tokens[..., SCORE_FIELDS])
        tempo = embedded.new_zeros(embedded.shape[:2])
        if self.features is not None:
            embedded = embedded + self.features(features[..., HEARD_FEATURES])
        if self.reader is not None and self.understood is not None:
            understood, tempo = self.reader(features)
            embedded = embedded + self.understood(understood)
        return self.encoder(embedded, valid), tempo


class ContextTempo(nn.Module):
    """The expected tempo, predicted from the score encoder's context."""

    def __init__(self, width: int):
        super().__init__()
        self.dropout = nn.Dropout(TEMPO_DROPOUT)
        self.layers = nn.Sequential(nn.Linear(width, 2 * width), nn.SiLU(), nn.Linear(2 * width, 1))

    def forward(self, context: Tensor, understood: Tensor) -> Tensor:
        """context [B, T, width] -> [B, T] octaves; ``understood`` is not used."""
        return self.layers(self.dropout(context)).squeeze(-1)


class ReaderTempo(nn.Module):
    """The expected tempo, from the reader's, with one learnt factor: more parameters would overfit."""

    def __init__(self) -> None:
        super().__init__()
        self.share = nn.Parameter(torch.ones(()))

    def forward(self, context: Tensor, understood: Tensor) -> Tensor:
        """understood [B, T] octaves -> [B, T] octaves."""
        return self.share * understood


class PerformanceDecoder(nn.Module):
    """One or several notes, with the cache of those before -> the logits of their performed fields' tokens."""

    def __init__(self, config: ScorePerformerConfig, values: FieldValues):
        super().__init__()
        self.config, self.starts = config, values.starts
        self.embedding = TupleEmbedding(config, values.starts, tuple(range(len(FIELDS))))
        self.join = nn.Linear(3 * config.width, config.width)
        self.blocks = nn.ModuleList(Block(config, looks_ahead=False, style_width=config.style_width) for _ in range(config.decoder_layers))
        self.norm = AdaptiveNorm(config.width, config.style_width)
        self.head_norm = nn.LayerNorm(len(PERFORMED_FIELDS) * config.field_width)
        self.biases = nn.ParameterList(torch.zeros(len(FIELDS[field].values)) for field in PERFORMED_FIELDS)

    def forward(
        self, table: Tensor, previous: Tensor, current: Tensor, context: Tensor, style: Tensor, cache: Tensor, written: Tensor
    ) -> tuple[tuple[Tensor, ...], Tensor, Tensor]:
        """previous [B, T, 16]: the performed note before each, START in all fields before the first; current [B, T, 16]: only its score
        fields are read; context [B, T, width]; style [B, T, style_width]; cache [L, B, P, 2*D], whose rows are valid where ``written``
        [B, P].

        Returns logits [B, T, values] of each performed field, next cache, next written.
        """
        embedded = self.embedding(table, previous), self.embedding(table, masked(current)), context
        x = self.join(torch.cat(embedded, -1))
        past_length, length = cache.shape[2], previous.shape[1]
        query = torch.arange(length, device=x.device).unsqueeze(1) + past_length
        distance = query - torch.arange(past_length + length, device=x.device).unsqueeze(0)  # [T, P+T], 0 is the note itself
        in_reach = (distance >= 0) & (distance < self.config.window)
        written = torch.cat((written, torch.ones_like(previous[..., 0], dtype=torch.bool)), 1)  # [B, P+T]
        mask = in_reach.unsqueeze(0) & written.unsqueeze(1)
        distance = distance.clamp(0, self.config.window - 1)
        next_cache = []
        for block, past in zip(cast(Iterable[Block], self.blocks), cache, strict=True):
            x, key_value = block(x, style, past, distance, mask)
            next_cache.append(key_value[:, length:])
        return self._logits(table, self.norm(x, style)), torch.stack(next_cache), written[:, length:]

    def _logits(self, table: Tensor, x: Tensor) -> tuple[Tensor, ...]:
        """Project x to one vector a field with the embedding's weights, and score it against the vectors of the field's values."""
        width = self.config.field_width
        columns = [index for field in PERFORMED_FIELDS for index in range(field * width, (field + 1) * width)]
        vectors = self.head_norm(x @ self.embedding.linear.weight[:, columns]).split(width, -1)
        logits = []
        for field, vector, bias in zip(PERFORMED_FIELDS, vectors, self.biases, strict=True):
            values = table[self.starts[field] + SPECIALS : self.starts[field + 1]]
            logits.append(vector @ values.T * width**-0.5 + bias)
        return tuple(logits)


class ScorePerformer(nn.Module):
    """The whole network. ``table`` holds the vectors of all tokens, computed once for many notes by ``values``."""

    def __init__(self, config: ScorePerformerConfig):
        super().__init__()
        self.config = config
        self.values = FieldValues(config.field_width)
        self.score_encoder = ScoreEncoder(config, self.values)
        self.style_encoder = StyleEncoder(config, self.values)
        self.decoder = PerformanceDecoder(config, self.values)
        self.expected_style = nn.Sequential(
            nn.Linear(config.width, 2 * config.width), nn.SiLU(), nn.Linear(2 * config.width, config.style_width)
        )
        self.expected_tempo = ReaderTempo() if config.reader else ContextTempo(config.width)

    def initial_state(self, batch: int, notes: int | None = None) -> tuple[Tensor, Tensor]:
        """Return the decoder's empty cache and ``written``, for ``notes`` notes; None: for as many as a note can attend to."""
        rows = self.config.window - 1 if notes is None else notes
        cache = torch.zeros(self.config.decoder_layers, batch, rows, 2 * self.config.head_width)
        return cache, torch.zeros(batch, rows, dtype=torch.bool)

    def encode_style(self, tokens: Tensor, segments: Tensor, valid: Tensor) -> list[Level]:
        """Return the latents of a performance; see StyleEncoder."""
        return self.style_encoder(self.values(), tokens, segments, valid)

    def read_score(self, score: Tensor, features: Tensor, valid: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Return the context of the score's notes, see ScoreEncoder; the average style of humans there [B, T, style_width]; and
        the tempo [B, T] from each note's onset to the next, in octaves above the notated one and the performance's mean.
        """
        context, tempo = self.score_encoder(self.values(), score, features, valid)
        return context, self.expected_style(context), self.expected_tempo(context, tempo)

    def predict(self, tokens: Tensor, context: Tensor, style: Tensor, forgotten: Tensor | None = None) -> tuple[Tensor, ...]:
        """Return the decoder's logits of all notes of performances with known tokens [B, T, 16] (teacher forcing).

        The performed fields of ``forgotten`` notes [B, T] are masked in the decoder's past.
        """
        before = tokens if forgotten is None else torch.where(forgotten.unsqueeze(-1), masked(tokens), tokens)
        cache, written = (state.to(context.device) for state in self.initial_state(len(tokens), notes=0))
        logits, _, _ = self.decoder(self.values(), shifted(before), tokens, context, style, cache, written)
        return logits


class StreamingDecoder(nn.Module):
    """``PerformanceDecoder`` for one performance, without a batch axis; the table of token vectors is computed once."""

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


def masked(tokens: Tensor) -> Tensor:
    """Return the tokens with MASK in all performed fields."""
    is_performed = torch.tensor([field.performed for field in FIELDS], device=tokens.device)
    return torch.where(is_performed, MASK, tokens)


def shifted(tokens: Tensor) -> Tensor:
    """Return for each note [B, T, 16] the tokens of the note before; START for the first."""
    return functional.pad(tokens[:, :-1], (0, 0, 1, 0), value=START)
