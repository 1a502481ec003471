"""The command ``perf-eval listen-answers``."""

import json
from pathlib import Path
from typing import Annotated

import typer

from engine.base.files import check_writable
from training.evaluation.expressiveness.command import JsonOption
from training.evaluation.listening.analysis import analyse
from training.evaluation.listening.answers import read_results
from training.evaluation.listening.key import read_key
from training.evaluation.listening.picture import draw_figures
from training.evaluation.listening.sources import HUMAN
from training.evaluation.listening.table import as_plain, print_figures


def listen_answers(
    answers: Annotated[list[Path], typer.Argument(help="files that the page saved, or tables typed from paper (.csv)")],
    key: Annotated[Path, typer.Option("--key", metavar="FILE.json", help="what perf-eval listen wrote for the experimenter only")],
    picture: Annotated[Path | None, typer.Option("--picture", metavar="FILE.png", help="draw what listeners say")] = None,
    as_json: JsonOption = False,
) -> None:
    """What listeners say: how human and how good each source is, how often it was taken for the human, and how sure that is."""
    if picture:
        check_writable(picture)
    results = read_results(answers, read_key(key))
    figures = analyse(results, HUMAN)
    if picture:
        draw_figures(picture, figures)
    if as_json:
        print(json.dumps(as_plain(figures, results, HUMAN), indent=1))
        return
    print_figures(figures)
