"""How long one note takes in eager PyTorch: ``python -m training.score_performer.eager SIZES NOTES``, sizes as JSON.

Prints the distribution as JSON. The decoder is of that size with random weights, the time is the same; on one thread.
"""

import json
import sys
from dataclasses import asdict

import torch

from engine.bench.measuring.figures import Distribution
from engine.bench.measuring.timing import time_calls
from models.score_performer.layers import ScorePerformerConfig
from models.score_performer.network import ScorePerformer, StreamingDecoder
from models.score_performer.vocabulary import FIELDS, SPECIALS


def time_notes(config: ScorePerformerConfig, notes: int) -> Distribution:
    """Return how long each note took, whatever it is, with the memory that the one before it left."""
    network = ScorePerformer(config)
    decoder = StreamingDecoder(network).eval()
    tokens = torch.full((1, len(FIELDS)), SPECIALS)
    context, style = torch.zeros(1, config.width), torch.zeros(1, config.style_width)
    cache, written = (state.squeeze(axis) for state, axis in zip(network.initial_state(1), (1, 0), strict=True))

    def step() -> None:
        nonlocal cache, written
        *_, cache, written = decoder(tokens, tokens, context, style, cache, written)

    with torch.inference_mode():
        return time_calls(step, notes)


def main() -> None:
    sizes, notes = sys.argv[1:]
    torch.set_num_threads(1)
    print(json.dumps(asdict(time_notes(ScorePerformerConfig.model_validate_json(sizes), int(notes)))))


if __name__ == "__main__":
    main()
