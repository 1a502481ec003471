"""``perf-eval``: quality figures on held-out performances, beside simple baselines."""

import json
from functools import partial
from itertools import compress
from pathlib import Path
from typing import Annotated

import numpy as np
import typer
from rich.console import Console
from rich.table import Table

from engine.base.command_line import run
from engine.onnx.model import Model
from engine.performers.velocity.networks import LOOKAHEAD_SYSTEM, VelocityModel
from models.pretrained import pretrained
from models.velocity.representation import REPRESENTATION_VERSION
from training.datasets.asap import read_asap, robustly_aligned
from training.evaluation.data_command import data
from training.evaluation.eager.command import eager
from training.evaluation.expressiveness.command import descriptors, expressiveness
from training.evaluation.expressiveness.describe_command import describe_performance
from training.evaluation.performance_rnn.command import performance_rnn
from training.evaluation.sound.command import sound
from training.evaluation.sound.data_command import sound_data
from training.evaluation.styles.command import styles
from training.evaluation.velocity import figures as velocity_evaluation
from training.evaluation.velocity.figures import Take
from training.metrics.velocity import VelocityMetrics, velocity_metrics
from training.velocity.data import load_velocity_features

app = typer.Typer(add_completion=False, no_args_is_help=True, help="Quality figures on held-out performances, beside simple baselines.")
app.command("data")(data)
app.command("expressiveness")(expressiveness)
app.command("descriptors")(descriptors)
app.command("performance-rnn")(performance_rnn)
app.command("sound")(sound)
app.command("sound-data")(sound_data)
app.command("eager")(eager)
app.command("describe")(describe_performance)
app.command("styles")(styles)


@app.callback()
def evaluations() -> None:
    """Quality figures on held-out performances, beside simple baselines."""


@app.command()
def velocity(
    data: Annotated[Path, typer.Option("--data", help="folder of the unpacked (n)ASAP corpus")],
    cache: Annotated[Path, typer.Option("--cache", help="folder to keep described notes in")] = Path("runs/features"),
    model: Annotated[Path | None, typer.Option("--model", help="causal model, in place of the one that ships")] = None,
    lookahead_model: Annotated[Path | None, typer.Option("--lookahead-model", help="model that looks ahead, likewise")] = None,
    seed: Annotated[int, typer.Option("--seed", min=0, help="of the sampled rows")] = 0,
    as_json: Annotated[bool, typer.Option("--json", help="print JSON instead of a table")] = False,
) -> None:
    """The velocity transformers on all validation performances, free-running."""
    train = load_velocity_features(list(read_asap(data, "train")), cache)
    takes = velocity_evaluation.split_takes(load_velocity_features(list(read_asap(data, "validation")), cache))
    rows = velocity_evaluation.baselines(train, takes)
    causal = VelocityModel.open(model or pretrained("velocity.onnx"))
    predict = partial(velocity_evaluation.causal_quantiles, causal)
    rows |= velocity_evaluation.evaluate(predict, causal.answer.contract.constants, takes, "causal", seed)
    ahead = Model(lookahead_model or pretrained("velocity_lookahead.onnx"), LOOKAHEAD_SYSTEM, REPRESENTATION_VERSION)
    predict = partial(velocity_evaluation.lookahead_quantiles, ahead)
    rows |= velocity_evaluation.evaluate(predict, ahead.contract.constants, takes, "looking ahead", seed)
    robust = robustly_aligned(data, "validation")
    sets = {"robustly aligned": robust, "all": [True] * len(robust)}
    figures = {name: figures_of(rows, takes, chosen) for name, chosen in sets.items()}
    if as_json:
        print(json.dumps({name: {row: each._asdict() for row, each in table.items()} for name, table in figures.items()}, indent=1))
        return
    for name, table in figures.items():
        notes = sum(len(take.velocity) for take, chosen in zip(takes, sets[name], strict=True) if chosen)
        print_table(table, f"validation performances, {name}: {sum(sets[name])}, {notes} notes")


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


def main() -> int:
    return run(app, "perf-eval")
