"""The command ``perf-eval eager``: what a note or an event costs in eager PyTorch, beside the exported graph."""

import importlib
import json
from dataclasses import asdict
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import torch
import typer
from rich.console import Console

from engine.bench.measuring.machine import describe_machine
from engine.bench.measuring.tables import DISTRIBUTION, add_distribution, cores, new_table, print_head
from training.evaluation.eager.report import EagerReport

CALLS = 3000


class EagerSystem(StrEnum):
    """Systems whose networks are compared, each in the module of this folder that is called so."""

    PERFORMANCE_RNN = "performance-rnn"
    SCORE_PERFORMER = "score-performer"
    PERFORMANCE_NET = "performance-net"


def eager(
    system: Annotated[EagerSystem, typer.Argument(help="whose network")],
    model: Annotated[Path | None, typer.Option("--model", help="exported file or folder, in place of the one that ships")] = None,
    calls: Annotated[int, typer.Option("--calls", min=10, help="how many notes or events to time")] = CALLS,
    as_json: Annotated[bool, typer.Option("--json", help="print JSON instead of a table")] = False,
) -> None:
    """What a note, an event or a second of sound costs in eager PyTorch, beside the exported graph. Measure on a quiet machine."""
    machine = describe_machine()
    if system is not EagerSystem.PERFORMANCE_NET:  # whose paper's network has all cores
        torch.set_num_threads(1)
    report: EagerReport = importlib.import_module(f"training.evaluation.eager.{system.name.lower()}").compare(model, calls)
    if as_json:
        print(json.dumps(asdict(report) | {"times_faster": report.times_faster, "machine": asdict(machine)}, indent=1))
        return
    console = Console()
    print_head(console, machine)
    console.print(f"eager PyTorch, {cores(report.on_one_core)}: {report.eager_network} network, {report.parameters} parameters")
    table = new_table(f"one {report.unit}, ms", *DISTRIBUTION, "times faster")
    add_distribution(table, "eager PyTorch", report.eager)
    for name, timed in report.exported.items():
        add_distribution(table, name, timed, last=f"{report.times_faster[name]:g}")
    console.print(table)
