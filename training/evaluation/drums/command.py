"""The command ``perf-eval drums``."""

import json
from pathlib import Path
from typing import Annotated

import numpy as np
import typer
from rich.console import Console
from rich.progress import track
from rich.table import Table

from engine.onnx.model import Model
from engine.performers.drums.networks import open_groove, open_live
from models.drums.representation import LEVELS
from training.datasets.groove import DrumTake, Split, read_groove
from training.drums.data import Kind, View
from training.evaluation.drums.figures import GROOVE_ROWS, LIVE_ROWS, MEDIAN, baselines, played, quantiles, sampled
from training.metrics.velocity import VelocityMetrics, velocity_metrics

Rows = dict[str, list[np.ndarray]]


def drums(
    data: Annotated[Path, typer.Option("--data", help="folder of the unpacked Groove MIDI data set")],
    model: Annotated[Path | None, typer.Option("--model", help="folder of perf-export, in place of what ships")] = None,
    validation: Annotated[bool, typer.Option("--validation", help="the official validation takes, not those held out of train")] = False,
    seed: Annotated[int, typer.Option("--seed", min=0, help="of the sampled rows")] = 0,
    as_json: Annotated[bool, typer.Option("--json", help="print JSON instead of tables")] = False,
) -> None:
    """The drummer on takes that it has not heard: velocities, and timing off the sixteenths."""
    split: Split = "validation" if validation else "held_out"
    takes = read_groove(data, split)
    velocities, timings = baselines(read_groove(data, "train"), takes)
    for name, view in track(GROOVE_ROWS.items(), "grooves", console=Console(stderr=True)):
        found, drawn = predictions(open_groove(model), "groove", takes, view, seed)
        velocities[name], timings[name] = ([each[:, column] for each in found] for column in (MEDIAN, len(LEVELS) + MEDIAN))
        if view == View():
            velocities["sampled"], timings["sampled"] = ([each[column] for each in drawn] for column in (0, 1))
    live: Rows = {name: velocities[name] for name in ("constant", "table")}
    for name, view in track(LIVE_ROWS.items(), "live", console=Console(stderr=True)):
        found, drawn = predictions(open_live(model), "live", takes, view, seed)
        live[name] = [each[:, MEDIAN] for each in found]
        if view == View():
            live["sampled"] = [each[0] for each in drawn]
    truth = played(takes)
    counted = f"{len(takes)} {'validation takes' if validation else 'takes held out'}, {sum(map(len, truth.velocity))} strokes"
    tables = {
        f"velocity, whole takes known ({counted})": _figures(velocities, truth.velocity),
        "velocity, live": _figures(live, truth.velocity),
        "timing off the sixteenths, ms": _figures(timings, truth.timing_ms),
    }
    if as_json:
        print(json.dumps({title: {row: each._asdict() for row, each in table.items()} for title, table in tables.items()}, indent=1))
        return
    for title, table in tables.items():
        _print_table(title, table)


def predictions(
    model: Model, kind: Kind, takes: list[DrumTake], view: View, seed: int
) -> tuple[list[np.ndarray], list[list[np.ndarray]]]:
    """Return quantiles of each take, and what is drawn from them."""
    told = [quantiles(model, kind, take, view) for take in takes]
    constants = model.contract.constants
    drawn = [sampled(kind, *each, constants, seed + number) for number, each in enumerate(told)]
    return [found for found, _ in told], drawn


def _figures(rows: Rows, truth: list[np.ndarray]) -> dict[str, VelocityMetrics]:
    return {name: velocity_metrics(predicted, truth) for name, predicted in rows.items()}


def _print_table(title: str, rows: dict[str, VelocityMetrics]) -> None:
    table = Table(title=title)
    for heading in ("", "absolute error", "mean over takes", "correlation", "pooled", "spread"):
        table.add_column(heading, justify="left" if not heading else "right")
    for name, found in rows.items():
        table.add_row(name, *(f"{figure:.2f}" for figure in found))
    Console().print(table)
