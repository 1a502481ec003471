"""The command ``perf-eval dexter``."""

import json
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import track

from models.performance.descriptors import DESCRIPTORS
from training.evaluation.dexter.descriptors import descriptor_trials, summarise_trials
from training.evaluation.expressiveness.command import CACHE, CacheOption, DataOption, JsonOption, ModelOption, PiecesOption
from training.evaluation.expressiveness.pieces import load_held_out_pieces
from training.evaluation.expressiveness.renderers import load_renderer
from training.evaluation.expressiveness.tables import print_rows


def dexter(
    data: DataOption,
    cache: CacheOption = CACHE,
    model: ModelOption = None,
    seed: Annotated[int | None, typer.Option("--seed", min=0, help="of sampled renderings (default: mean renderings)")] = None,
    pieces: PiecesOption = "",
    as_json: JsonOption = False,
) -> None:
    """DExter's descriptors: each control up and down by one deviation, and how far that moves what is measured of the performance."""
    renderer = load_renderer("dexter", model)
    chosen = load_held_out_pieces(data, "validation", cache, pieces)
    shown = track([piece.presentations["MusicXML"].piece for piece in chosen], "performing", console=Console(stderr=True))
    figures = summarise_trials([descriptor_trials(piece, lambda piece, controls: renderer(piece, seed, controls)) for piece in shown])
    if as_json:
        print(json.dumps(figures, indent=1))
        return
    title = "control moved from a deviation down to one up: change of each descriptor, in deviations; trials that go right"
    print_rows(title, figures, (*DESCRIPTORS, "right_way"))
