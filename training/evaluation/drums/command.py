"""The command ``perf-eval drums``."""

import json
import math
from pathlib import Path
from typing import Annotated

import numpy as np
import typer
from rich.console import Console
from rich.progress import track
from rich.table import Table

from engine.onnx.model import Model
from engine.performers.drums.networks import open_added, open_drawing, open_groove, open_live
from models.drums.drawing import Kind
from training.datasets.groove import DrumTake, Split, read_groove
from training.drums.data import View
from training.evaluation.drums.added import Found, ghosts_found
from training.evaluation.drums.figures import GROOVE_ROWS, LIVE_ROWS, baselines, likeliest, played, sampled
from training.evaluation.drums.telling import Telling, tell_takes_apart
from training.metrics.velocity import VelocityMetrics, velocity_metrics

SHOWN = 12  # of the statistics that tell
Rows = dict[str, list[np.ndarray]]


def drums(
    data: Annotated[Path, typer.Option("--data", help="folder of the unpacked Groove MIDI data set")],
    model: Annotated[Path | None, typer.Option("--model", help="folder of perf-export, in place of what ships")] = None,
    validation: Annotated[bool, typer.Option("--validation", help="the official validation takes, not those held out of train")] = False,
    tell_apart: Annotated[
        bool, typer.Option("--tell-apart", help="how well samples are told from the takes, by statistics of 48 strokes, and what tells")
    ] = False,
    ghosts: Annotated[bool, typer.Option("--ghosts", help="where ghost notes are added, beside where the drummers play them")] = False,
    seed: Annotated[int, typer.Option("--seed", min=0, help="of the sampled rows")] = 0,
    as_json: Annotated[bool, typer.Option("--json", help="print JSON instead of tables")] = False,
) -> None:
    """The drummer on takes that it has not heard: velocities, and timing off the sixteenths."""
    split: Split = "validation" if validation else "held_out"
    takes = read_groove(data, split)
    if tell_apart:
        show_telling(tell_takes_apart(open_groove(model), open_drawing("groove", model), takes, seed), as_json)
        return
    if ghosts:
        show_ghosts(ghosts_found(open_added(model), read_groove(data, "train"), takes), as_json)
        return
    velocities, timings = baselines(read_groove(data, "train"), takes)
    for name, view in track(GROOVE_ROWS.items(), "grooves", console=Console(stderr=True)):
        found = predictions(open_groove(model), "groove", takes, view)
        velocities[name], timings[name] = ([each[:, column] for each, _ in found] for column in (0, 1))
        if view.ahead_s < math.inf:  # as the stream does
            live_pads = predictions(open_live(model), "live", takes, view._replace(ahead_s=math.inf))
            velocities[name] = [(own + pads[:, 0]) / 2 for own, (pads, _) in zip(velocities[name], live_pads, strict=True)]
        if view == View():
            drawn = _drawn("groove", model, takes, found, seed)
            velocities["sampled"], timings["sampled"] = ([each[column] for each in drawn] for column in (0, 1))
    live: Rows = {name: velocities[name] for name in ("constant", "table")}
    for name, view in track(LIVE_ROWS.items(), "live", console=Console(stderr=True)):
        found = predictions(open_live(model), "live", takes, view)
        live[name] = [each[:, 0] for each, _ in found]
        if view == View():
            live["sampled"] = [velocity for velocity, in _drawn("live", model, takes, found, seed)]
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


def show_telling(found: Telling, as_json: bool) -> None:
    if as_json:
        print(json.dumps({"windows": found.windows, **{name: area._asdict() for name, area in found.judged._asdict().items()}}, indent=1))
        return
    table = Table(title=f"area under the curve, samples told from {found.windows} windows of both (.5: not at all)")
    for heading in ("", "area", "95% of draws of takes"):
        table.add_column(heading, justify="left" if not heading else "right")
    for name, area in found.judged._asdict().items():
        table.add_row("a window" if name == "window" else "a take", f"{area.area:.3f}", f"{area.low:.2f} to {area.high:.2f}")
    Console().print(table)
    table = Table(title="what tells")
    for heading in ("statistic", "share of the trees' gain", "area by it alone", "sampled", "played"):
        table.add_column(heading, justify="left" if heading == "statistic" else "right")
    for each in found.statistics[:SHOWN]:
        table.add_row(each.name, f"{each.share:.1%}", f"{each.area:.2f}", f"{each.sampled:.3f}", f"{each.played:.3f}")
    Console().print(table)


def show_ghosts(rows: dict[str, Found], as_json: bool) -> None:
    if as_json:
        print(json.dumps({name: found._asdict() for name, found in rows.items()}, indent=1))
        return
    table = Table(title="ghost notes of --set ghosts=1, without chance")
    for heading in ("", "added", "drummers'", "where drummers have them", "of theirs found"):
        table.add_column(heading, justify="left" if not heading else "right")
    for name, found in rows.items():
        table.add_row(name, f"{found.added:,}", f"{found.played:,}", f"{found.right:.0%}", f"{found.found:.0%}")
    Console().print(table)


def predictions(model: Model, kind: Kind, takes: list[DrumTake], view: View) -> list[tuple[np.ndarray, np.ndarray]]:
    """Return what the trees say of each take, and its features."""
    return [likeliest(model, kind, take, view) for take in takes]


def _drawn(
    kind: Kind, model: Path | None, takes: list[DrumTake], told: list[tuple[np.ndarray, np.ndarray]], seed: int
) -> list[list[np.ndarray]]:
    """Return what is drawn of each take around what ``predictions`` told."""
    drawing = open_drawing(kind, model)
    return [sampled(drawing, take, View(), *each, seed + number) for number, (take, each) in enumerate(zip(takes, told, strict=True))]


def _figures(rows: Rows, truth: list[np.ndarray]) -> dict[str, VelocityMetrics]:
    return {name: velocity_metrics(predicted, truth) for name, predicted in rows.items()}


def _print_table(title: str, rows: dict[str, VelocityMetrics]) -> None:
    table = Table(title=title)
    for heading in ("", "absolute error", "mean over takes", "correlation", "pooled", "spread"):
        table.add_column(heading, justify="left" if not heading else "right")
    for name, found in rows.items():
        table.add_row(name, *(f"{figure:.2f}" for figure in found))
    Console().print(table)
