"""How long one note takes in eager PyTorch: ``python -m training.eager_score_performer SIZES NOTES``, sizes as JSON.

Prints the distribution as JSON. The decoder is of that size with random weights, the time is the same; on one thread.
"""

import json
import sys
import time
from dataclasses import asdict

import torch

from engine.bench.figures import describe
from models.score_performer.layers import ScorePerformerConfig
from models.score_performer.network import ScorePerformer
from models.score_performer.streaming import StreamingDecoder
from models.score_performer.vocabulary import FIELDS, SPECIALS

WARM_UP_NOTES = 20


def time_notes(config: ScorePerformerConfig, notes: int) -> list[int]:
    """Return how long each note took in nanoseconds, one after the other without rest, after a few that do not count."""
    network = ScorePerformer(config)
    decoder = StreamingDecoder(network).eval()
    tokens = torch.full((1, len(FIELDS)), SPECIALS)
    context, style = torch.zeros(1, config.width), torch.zeros(1, config.style_width)
    cache, written = (state.squeeze(axis) for state, axis in zip(network.initial_state(1), (1, 0), strict=True))
    durations_ns = []
    with torch.inference_mode():
        for _ in range(WARM_UP_NOTES + notes):
            begun_ns = time.perf_counter_ns()
            *_, cache, written = decoder(tokens, tokens, context, style, cache, written)
            durations_ns.append(time.perf_counter_ns() - begun_ns)
    return durations_ns[WARM_UP_NOTES:]


def main() -> None:
    sizes, notes = sys.argv[1:]
    torch.set_num_threads(1)
    print(json.dumps(asdict(describe(time_notes(ScorePerformerConfig.model_validate_json(sizes), int(notes))))))


if __name__ == "__main__":
    main()
