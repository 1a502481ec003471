"""Performs scores with a trained ScorePerformer and compares them with the human whose style is used:
``python -m training.score_performer.rendering CHECKPOINT --data FOLDER``.
"""

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import numpy as np
import torch
import typer
from torch import Tensor

from engine.base.command_line import HELP, run
from models.layers.sampling import GumbelNoise, SamplingOptions
from models.score_performer.network import ScorePerformer, StreamingDecoder
from models.score_performer.sampling import Continuation, choose_fields
from models.score_performer.score_representation import ONSET_LEVEL
from models.score_performer.style import style_of
from models.score_performer.vocabulary import (
    ONSET_DEVIATION,
    PERFORMED_DURATION,
    PERFORMED_FIELDS,
    START,
    TEMPO,
    VELOCITY,
    to_values,
)
from training.score_performer.data import load_scores, load_token_pieces
from training.score_performer.task import load_task
from training.score_performer.windows import batch_of, performed, window_of, window_rows

FOLLOWED = {"velocity": VELOCITY, "tempo": TEMPO, "onset deviation": ONSET_DEVIATION, "duration": PERFORMED_DURATION}

app = typer.Typer(add_completion=False, context_settings=HELP)


Place = tuple[int, float, bool]  # of a note: the index of its onset, where that is in quarters, whether it is a grace note


def render(
    network: ScorePerformer, score: np.ndarray, places: Sequence[Place], context: Tensor, style: Tensor, seed: int, options: SamplingOptions
) -> np.ndarray:
    """Return the tokens (N, 16) of a performance of ``score`` (N, 16), each note from those before it as they came out.

    ``context`` [N, width] is the score encoder's; ``style`` [N, style_width].
    """
    decoder, noise, continuation = StreamingDecoder(network).eval(), GumbelNoise(seed), Continuation()
    cache, written = (state.squeeze(axis) for state, axis in zip(network.initial_state(1), (1, 0), strict=True))
    previous, played = np.full(score.shape[1], START), np.empty_like(score)
    with torch.inference_mode():
        for index, place in enumerate(places):
            row = slice(index, index + 1)
            tokens = torch.from_numpy(np.stack([previous, score[index]])).split(1)
            *logits, cache, written = decoder(*tokens, context[row], style[row], cache, written)
            chosen = score[index].copy()
            chosen[list(PERFORMED_FIELDS)] = choose_fields(torch.cat(logits, -1)[0].numpy(), noise, index, options)
            previous = played[index] = np.array(continuation.take(*place, chosen.tolist()))
    return played


def likeness(played: np.ndarray, human: np.ndarray) -> dict[str, float]:
    """Return the correlation of two performances' values by field, of the logarithms of tempos; NaN where one has a single value."""
    found = {}
    for name, field in FOLLOWED.items():
        one, other = (to_values(field, tokens[:, field]) for tokens in (played, human))
        if field == TEMPO:
            one, other = np.log(one), np.log(other)
        found[name] = float(np.corrcoef(one, other)[0, 1]) if one.std() > 0 and other.std() > 0 else np.nan
    return found


@app.command()
def main(
    checkpoint: Annotated[Path, typer.Argument(help="checkpoint of perf-train")],
    data: Annotated[Path, typer.Option("--data", help="folder of the unpacked corpus")],
    windows: Annotated[int, typer.Option("--windows", min=1, help="how many performances to take a window of")] = 12,
    temperature: Annotated[float, typer.Option("--temperature", min=0)] = 1.0,
    top_p: Annotated[float, typer.Option("--top-p", min=0.01, max=1)] = 0.95,
) -> None:
    """Perform windows of validation scores in the style of a human and without any; print how these correlate with the human's."""
    task, cache = load_task(checkpoint), checkpoint.parent.parent
    length, options, random = task.config.windows.notes, SamplingOptions(temperature, top_p), np.random.default_rng(0)
    pieces = list(zip(load_token_pieces(data, "validation", cache), load_scores(data, "validation", cache), strict=True))
    found: dict[str, list[dict[str, float]]] = {"in the human's style": [], "in the style to be expected": [], "without style": []}
    for index in np.linspace(0, len(pieces) - 1, windows).astype(int):
        piece, score = pieces[index]
        tokens = piece.performances[0]
        start = int(random.integers(0, max(int(performed(tokens).sum()) - length, 0) + 1))
        window = batch_of([window_of(piece, tokens, start, length, deadpan=False)])
        with torch.inference_mode():
            context, expected, _ = (each[0] for each in task.network.read_score(window["score"], window["features"], window["valid"]))
            style = style_of(task.network.encode_style(window["tokens"], window["segments"], window["valid"]))[0]
        written, human = window["score"][0].numpy(), window["tokens"][0].numpy()
        notes, onsets = score.notes[window_rows(tokens, start, length)], window["segments"][0, :, ONSET_LEVEL].tolist()
        places = list(zip(onsets, notes["onset_quarter"].tolist(), notes["is_grace"].tolist(), strict=True))
        for rows, chosen in zip(found.values(), (style, expected, torch.zeros_like(style)), strict=True):
            rows.append(likeness(render(task.network, written, places, context, chosen, int(index), options), human))
    print(f"{'correlation':30}" + "".join(f"{name:>17}" for name in FOLLOWED))
    for name, rows in found.items():
        print(f"{name:30}" + "".join(f"{np.nanmean([row[field] for row in rows]):17.3f}" for field in FOLLOWED))


if __name__ == "__main__":
    sys.exit(run(app, "training.score_performer.rendering"))
