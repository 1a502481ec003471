"""``perf-train``: train the model that a configuration file describes."""

import importlib
from pathlib import Path
from typing import Annotated

import torch
import typer

from engine.base.command_line import run
from engine.base.configuration import parse_config, read_yaml
from engine.base.errors import UsageError

# task -> module with ``CONFIG``, the type of its configuration, and ``train(config, data_root, run_folder, resume)``
TASKS = {
    "velocity": "training.velocity.task",
    "article-velocity": "training.velocity.article",
    "dexter": "training.dexter.task",
    "dexter-denoiser": "training.dexter.denoiser",
    "performance-rnn": "training.performance_rnn.task",
    "score-performer": "training.score_performer.task",
    "performance-net": "training.performance_net.task",
    "performance-net-solo": "training.performance_net.solo",
}


app = typer.Typer(add_completion=False)


@app.command()
def train(
    config: Annotated[Path, typer.Argument(help="YAML file, as in configs/velocity/causal.yaml")],
    data: Annotated[Path, typer.Option("--data", help="folder of the unpacked corpus")],
    out: Annotated[Path, typer.Option("--out", help="folder for checkpoints and the training curve")],
    resume: Annotated[bool, typer.Option("--resume", help="go on from the last checkpoint in --out")] = False,
    threads: Annotated[int, typer.Option("--threads", min=1, help="processor threads")] = 1,
) -> None:
    """Train a model; a checkpoint, the configuration and the curve are left in --out."""
    task = str(read_yaml(config).get("task"))
    if task not in TASKS:
        raise UsageError(f"{config}: task {task!r} is not known; allowed: {', '.join(TASKS)}")
    torch.set_num_threads(threads)
    module = importlib.import_module(TASKS[task])
    module.train(parse_config(config, module.CONFIG), data, out, resume)


def main() -> int:
    return run(app, "perf-train")
