"""``perf-eval``: quality figures on held-out performances, beside simple baselines."""

import json
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from engine.commands.errors import run
from engine.model import Model
from engine.performers.velocity import LOOKAHEAD_SYSTEM, SYSTEM
from models.pretrained import pretrained
from models.velocity_transformer.representation import REPRESENTATION_VERSION
from training.datasets.asap import read_asap
from training.datasets.velocity_features import load_velocity_features
from training.evaluation import velocity as velocity_evaluation
from training.evaluation.velocity_metrics import VelocityMetrics, velocity_metrics

app = typer.Typer(add_completion=False, no_args_is_help=True, help="Quality figures on held-out performances, beside simple baselines.")


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
    truth = [take.velocity for take in takes]
    rows = {label: velocity_metrics(predicted, truth) for label, predicted in velocity_evaluation.baselines(train, takes).items()}
    causal = Model(model or pretrained("velocity.onnx"), SYSTEM, REPRESENTATION_VERSION)
    rows |= velocity_evaluation.evaluate(causal, velocity_evaluation.causal_quantiles, takes, "causal", seed)
    ahead = Model(lookahead_model or pretrained("velocity_lookahead.onnx"), LOOKAHEAD_SYSTEM, REPRESENTATION_VERSION)
    rows |= velocity_evaluation.evaluate(ahead, velocity_evaluation.lookahead_quantiles, takes, "looking ahead", seed)
    if as_json:
        print(json.dumps({label: figures._asdict() for label, figures in rows.items()}, indent=1))
    else:
        print_table(rows, f"{len(takes)} validation performances, {sum(map(len, truth))} notes")


def print_table(rows: dict[str, VelocityMetrics], title: str) -> None:
    table = Table(title=title)
    for heading in ("", "absolute error", "mean over performances", "correlation", "pooled", "spread"):
        table.add_column(heading, justify="left" if not heading else "right")
    for label, figures in rows.items():
        table.add_row(label, *(f"{figure:.2f}" for figure in figures))
    Console().print(table)


def main() -> int:
    return run(app, "perf-eval")
