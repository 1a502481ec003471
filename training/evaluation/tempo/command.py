"""The command ``perf-eval tempo``."""

import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any, get_args

import typer
from rich.console import Console
from rich.progress import track
from rich.table import Table

from engine.performers.controls import parse_settings
from engine.performers.score_playing.controls import HEARD_CONTROLS
from engine.score.piece import Piece, read_piece
from engine.systems import Kind, performers
from models.performance.representation import Performed
from training.evaluation.expressiveness.command import JsonOption
from training.evaluation.expressiveness.renderers import Renderer, check_performs_scores, load_renderer
from training.evaluation.tempo.voices import Said, with_tempo, with_voices

VOICES = (1, 2, 4, 8)


def tempo(
    files: Annotated[list[Path], typer.Argument(help="scores")],
    performer: Annotated[list[str] | None, typer.Option("--performer", help="one or more (default: all that perform scores)")] = None,
    mark: Annotated[float, typer.Option("--mark", min=10, max=400, help="quarters a minute, where a mark is said")] = 96,
    word: Annotated[str, typer.Option("--word", help="what is said where a word is")] = "Allegro",
    seeds: Annotated[int, typer.Option("--seeds", min=0, help="samples of each; 0 is the mean rendering")] = 0,
    settings: Annotated[list[str] | None, typer.Option("--set", metavar="NAME=VALUE", help="a control, such as tempo_from=model")] = None,
    as_json: JsonOption = False,
) -> None:
    """The mean tempo of the same music for 1, 2, 4 and 8 voices, with nothing, a word or a mark that says it."""
    names = performer or list(performers(Kind.SCORES))
    for name in names:
        check_performs_scores(name)
    controls = parse_settings(HEARD_CONTROLS, settings or [])
    pieces = {path.name: read_piece(path) for path in files}
    rows = []
    for name in names:
        render = load_renderer(name, None)
        trials = [(file, said) for file in pieces for said in get_args(Said)]
        for file, said in track(trials, f"{name} performs", console=Console(stderr=True)):
            tempos = [_tempos(render, _told(pieces[file], count, said, mark, word), seeds, controls) for count in VOICES]
            rows.append({"performer": name, "file": file, "said": said, "quarters_per_minute": tempos})
    if as_json:
        print(json.dumps(rows, indent=1))
    else:
        _print(rows, {"nothing": "nothing", "word": word, "mark": f"{mark:g}"})


def _told(piece: Piece, count: int, said: Said, mark: float, word: str) -> Piece:
    chosen = with_voices(piece, count)
    return replace(chosen, score=with_tempo(chosen.score, said, mark, word))


def _tempos(render: Renderer, piece: Piece, seeds: int, controls: Mapping[str, float]) -> list[float]:
    performed = [render(piece, seed, controls) for seed in (range(seeds) if seeds else [None])]
    return [mean_tempo(piece, each) for each in performed]


def mean_tempo(piece: Piece, performed: Performed) -> float:
    """Return quarters a minute from the first onset to the end of what is held longest."""
    notes = piece.score.notes
    quarters = float((notes["onset_quarter"] + notes["duration_quarter"]).max() - notes["onset_quarter"].min())
    return 60 * quarters / float((performed.onset_sec + performed.duration_sec).max() - performed.onset_sec.min())


def _print(rows: list[dict[str, Any]], said: dict[str, str]) -> None:
    table = Table(title="quarters a minute, the lowest and the highest of the samples where there are several", title_justify="left")
    for column in ("file", "performer", "said", *(f"{count} voices" for count in VOICES), "most / least"):
        table.add_column(column)
    for row in rows:
        tempos = row["quarters_per_minute"]
        every = [tempo for each in tempos for tempo in each]
        shown = [f"{min(each):.0f}" + (f" to {max(each):.0f}" if len(each) > 1 else "") for each in tempos]
        table.add_row(row["file"], row["performer"], said[row["said"]], *shown, f"{max(every) / min(every):.2f}")
    Console(width=max(Console().width, 120)).print(table)
