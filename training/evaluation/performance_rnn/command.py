"""The command ``perf-eval performance-rnn``."""

import dataclasses
import json
from pathlib import Path
from typing import Annotated

import numpy as np
import typer
from rich.console import Console
from rich.progress import track
from rich.table import Column, Table

from engine.onnx.model import Model
from engine.performers.controls import parse_settings, with_defaults
from engine.performers.performance_rnn.controls import CONTROLS, preferences_of
from engine.performers.performance_rnn.networks import codec_of, open_model
from engine.performers.performance_rnn.voice import Preferences
from models.pretrained import pretrained
from training.datasets.asap import Split
from training.evaluation.performance_rnn.figures import (
    TAKE_S,
    Predicted,
    Summary,
    describe_run,
    describe_take,
    distance,
    improvise,
    predict,
    summarise,
    takes_of,
)
from training.performance_rnn.data import load_sounding_notes
from training.performance_rnn.figures import count_events

Measures = dict[str, dict[str, Summary]]  # by who plays, then by measure


def performance_rnn(
    data: Annotated[Path, typer.Option("--data", help="folder of the unpacked (n)ASAP or MAESTRO corpus")],
    model: Annotated[Path | None, typer.Option("--model", help="ONNX file of perf-export, or its folder (default: what ships)")] = None,
    cache: Annotated[Path, typer.Option("--cache", help="folder to keep notes in")] = Path("runs/features"),
    seeds: Annotated[int, typer.Option("--seeds", min=1, help="how many takes of 60 s to improvise")] = 20,
    first_seed: Annotated[int, typer.Option("--first-seed", min=0, help="the seed of the first take")] = 0,
    minutes: Annotated[int, typer.Option("--minutes", min=0, help="how long one improvisation goes on: does it stay alive?")] = 60,
    settings: Annotated[list[str] | None, typer.Option("--set", metavar="NAME=VALUE", help="a control, such as temperature=1")] = None,
    split: Annotated[Split, typer.Option("--split", help="humans to compare with; to choose settings by, take train")] = "validation",
    predicted: Annotated[bool, typer.Option("--predict/--no-predict", help="whether to measure how well the split is predicted")] = True,
    as_json: Annotated[bool, typer.Option("--json", help="print JSON instead of tables")] = False,
) -> None:
    """How well performances are predicted, and the measures of improvised takes beside human ones."""
    preferences = preferences_of(with_defaults(CONTROLS, parse_settings(CONTROLS, settings or [])))
    opened = open_model(pretrained("performance_rnn.onnx", model))
    played = load_sounding_notes(data, split, cache)
    rows = predict(opened, played, count_events(codec_of(opened), load_sounding_notes(data, "train", cache))) if predicted else {}
    humans = [takes_of(played.performance(index)) for index in range(len(played))]
    takes = _takes(opened, preferences, range(first_seed, first_seed + seeds), humans)
    run = _run(opened, preferences, first_seed, minutes, humans) if minutes > 1 else {}
    if as_json:
        told = {name: dataclasses.asdict(row) for name, row in rows.items()}
        plain = [{who: {name: each._asdict() for name, each in row.items()} for who, row in table.items()} for table in (takes, run)]
        print(json.dumps({"predicted": told, "takes": plain[0], "run": plain[1]}, indent=1))
        return
    if rows:
        print_predicted(rows)
    print_measures(takes, "first minutes: median over takes (10% to 90%)")
    if run:
        print_measures(run, f"one improvisation of {minutes} minutes, from its second minute on: median over minutes (10% to 90%)")


def _takes(model: Model, preferences: Preferences, seeds: range, humans: list[list[np.ndarray]]) -> Measures:
    """Return the measures of first minutes."""
    improvised = [improvise(model, seed, TAKE_S, preferences) for seed in track(seeds, "improvising", console=Console(stderr=True))]
    described = {"improvised": improvised, "human": [minutes[0] for minutes in humans if minutes]}
    return {name: summarise([describe_take(take) for take in takes]) for name, takes in described.items()}


def _run(model: Model, preferences: Preferences, seed: int, minutes: int, humans: list[list[np.ndarray]]) -> Measures:
    """Return the measures of the minutes of one improvisation."""
    with Console(stderr=True).status(f"improvising for {minutes} minutes"):
        run = describe_run(takes_of(improvise(model, seed, minutes * TAKE_S, preferences)))
    third = max(len(run) // 3, 1)
    of_humans = [each for takes in humans for each in describe_run(takes)]
    described = {"first third": run[:third], "last third": run[-third:], "human": of_humans}
    return {name: summarise(measures) for name, measures in described.items()}


def print_predicted(rows: dict[str, Predicted]) -> None:
    table = Table(Column(no_wrap=True), "nats an event", "below the bigram's", "nats a second", "likeliest is right", title="performances")
    for name, row in rows.items():
        below = 1 - row.by_event / rows["bigram"].by_event
        table.add_row(name, f"{row.by_event:.3f}", f"{below:.0%}", f"{row.by_second:.1f}", f"{row.accuracy:.1%}")
    Console().print(table)


def print_measures(measures: Measures, title: str) -> None:
    table = Table(Column(no_wrap=True), *measures, title=title)
    for name in measures["human"]:
        cells = [f"{each.median:.2f} ({each.low:.2f} to {each.high:.2f})" for each in (row[name] for row in measures.values())]
        table.add_row(name, *cells)
    distances = [f"{distance(row, measures['human']):.2f}" for row in measures.values()]
    table.add_row("distance of medians, in human deviations", *distances)
    Console().print(table)
