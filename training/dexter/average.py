"""Several trained mean predictors of DExter become one checkpoint, whose network averages their means.

Networks that learnt differently err differently, so their average is nearer to the humans' mean than each of them. The first one's
context is kept, because the denoiser was trained with it.
"""

from typing import Literal

from pydantic import BaseModel, ConfigDict

from engine.base.errors import UsageError
from models.layers.expression_network import AveragedNetwork
from models.performance.representation import PERFORMANCE_COLUMNS
from training.dexter.task import DexterTask, DexterTrainingConfig, load_task
from training.runs.checkpoints import BEST, save_task
from training.stages import Outcome, Work


class AverageConfig(BaseModel):
    """``without``: by the name of a stage, the columns that its network is left out of."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    task: Literal["dexter-average", "score-performer-reader"]
    without: dict[str, tuple[str, ...]] = {}


def join(tasks: list[DexterTask], without: list[tuple[int, str]]) -> DexterTask:
    """Return a task whose network averages those of ``tasks``; ``without`` says which of them, counted from 0, are left out of which
    column.

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
        raise UsageError("without: no network is left for a column; leave one in")
    network.weights /= network.weights.sum(0)
    return joined


def average(config: AverageConfig, work: Work) -> Outcome:
    """Join the mean predictors that are read, in their order. Raises UsageError for a name or a column that there is not."""
    folders = work.reads["means"]
    if len(folders) < 2:
        raise UsageError(f"{work.folder.name}: an average is of two means or more, got {len(folders)}; read others as well")
    joined = join([load_task(folder / BEST) for folder in folders], _left_out(config, [folder.name for folder in folders]))
    save_task(joined, work.folder / BEST)
    return Outcome(f"{len(folders)} networks", (BEST,))


def _left_out(config: AverageConfig, names: list[str]) -> list[tuple[int, str]]:
    left_out = [(name, column) for name, columns in config.without.items() for column in columns]
    for name, column in left_out:
        if name not in names or column not in PERFORMANCE_COLUMNS:
            allowed = f"{', '.join(names)}, each with some of {', '.join(PERFORMANCE_COLUMNS)}"
            raise UsageError(f"without: {name}: {column!r} is not to be had; allowed: {allowed}")
    return [(names.index(name), column) for name, column in left_out]
