"""The command ``perf-eval performance-rnn``."""

import dataclasses
import json
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import track
from rich.table import Column, Table

from engine.performers.performance_rnn.networks import open_model
from models.performance_rnn.representation import EventCodec
from models.pretrained import pretrained
from training.evaluation.performance_rnn.figures import (
    TAKE_S,
    Predicted,
    describe_run,
    describe_take,
    improvise,
    predict,
    summarise,
    takes_of,
)
from training.performance_rnn.data import load_sounding_notes
from training.performance_rnn.figures import count_events


def performance_rnn(
    data: Annotated[Path, typer.Option("--data", help="folder of the unpacked (n)ASAP or MAESTRO corpus")],
    model: Annotated[Path, typer.Option("--model", help="ONNX file of perf-export, or its folder")],
    cache: Annotated[Path, typer.Option("--cache", help="folder to keep notes in")] = Path("runs/features"),
    seeds: Annotated[int, typer.Option("--seeds", min=1, help="how many takes of 60 s to improvise")] = 20,
    minutes: Annotated[int, typer.Option("--minutes", min=0, help="how long one improvisation goes on: does it stay alive?")] = 60,
    as_json: Annotated[bool, typer.Option("--json", help="print JSON instead of tables")] = False,
) -> None:
    """How well validation performances are predicted, and the measures of improvised takes beside human ones."""
    opened = open_model(pretrained("performance_rnn.onnx", model))
    codec = EventCodec(opened.contract.constants["steps_per_second"])
    validation = load_sounding_notes(data, "validation", cache)
    predicted = predict(opened, validation, count_events(codec, load_sounding_notes(data, "train", cache)))
    console = Console(stderr=True)
    humans = [takes_of(validation.performance(index)) for index in range(len(validation))]
    takes = {
        "improvised": [describe_take(improvise(opened, seed, TAKE_S)) for seed in track(range(seeds), "improvising", console=console)],
        "human": [describe_take(minutes_played[0]) for minutes_played in humans if minutes_played],
    }
    runs = {}
    if minutes > 1:
        with console.status(f"improvising for {minutes} minutes"):
            run = describe_run(takes_of(improvise(opened, 0, minutes * TAKE_S)))
        third = max(len(run) // 3, 1)
        runs = {
            "first third": run[:third],
            "last third": run[-third:],
            "human": [each for played in humans for each in describe_run(played)],
        }
    measures = {name: summarise(described) for name, described in takes.items()}
    long_run = {name: summarise(described) for name, described in runs.items()}
    if as_json:
        told = {name: dataclasses.asdict(row) for name, row in predicted.items()}
        print(json.dumps({"predicted": told, "takes": measures, "run": long_run}, indent=1))
        return
    print_predicted(predicted)
    print_measures(measures, "first minutes, mean and deviation over takes")
    if long_run:
        print_measures(long_run, f"one improvisation of {minutes} minutes, from its second minute on: mean and deviation over minutes")


def print_predicted(rows: dict[str, Predicted]) -> None:
    table = Table(
        Column(no_wrap=True), "nats an event", "below the bigram's", "nats a second", "likeliest is right", title="validation performances"
    )
    for name, row in rows.items():
        below = 1 - row.by_event / rows["bigram"].by_event
        table.add_row(name, f"{row.by_event:.3f}", f"{below:.0%}", f"{row.by_second:.1f}", f"{row.accuracy:.1%}")
    Console().print(table)


def print_measures(measures: dict[str, dict[str, tuple[float, float]]], title: str) -> None:
    table = Table(Column(no_wrap=True), *measures, title=title)
    for name in measures["human"]:
        cells = [f"{mean:.2f} ± {deviation:.2f}" for mean, deviation in (row.get(name, (float("nan"),) * 2) for row in measures.values())]
        table.add_row(name, *cells)
    Console().print(table)
