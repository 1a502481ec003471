"""The command ``perf-eval expressiveness``."""

import json
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import track

from engine.base.errors import UsageError
from engine.performers.controls import parse_settings
from engine.performers.score_playing.controls import HEARD_CONTROLS
from engine.systems import Kind, performers
from training.evaluation.expressiveness.figures import evaluate_piece, summarise
from training.evaluation.expressiveness.live_renderer import load_live_renderer
from training.evaluation.expressiveness.pieces import load_held_out_pieces
from training.evaluation.expressiveness.renderers import PUBLISHED, load_renderer
from training.evaluation.expressiveness.tables import as_plain, print_pieces, print_summary

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
        typer.Option("--performer", help=f"{' or '.join(performers(Kind.SCORES))}; dexter{PUBLISHED} samples as published (default: none)"),
    ] = None,
    model: ModelOption = None,
    seeds: Annotated[int, typer.Option("--seeds", min=0, help="how many sampled renderings of each score")] = 3,
    lookahead_s: Annotated[
        float | None,
        typer.Option("--lookahead", metavar="SECONDS", help="perform what a DAW would play of the scores, flat, looking so far ahead"),
    ] = None,
    settings: Annotated[
        list[str] | None, typer.Option("--set", metavar="NAME=VALUE", help="a control, such as tempo_from=model; repeat for more")
    ] = None,
    pieces: PiecesOption = "",
    as_json: JsonOption = False,
) -> None:
    """Performances of the validation scores, beside humans' and beside the score as written."""
    if settings and not performer:
        raise UsageError(f"--set {settings[0]}: it sets a control of a performer; give --performer {' or '.join(performers(Kind.SCORES))}")
    if lookahead_s is not None and (not performer or lookahead_s <= 0):
        raise UsageError(f"--lookahead {lookahead_s:g}: give more than 0 seconds, and --performer {' or '.join(performers(Kind.SCORES))}")
    renderer = None
    if performer:
        renderer = load_live_renderer(performer, model, lookahead_s) if lookahead_s else load_renderer(performer, model)
    controls = parse_settings(HEARD_CONTROLS, settings or [])
    render = (lambda piece, seed: renderer(piece, seed, controls)) if renderer else None
    chosen = load_held_out_pieces(data, "validation", cache, pieces)
    rows = [evaluate_piece(piece, render, range(seeds)) for piece in track(chosen, "performing", console=Console(stderr=True))]
    names, summary = [piece.name for piece in chosen], summarise(rows)
    if as_json:
        print(json.dumps(as_plain(names, rows, summary), indent=1))
        return
    print_pieces(names, rows)
    print_summary(summary)
