"""The command ``perf-eval tell-apart``."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from engine.base.errors import UsageError
from engine.base.files import check_writable
from engine.performers.controls import parse_settings, with_defaults
from engine.performers.performance_rnn.controls import CONTROLS, preferences_of
from engine.systems import Kind, find_system, performers
from training.datasets.asap import Split
from training.evaluation.expressiveness.command import CACHE, CacheOption, DataOption, JsonOption, ModelOption
from training.evaluation.expressiveness.kept_renderings import keep_renderings
from training.evaluation.expressiveness.pieces import HeldOutPiece, load_held_out_pieces
from training.evaluation.expressiveness.renderers import load_renderer
from training.evaluation.tell_apart.classifiers import CLASSIFIERS
from training.evaluation.tell_apart.contestants import listen, one_human, rendered, written
from training.evaluation.tell_apart.improvisation import improvised
from training.evaluation.tell_apart.judgement import Contest, begin_contest, judge
from training.evaluation.tell_apart.picture import draw_telling
from training.evaluation.tell_apart.table import Told, as_plain, print_telling, print_told
from training.evaluation.tell_apart.telling import find_telling
from training.performance_rnn.data import load_sounding_notes

RENDERINGS = "renderings"  # a folder in that of --cache
TAKES_A_SEED, TAKE_S = 8, 60.0  # of improvisations


def tell_apart(
    data: DataOption,
    cache: CacheOption = CACHE,
    performer: Annotated[
        list[str] | None, typer.Option("--performer", help="who is told from humans; repeat for more (default: all that can be)")
    ] = None,
    model: ModelOption = None,
    temperature: Annotated[float, typer.Option("--temperature", min=0, help="of the samples of scores")] = 1.0,
    settings: Annotated[
        list[str] | None, typer.Option("--set", metavar="NAME=VALUE", help="a control of the improviser, such as motifs=0")
    ] = None,
    seeds: Annotated[int, typer.Option("--seeds", min=1, help=f"samples of each score; {TAKES_A_SEED} times as many improvisations")] = 3,
    pieces: Annotated[
        list[str] | None, typer.Option("--pieces", metavar="TEXT", help="only pieces with this text in their folder's name (repeatable)")
    ] = None,
    split: Annotated[Split, typer.Option("--split", help="pieces to perform; to choose settings by, take train")] = "validation",
    picture: Annotated[Path | None, typer.Option("--picture", metavar="FILE.png", help="draw the statistics that tell most")] = None,
    as_json: JsonOption = False,
) -> None:
    """How well performances are told from humans', by statistics of 48 notes and by a network that reads them, and what tells."""
    names = _checked(performer, model)
    if picture:
        check_writable(picture)
    preferences = preferences_of(with_defaults(CONTROLS, parse_settings(CONTROLS, settings or [])))
    contests = {}
    if any(Kind.SCORES in find_system(name).plays for name in names):
        contests = _of_scores(_pieces(data, split, cache, pieces or [""]), names, model, temperature, seeds, cache / RENDERINGS)
    if any(Kind.IMPROVISES in find_system(name).plays for name in names):
        with Console(stderr=True).status("improvising"):
            sides = improvised(load_sounding_notes(data, split, cache), model, preferences, TAKES_A_SEED * seeds, TAKE_S)
        contests |= {label: begin_contest(*both) for label, both in sides.items()}
    rows = {label: _tell(label, contest) for label, contest in contests.items()}
    if picture:
        draw_telling(picture, rows)
    if as_json:
        print(json.dumps(as_plain(rows), indent=1))
        return
    print_told(rows)
    for label, told in rows.items():
        print_telling(label, told.telling)


def _checked(names: list[str] | None, model: Path | None) -> list[str]:
    """Return the performers that are told apart. Raises UsageError for one that plays neither scores nor improvisations."""
    able = performers(Kind.SCORES, Kind.IMPROVISES)
    unable = [name for name in names or [] if name not in able]
    if unable:
        raise UsageError(f"--performer {unable[0]!r}: allowed: {', '.join(able)}")
    if model and len(names or []) != 1:
        raise UsageError(f"--model {str(model)!r}: it is of one performer; give one --performer of {', '.join(able)}")
    return names or list(able)


def _pieces(data: Path, split: Split, cache: Path, texts: Sequence[str]) -> list[HeldOutPiece]:
    """Return the pieces with any of ``texts`` in their names."""
    found = {piece.name: piece for text in texts for piece in load_held_out_pieces(data, split, cache, text)}
    return list(found.values())


def _of_scores(
    pieces: Sequence[HeldOutPiece], names: Sequence[str], model: Path | None, temperature: float, seeds: int, renderings: Path
) -> dict[str, Contest]:
    """Return the contests of what plays scores, by label."""
    heard = listen(pieces)
    found = {"one human among the others": one_human(heard, seeds), "as written": written(heard)}
    for name in names:
        if Kind.SCORES in find_system(name).plays:
            render = keep_renderings(load_renderer(name, model), name, model, renderings)
            found[f"{name}, mean"] = rendered(heard, render, [None], {}, f"{name}, mean")
            found[f"{name}, sampled"] = rendered(heard, render, range(seeds), {"temperature": temperature}, f"{name}, sampled")
    return found


def _tell(label: str, contest: Contest) -> Told:
    with Console(stderr=True).status(f"telling apart: {label}"):
        return Told(contest, {name: judge(contest, classifier) for name, classifier in CLASSIFIERS.items()}, find_telling(contest))
