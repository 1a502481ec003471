"""Free-running velocities for whole takes from the article's network: it reads its own velocities, never the true ones. PyTorch."""

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from models.velocity.article_network import ArticleNetwork
from models.velocity.article_representation import BLANK, SPECIAL_TOKENS, START, Window, bracket, windows

NOT_COMMITTED = -1


@torch.inference_mode()
def predict_velocities(
    network: ArticleNetwork, takes: Sequence[np.ndarray], temperature: float = 0.0, generator: torch.Generator | None = None
) -> list[np.ndarray]:
    """Return the velocities, 1 to 127, of every note of every take, given their source tokens ([notes] each).

    Takes are decoded side by side, window by window; a window hears the velocities committed by the one before.
    ``temperature`` 0 takes the likeliest velocity, 1 samples from the network's distribution with ``generator``.
    """
    network.eval()
    plans = [windows(len(take)) for take in takes]
    predicted = [np.full(len(take), NOT_COMMITTED) for take in takes]
    for round_number in range(max(map(len, plans), default=0)):
        active = [index for index, plan in enumerate(plans) if round_number < len(plan)]
        spans = [plans[index][round_number] for index in active]
        source = _stack([bracket(takes[index][_slice(span)]) for index, span in zip(active, spans, strict=True)], BLANK)
        known = _stack([predicted[index][_slice(span)] for index, span in zip(active, spans, strict=True)], NOT_COMMITTED)
        written = _decode_window(network, source, known, min(span.committed for span in spans), temperature, generator)
        for index, span, velocities in zip(active, spans, written.numpy(), strict=True):
            predicted[index][_slice(span)] = velocities[: span.length]
    return predicted


def _decode_window(
    network: ArticleNetwork, source: Tensor, known: Tensor, shared: int, temperature: float, generator: torch.Generator | None
) -> Tensor:
    """Return velocities [B, T]: ``known`` [B, T] where committed (the first ``shared`` of every row are), the network's elsewhere."""
    velocities = known.clone()
    cache = network.encode(source)
    start = torch.full((len(known), 1), START)
    tokens = torch.cat((start, velocities[:, :shared] + SPECIAL_TOKENS), dim=1)  # [B, 1 + shared]
    for position in range(shared, known.shape[1]):
        logits, cache = network.decode(tokens, cache)
        choice = choose(logits[:, -1], temperature, generator)  # [B]
        velocities[:, position] = torch.where(known[:, position] == NOT_COMMITTED, choice, known[:, position])
        tokens = velocities[:, position : position + 1] + SPECIAL_TOKENS  # [B, 1]
    return velocities


def choose(logits: Tensor, temperature: float, generator: torch.Generator | None = None) -> Tensor:
    """Return velocities, 1 to 127, [...] from logits [..., 131]: special tokens and velocity 0, a note-off, are never chosen."""
    audible = logits[..., SPECIAL_TOKENS + 1 :]  # [..., 127]
    if temperature == 0:
        return audible.argmax(dim=-1) + 1
    chances = torch.softmax(audible / temperature, dim=-1)
    drawn = torch.multinomial(chances.flatten(0, -2), 1, generator=generator)
    return drawn.view(chances.shape[:-1]) + 1


def _slice(window: Window) -> slice:
    return slice(window.first, window.first + window.length)


def _stack(rows: Sequence[np.ndarray], fill: int) -> Tensor:
    """Return rows of different lengths as one table, [B, longest], filled at their ends."""
    table = torch.full((len(rows), max(map(len, rows))), fill)
    for row, values in zip(table, rows, strict=True):
        row[: len(values)] = torch.from_numpy(values)
    return table
