"""The command ``perf-eval velocity``."""

import json
from collections.abc import Mapping
from enum import StrEnum
from functools import partial
from itertools import compress
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import numpy as np
import typer
from rich.console import Console
from rich.table import Table

from engine.base.errors import UsageError
from engine.onnx.model import Model
from engine.performers.velocity.networks import LOOKAHEAD_SYSTEM, VelocityModel
from models.pretrained import pretrained
from models.velocity.representation import REPRESENTATION_VERSION
from training.datasets.asap import read_asap, robustly_aligned
from training.evaluation.velocity import figures as velocity_figures
from training.evaluation.velocity.figures import Take
from training.metrics.velocity import VelocityMetrics, velocity_metrics
from training.velocity.data import load_velocity_features

if TYPE_CHECKING:
    from training.evaluation.velocity.pop import PedalFigures

CHECKPOINT = ".ckpt"
LONGEST_EXCERPT = 256



class Style(StrEnum):
    """Whose networks are measured, as ``--set style=`` names them."""

    CLASSICAL = "classical"
    POP = "pop"


Tables = dict[str, dict[str, VelocityMetrics]]  # title -> row -> figures


def velocity(
    data: Annotated[Path, typer.Option("--data", help="folder of the unpacked corpus: (n)ASAP, POP909, or the article's run's")],
    cache: Annotated[Path, typer.Option("--cache", help="folder to keep described notes in")] = Path("runs/features"),
    model: Annotated[
        Path | None, typer.Option("--model", help="folder of perf-export, in place of what ships; or a .ckpt of the article's network")
    ] = None,
    lookahead_model: Annotated[Path | None, typer.Option("--lookahead-model", help="model that looks ahead, likewise")] = None,
    style: Annotated[Style, typer.Option("--style", help="whose networks: pop is measured on POP909's held-out songs")] = Style.CLASSICAL,
    seed: Annotated[int, typer.Option("--seed", min=0, help="of the sampled rows, and of the article's excerpts")] = 0,
    notes: Annotated[
        int | None, typer.Option("--notes", min=1, help=f"longest excerpt for the article's network (default: {LONGEST_EXCERPT})")
    ] = None,
    performances: Annotated[
        int | None, typer.Option("--performances", min=1, help="how many it gets, chosen by the seed; or how many pop songs (default: all)")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="print JSON instead of a table")] = False,
) -> None:
    """The velocity transformers on all validation performances, or on held-out pop songs, free-running."""
    if model and model.suffix == CHECKPOINT:
        from training.evaluation.velocity.article import evaluate_checkpoint  # PyTorch

        if lookahead_model:
            raise UsageError(f"--lookahead-model: {model.name} is the article's network, which is measured alone; leave it out")
        show(evaluate_checkpoint(model, data, notes or LONGEST_EXCERPT, performances, seed), as_json)
        return
    if notes or (performances and style is Style.CLASSICAL):
        raise UsageError("--notes and --performances are for the article's network; leave them out, or give --model RUN/best.ckpt")
    if style is Style.POP:
        from training.evaluation.velocity import pop

        tables, pedals = pop.evaluate(data, cache, model, lookahead_model or model, seed, performances)
        show(tables, as_json, pedals)
        return
    show(evaluate_models(data, cache, model, lookahead_model, seed), as_json)


def evaluate_models(data: Path, cache: Path, model: Path | None, lookahead_model: Path | None, seed: int) -> Tables:
    """Return the figures of both models on the performances whose alignment is robust, and on all."""
    train = load_velocity_features(lambda: read_asap(data, "train"), cache)
    takes = velocity_figures.split_takes(load_velocity_features(lambda: read_asap(data, "validation"), cache))
    rows = velocity_figures.baselines(train, takes)
    causal = VelocityModel.open(pretrained("velocity.onnx", model))
    predict = partial(velocity_figures.causal_quantiles, causal)
    rows |= velocity_figures.evaluate(predict, causal.answer.contract.constants, takes, "causal", seed)
    folder = model if model and model.is_dir() else None
    ahead = Model(pretrained("velocity_lookahead.onnx", lookahead_model or folder), LOOKAHEAD_SYSTEM, REPRESENTATION_VERSION)
    predict = partial(velocity_figures.lookahead_quantiles, ahead)
    rows |= velocity_figures.evaluate(predict, ahead.contract.constants, takes, "looking ahead", seed)
    robust = robustly_aligned(data, "validation")
    tables = {}
    for name, chosen in {"robustly aligned": robust, "all": [True] * len(robust)}.items():
        notes = sum(len(take.velocity) for take in compress(takes, chosen))
        tables[f"validation performances, {name}: {sum(chosen)}, {notes} notes"] = figures_of(rows, takes, chosen)
    return tables


def show(tables: Tables, as_json: bool, pedals: "Mapping[str, PedalFigures] | None" = None) -> None:
    if as_json:
        told = {title: {row: each._asdict() for row, each in table.items()} for title, table in tables.items()}
        told |= {"sustain pedal": {row: each._asdict() for row, each in pedals.items()}} if pedals else {}
        print(json.dumps(told, indent=1))
        return
    for title, table in tables.items():
        print_table(table, title)
    if pedals:
        print_pedals(pedals)


def print_pedals(rows: "Mapping[str, PedalFigures]") -> None:
    table = Table(title="sustain pedal, accompaniments that are played with one")
    for heading in ("", "share of time as played", "while it is down", "while it is up", "changes found", "changes right"):
        table.add_column(heading, justify="left" if not heading else "right")
    for label, figures in rows.items():
        table.add_row(label, *(f"{figure:.2f}" for figure in figures))
    Console().print(table)


def figures_of(rows: dict[str, list[np.ndarray]], takes: list[Take], chosen: list[bool]) -> dict[str, VelocityMetrics]:
    """Return the figures of each row's predictions over the ``chosen`` performances."""
    truth = list(compress((take.velocity for take in takes), chosen))
    return {label: velocity_metrics(list(compress(predicted, chosen)), truth) for label, predicted in rows.items()}


def print_table(rows: dict[str, VelocityMetrics], title: str) -> None:
    table = Table(title=title)
    for heading in ("", "absolute error", "mean over performances", "correlation", "pooled", "spread"):
        table.add_column(heading, justify="left" if not heading else "right")
    for label, figures in rows.items():
        table.add_row(label, *(f"{figure:.2f}" for figure in figures))
    Console().print(table)
