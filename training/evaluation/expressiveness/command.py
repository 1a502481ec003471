"""The commands ``perf-eval expressiveness`` and ``perf-eval descriptors``."""

import json
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import track

from engine.base.errors import UsageError
from engine.systems import Kind, performers
from models.performance.descriptors import DESCRIPTORS
from training.evaluation.expressiveness.descriptors import descriptor_trials, summarise_trials
from training.evaluation.expressiveness.figures import evaluate_piece, summarise
from training.evaluation.expressiveness.live_renderer import load_live_renderer
from training.evaluation.expressiveness.pieces import load_held_out_pieces
from training.evaluation.expressiveness.renderers import load_renderer
from training.evaluation.expressiveness.tables import as_plain, print_pieces, print_rows, print_summary

DataOption = Annotated[Path, typer.Option("--data", help="folder of the unpacked (n)ASAP corpus")]
CacheOption = Annotated[Path, typer.Option("--cache", help="folder to keep aligned performances in")]
ModelOption = Annotated[Path | None, typer.Option("--model", help="the performer's model, in place of the one that ships")]
PiecesOption = Annotated[str, typer.Option("--pieces", metavar="TEXT", help="only pieces with this text in their folder's name")]
JsonOption = Annotated[bool, typer.Option("--json", help="print JSON instead of tables")]
CACHE = Path("runs/aligned")


def expressiveness(
    data: DataOption,
    cache: CacheOption = CACHE,
    performer: Annotated[
        str | None,
        typer.Option("--performer", help="dexter, dexter-thousand-steps (sampled as published) or score-performer [default: none]"),
    ] = None,
    model: ModelOption = None,
    seeds: Annotated[int, typer.Option("--seeds", min=0, help="how many sampled renderings of each score")] = 3,
    lookahead_s: Annotated[
        float | None,
        typer.Option("--lookahead", metavar="SECONDS", help="perform what a DAW would play of the scores, flat, looking so far ahead"),
    ] = None,
    pieces: PiecesOption = "",
    as_json: JsonOption = False,
) -> None:
    """Performances of the validation scores, beside humans' and beside the score as written."""
    if lookahead_s is not None and (not performer or lookahead_s <= 0):
        raise UsageError(f"--lookahead {lookahead_s:g}: give more than 0 seconds, and --performer {' or '.join(performers(Kind.SCORES))}")
    renderer = None
    if performer:
        renderer = load_live_renderer(performer, model, lookahead_s) if lookahead_s else load_renderer(performer, model)
    render = (lambda score, seed: renderer(score, seed, {})) if renderer else None
    chosen = load_held_out_pieces(data, "validation", cache, pieces)
    rows = [evaluate_piece(piece, render, range(seeds)) for piece in track(chosen, "performing", console=Console(stderr=True))]
    names, summary = [piece.name for piece in chosen], summarise(rows)
    if as_json:
        print(json.dumps(as_plain(names, rows, summary), indent=1))
        return
    print_pieces(names, rows)
    print_summary(summary)


def descriptors(
    data: DataOption,
    cache: CacheOption = CACHE,
    performer: Annotated[str, typer.Option("--performer", help="dexter")] = "dexter",
    model: ModelOption = None,
    seed: Annotated[int | None, typer.Option("--seed", min=0, help="of sampled renderings [default: mean renderings]")] = None,
    pieces: PiecesOption = "",
    as_json: JsonOption = False,
) -> None:
    """Each descriptor's control up and down by one deviation: how far that moves what is measured of the performance."""
    renderer = load_renderer(performer, model)
    chosen = load_held_out_pieces(data, "validation", cache, pieces)
    shown = track([piece.score for piece in chosen], "performing", console=Console(stderr=True))
    figures = summarise_trials([descriptor_trials(score, lambda score, controls: renderer(score, seed, controls)) for score in shown])
    if as_json:
        print(json.dumps(figures, indent=1))
        return
    title = "control moved from a deviation down to one up: change of each descriptor, in deviations; trials that go right"
    print_rows(title, figures, (*DESCRIPTORS, "right_way"))
