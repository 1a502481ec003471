"""The command ``perf-eval score-performer``."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import typer
from rich.console import Console
from rich.progress import track
from rich.table import Table

from engine.base.errors import PerfLiveError
from engine.performers.score_performer.performer import load_performer
from engine.score.tables import Score
from training.evaluation.expressiveness.command import DataOption, JsonOption, ModelOption, PiecesOption
from training.evaluation.score_performer.excerpts import Renderer, excerpts
from training.evaluation.score_performer.spaces import StyledNotes, draw_spaces, read_pieces
from training.evaluation.score_performer.transfer import Comparison, compare_pianists
from training.evaluation.score_performer.trials import DirectionFigures, direction_trials, summarise
from training.score_performer.classifiers import fit, judge, too_few
from training.score_performer.data import TokenPiece, load_scores, load_token_pieces


def score_performer(
    data: DataOption,
    cache: Annotated[Path, typer.Option("--cache", help="folder to keep encoded performances in")] = Path("runs"),
    model: ModelOption = None,
    trials: Annotated[int, typer.Option("--trials", min=0, help="excerpts of each score that directions are applied to")] = 1,
    transfer: Annotated[bool, typer.Option("--transfer/--no-transfer", help="compare pianists' manners")] = True,
    temperature: Annotated[float, typer.Option("--temperature", min=0, help="of the performances")] = 1.0,
    classifiers: Annotated[bool, typer.Option("--classifiers", help="tell scores' directions from styles")] = False,
    picture: Annotated[Path | None, typer.Option("--picture", help="draw the style spaces to this .png")] = None,
    pieces: PiecesOption = "",
    as_json: JsonOption = False,
) -> None:
    """ScorePerformer's styles: what directions move, how near a manner comes to whose it is, and where styles lie."""
    chosen = choose_pieces(data, cache, pieces)
    performer = load_performer(model, None)
    render, console = Renderer(performer, temperature), Console(stderr=True)
    found: dict[str, Any] = {}
    if trials:
        directed = track([excerpt for _, score in chosen for excerpt in excerpts(score, trials)], "directing", console=console)
        rows = [direction_trials(excerpt, render, performer.space, seed) for seed, excerpt in enumerate(directed)]
        found["directions"] = {name: figures._asdict() for name, figures in summarise(rows).items()}
    if transfer:
        compared = track(chosen, "comparing pianists", console=console)
        found["transfer"] = summarise_pianists([compare_pianists(score, piece.performances, render, seed=0) for piece, score in compared])
    if classifiers or picture:
        notes = read_pieces(performer.networks, chosen)
        if picture:
            draw_spaces(picture, notes, performer.space, f"styles of {len(chosen)} validation performances")
        if classifiers:
            train = list(zip(load_token_pieces(data, "train", cache), load_scores(data, "train", cache), strict=True))
            learnt_from = read_pieces(performer.networks, track(train, "reading styles", console=console))
            found["classifiers"] = judge_classifiers(learnt_from, notes)
    if as_json:
        print(json.dumps(found, indent=1))
    else:
        print_tables(found)


def choose_pieces(data: Path, cache: Path, containing: str) -> list[tuple[TokenPiece, Score]]:
    """Return the validation pieces, each with the repeats that most play. Raises PerfLiveError when there are none."""
    most: dict[str, tuple[TokenPiece, Score]] = {}
    for piece, score in zip(load_token_pieces(data, "validation", cache), load_scores(data, "validation", cache), strict=True):
        if piece.name not in most or len(most[piece.name][0].performances) < len(piece.performances):
            most[piece.name] = piece, score
    chosen = [each for name, each in most.items() if containing in name]
    if not chosen:
        raise PerfLiveError(f"{data}: no validation piece has {containing!r} in its name; they are: {', '.join(most) or 'none'}")
    return chosen


def summarise_pianists(pieces: Sequence[Sequence[Comparison]]) -> dict[str, float]:
    """Return how many comparisons there are, in what share of them the own performance is the nearer one, and the mean distances."""
    every = [pair for piece in pieces for pair in piece]
    own, other = np.array(every).T if every else np.full((2, 1), np.nan)
    return {
        "pieces": sum(bool(piece) for piece in pieces),
        "comparisons": len(every),
        "nearer_to_own": float((own < other).mean()) if every else float("nan"),
        "own_distance": float(own.mean()),
        "other_distance": float(other.mean()),
    }


def judge_classifiers(learnt_from: StyledNotes, notes: StyledNotes) -> dict[str, dict[str, Any]]:
    """Return by direction how well its classifier does beside the class prior, and which classes have too few examples."""
    found = {}
    for index, (name, figures) in enumerate(judge(fit(learnt_from.labelled()), notes.labelled()).items()):
        chance = 1 / np.count_nonzero(figures.notes)
        found[name] = {
            "accuracy": figures.accuracy,
            "prior": figures.prior,
            "balanced": figures.balanced,
            "chance": chance,
            "too_few": too_few(figures, index),
        }
    return found


def print_tables(found: Mapping[str, Any]) -> None:
    if "directions" in found:
        _print(
            "directions, applied to eight bars: effect in velocities (v) or octaves of tempo or length (o), and beside its deviation;\n"
            "change of velocity, tempo and length of the bars, and of those after, whichever way; share of notes before that changed",
            ("trials", "effect", "beside", "right", "the bars", "", "", "after", "", "", "before"),
            {name: _direction_cells(DirectionFigures(**row)) for name, row in found["directions"].items()},
        )
    if "transfer" in found:
        row = found["transfer"]
        cells = [str(row["pieces"]), str(row["comparisons"]), f"{row['nearer_to_own']:.0%}"]
        cells += [f"{row[name]:.3f}" for name in ("own_distance", "other_distance")]
        headings = ("pieces", "comparisons", "nearer to own", "distance from own", "from the other's")
        _print("bars held out, in the manner of a pianist", headings, {"": cells})
    if "classifiers" in found:
        rows = {
            name: [*(f"{row[each]:.3f}" for each in ("accuracy", "prior", "balanced", "chance")), ", ".join(row["too_few"]) or "-"]
            for name, row in found["classifiers"].items()
        }
        _print("directions told from styles", ("accuracy", "class prior", "balanced accuracy", "chance", "too few examples"), rows)


def _direction_cells(row: DirectionFigures) -> list[str]:
    cells = [str(row.trials), f"{row.effect:.2f} {row.unit[0]}", f"{row.in_deviations:.1f}", f"{row.right:.0%}"]
    for velocity, tempo, length in (row.inside, row.after):
        cells += [f"{velocity:.1f}", f"{tempo:.2f}", f"{length:.2f}"]
    return [*cells, f"{row.before:.0%}"]


def _print(title: str, headings: Sequence[str], rows: Mapping[str, Sequence[str]]) -> None:
    table = Table(title=title, title_justify="left", box=None)
    table.add_column("")
    for heading in headings:
        table.add_column(heading, justify="right")
    for name, cells in rows.items():
        table.add_row(name, *cells)
    Console().print(table)
