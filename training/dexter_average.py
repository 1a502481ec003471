"""Several trained mean predictors of DExter become one checkpoint, whose network averages their means.

Networks that learnt differently err differently: their average is nearer to the humans' mean than each. The first one's context is kept,
so that a denoiser trained around it goes on to work. Run:

    python -m training.dexter_average RUN/best.ckpt OTHER_RUN/best.ckpt -o JOINED/best.ckpt
"""

import sys
from pathlib import Path
from typing import Annotated

import torch
import typer

from engine.commands.errors import run
from models.dexter.network import AveragedNetwork
from models.dexter.representation import PERFORMANCE_COLUMNS
from training.dexter import DexterTask, DexterTrainingConfig, load_task

app = typer.Typer(add_completion=False)


def join(tasks: list[DexterTask], first_alone: list[str]) -> DexterTask:
    """Return a task whose network averages those of ``tasks``, but for the columns ``first_alone``, which are the first's."""
    first, *others = (task.config for task in tasks)
    config = DexterTrainingConfig.model_validate(first.model_dump() | {"beside": [other.network.model_dump() for other in others]})
    joined = DexterTask(config)
    network = joined.network
    assert isinstance(network, AveragedNetwork)  # noqa: S101 (there are others)
    for own, task in zip(network.networks, tasks, strict=True):
        own.load_state_dict(task.network.state_dict())
    for name in first_alone:
        network.weights[:, PERFORMANCE_COLUMNS.index(name)] = torch.eye(len(tasks))[0]
    return joined


@app.command()
def main(
    checkpoints: Annotated[list[Path], typer.Argument(help="checkpoints of perf-train, two or more")],
    out: Annotated[Path, typer.Option("-o", "--out", help="checkpoint to write")],
    first_alone: Annotated[list[str] | None, typer.Option("--first-alone", help="a column of the first network; may be repeated")] = None,
) -> None:
    """Join mean predictors."""
    joined = join([load_task(path) for path in checkpoints], first_alone or [])
    out.parent.mkdir(parents=True, exist_ok=True)
    torch.save({"hyper_parameters": {"config": joined.config.model_dump()}, "state_dict": joined.state_dict()}, out)


if __name__ == "__main__":
    sys.exit(run(app, "training.dexter_average"))
