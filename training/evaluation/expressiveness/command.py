"""The command ``perf-eval expressiveness``."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import track

from engine.base.errors import UsageError
from engine.performers.controls import parse_settings
from engine.performers.score_playing.controls import HEARD_CONTROLS
from engine.systems import Kind, performers
from training.evaluation.expressiveness.figures import Render, evaluate_piece, summarise
from training.evaluation.expressiveness.folds import RenderOf, complete_folds, perform_folds
from training.evaluation.expressiveness.live_renderer import load_live_renderer
from training.evaluation.expressiveness.pieces import load_held_out_pieces, with_programs
from training.evaluation.expressiveness.pooled import print_pooled, write_pieces
from training.evaluation.expressiveness.renderers import PUBLISHED, load_renderer
from training.evaluation.expressiveness.tables import as_plain, print_pieces, print_summary

DataOption = Annotated[Path, typer.Option("--data", help="folder of the unpacked (n)ASAP corpus")]
CacheOption = Annotated[Path, typer.Option("--cache", help="folder to keep aligned performances in")]
ModelOption = Annotated[Path | None, typer.Option("--model", help="the performer's model, in place of the one that ships")]
PiecesOption = Annotated[str, typer.Option("--pieces", metavar="TEXT", help="only pieces with this text in their folder's name")]
JsonOption = Annotated[bool, typer.Option("--json", help="print JSON instead of tables")]
CACHE = Path("runs/aligned")
PIECES_FILE = "pieces.csv"


def expressiveness(
    data: DataOption,
    cache: CacheOption = CACHE,
    performer: Annotated[
        str | None,
        typer.Option("--performer", help=f"{' or '.join(performers(Kind.SCORES))}; dexter{PUBLISHED} samples as published (default: none)"),
    ] = None,
    model: ModelOption = None,
    seeds: Annotated[
        int | None, typer.Option("--seeds", min=0, help="how many sampled renderings of each score (default: 3, with --folds none)")
    ] = None,
    lookahead_s: Annotated[
        float | None,
        typer.Option("--lookahead", metavar="SECONDS", help="perform what a DAW would play of the scores, flat, looking so far ahead"),
    ] = None,
    settings: Annotated[
        list[str] | None, typer.Option("--set", metavar="NAME=VALUE", help="a control, such as tempo_from=model; repeat for more")
    ] = None,
    programs: Annotated[
        int, typer.Option("--programs", min=0, help="perform the scores also as MIDI that so many programs nobody knows might write")
    ] = 0,
    pieces: PiecesOption = "",
    folds: Annotated[
        Path | None, typer.Option("--folds", help="folder of perf-train --folds: each piece as what learnt from other works performs it")
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Performances of the validation scores, or of those of all folds, beside humans' and beside the score as written."""
    one_of = " or ".join(performers(Kind.SCORES))
    if folds and (performer or model or as_json or programs):
        raise UsageError("--folds: its performers are those of the folds, its figures by piece a CSV; leave the other options out")
    if settings and not (performer or folds):
        raise UsageError(f"--set {settings[0]}: it sets a control of a performer; give --performer {one_of}")
    if lookahead_s is not None and (not (performer or folds) or lookahead_s <= 0):
        raise UsageError(f"--lookahead {lookahead_s:g}: give more than 0 seconds, and --performer {one_of}")
    controls = parse_settings(HEARD_CONTROLS, settings or [])

    def render_of(system: str, path: Path | None) -> Render:
        renderer = load_live_renderer(system, path, lookahead_s) if lookahead_s else load_renderer(system, path)
        return lambda piece, seed: renderer(piece, seed, controls)

    if folds:
        _report_folds(data, folds, render_of, range(seeds or 0), pieces)
        return
    render = render_of(performer, model) if performer else None
    chosen = [with_programs(piece, programs) for piece in load_held_out_pieces(data, "validation", cache, pieces)]
    sampled = range(3 if seeds is None else seeds)
    rows = [evaluate_piece(piece, render, sampled) for piece in track(chosen, "performing", console=Console(stderr=True))]
    names, summary = [piece.name for piece in chosen], summarise(rows)
    if as_json:
        print(json.dumps(as_plain(names, rows, summary), indent=1))
        return
    print_pieces(names, rows)
    print_summary(summary)


def _report_folds(data: Path, folder: Path, render_of: RenderOf, seeds: Sequence[int], containing: str) -> None:
    """Print the figures over the pieces of all complete folds, and write those of each piece into the folds' folder."""
    folded = complete_folds(data, folder)
    performed = perform_folds(folded, render_of, seeds, folder.absolute().parent / "aligned", containing)
    print_pooled(performed)
    write_pieces(folder / PIECES_FILE, performed)
    print(f"{folded}\n{folder / PIECES_FILE}: the figures of each piece")
