"""Several trained mean predictors of DExter become one checkpoint, whose network averages their means.

Networks that learnt differently err differently: their average is nearer to the humans' mean than each. The first one's context is kept,
so that a denoiser trained around it goes on to work. Run:

    python -m training.dexter.average RUN/best.ckpt OTHER_RUN/best.ckpt -o JOINED/best.ckpt --without 2=beat_period
"""

import sys
from pathlib import Path
from typing import Annotated

import torch
import typer

from engine.base.command_line import run
from engine.base.errors import UsageError
from models.layers.expression_network import AveragedNetwork
from models.performance.representation import PERFORMANCE_COLUMNS
from training.dexter.task import DexterTask, DexterTrainingConfig, load_task

app = typer.Typer(add_completion=False)


def join(tasks: list[DexterTask], without: list[tuple[int, str]]) -> DexterTask:
    """Return a task whose network averages those of ``tasks``; ``without``: which of them, counted from 0, to leave out of which column.

    Raises UsageError when none is left.
    """
    first, *others = (task.config for task in tasks)
    config = DexterTrainingConfig.model_validate(first.model_dump() | {"beside": [other.network.model_dump() for other in others]})
    joined = DexterTask(config)
    network = joined.network
    assert isinstance(network, AveragedNetwork)  # noqa: S101 (there are others)
    for own, task in zip(network.networks, tasks, strict=True):
        own.load_state_dict(task.network.state_dict())
    for number, name in without:
        network.weights[number, PERFORMANCE_COLUMNS.index(name)] = 0
    if not network.weights.any(0).all():
        raise UsageError("--without: no network is left for a column; leave one in")
    network.weights /= network.weights.sum(0)
    return joined


def _parse_without(text: str, count: int) -> tuple[int, str]:
    number, _, name = text.partition("=")
    if not (number.isdecimal() and 1 <= int(number) <= count and name in PERFORMANCE_COLUMNS):
        raise UsageError(f"--without {text!r}: allowed: NUMBER=COLUMN, 1 to {count} and one of {', '.join(PERFORMANCE_COLUMNS)}")
    return int(number) - 1, name


@app.command()
def main(
    checkpoints: Annotated[list[Path], typer.Argument(help="checkpoints of perf-train, two or more")],
    out: Annotated[Path, typer.Option("-o", "--out", help="checkpoint to write")],
    without: Annotated[
        list[str] | None, typer.Option("--without", metavar="NUMBER=COLUMN", help="leave a network out of a column; may be repeated")
    ] = None,
) -> None:
    """Join mean predictors."""
    joined = join([load_task(path) for path in checkpoints], [_parse_without(text, len(checkpoints)) for text in without or ()])
    out.parent.mkdir(parents=True, exist_ok=True)
    torch.save({"hyper_parameters": {"config": joined.config.model_dump()}, "state_dict": joined.state_dict()}, out)


if __name__ == "__main__":
    sys.exit(run(app, "training.dexter.average"))
