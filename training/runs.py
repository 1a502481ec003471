"""What trainings have in common: their configuration, the optimiser, a run with its checkpoints, and reading those."""

import logging
import math
import pickle  # noqa: S403 (the error alone; checkpoints are read with weights_only)
import sys
import time
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal, NamedTuple, TypeVar

import lightning
import torch
from lightning.pytorch.callbacks import Callback, Checkpoint, EMAWeightAveraging, ModelCheckpoint, RichProgressBar
from lightning.pytorch.loggers import CSVLogger
from lightning.pytorch.plugins.io import TorchCheckpointIO
from pydantic import BaseModel, ConfigDict, Field

from engine.base.errors import PerfLiveError
from engine.base.files import whole_file
from training.stages import Outcome

Task = TypeVar("Task", bound=lightning.LightningModule)
BEST, LAST = "best.ckpt", "last.ckpt"
KEEP_EVERY_S = 600.0  # of training, so much is lost at most when a run is killed


class FitConfig(BaseModel):
    """What ``fit`` needs to know.

    ``average`` is the decay of the moving average of the weights, which is kept in place of the weights; 0 keeps the weights. A step of the
    optimiser sees ``accumulated_batches`` batches. Every ``validate_every_steps`` steps a checkpoint is kept. ``precision`` is that of
    products; weights have 32 bits.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    steps: int = Field(gt=0)
    warm_up_steps: int = Field(gt=0)
    average: float = Field(default=0.0, ge=0, lt=1)
    accumulated_batches: int = Field(default=1, gt=0)
    precision: Literal["32-true", "bf16-mixed"] = "32-true"
    validate_every_steps: int = Field(default=200, gt=0)
    seed: int


class RunConfig(FitConfig):
    """The same, with what ``optimizer`` needs to know.

    The learning rate falls in a cosine over the whole run. With ``decay_steps`` it stays as it is until so many steps before the end, then
    falls in a straight line; the length of such a run need not be known when it begins.
    """

    learning_rate: float = Field(gt=0)
    decay_steps: int | None = Field(default=None, gt=0)
    weight_decay: float = Field(ge=0)


class Best(NamedTuple):
    """Which logged figure the best checkpoint has the lowest (``min``) or highest (``max``) of."""

    figure: str
    mode: str = "min"


def rate_at(step: int, config: RunConfig) -> float:
    """Return the share, up to 1, of the learning rate that a step has: a warm-up, then a cosine or a late decay down to .02."""
    if config.decay_steps is None:
        left = 0.5 * (1 + math.cos(math.pi * min(1, step / config.steps)))
    else:
        left = min(1, max(0, config.steps - step) / config.decay_steps)
    return min(1, (step + 1) / config.warm_up_steps) * (0.02 + 0.98 * left)


def optimizer(task: lightning.LightningModule, config: RunConfig) -> dict[str, Any]:
    """AdamW at the rate of ``rate_at``; norms and biases do not decay."""
    trained = [parameter for parameter in task.parameters() if parameter.requires_grad]
    groups = [
        {"params": [p for p in trained if p.ndim > 1], "weight_decay": config.weight_decay},
        {"params": [p for p in trained if p.ndim <= 1], "weight_decay": 0.0},
    ]
    adam = torch.optim.AdamW(groups, lr=config.learning_rate, betas=(0.9, 0.98))
    schedule = torch.optim.lr_scheduler.LambdaLR(adam, lambda step: rate_at(step, config))
    return {"optimizer": adam, "lr_scheduler": {"scheduler": schedule, "interval": "step"}}


class KeepLast(Checkpoint):
    """Keeps ``last.ckpt`` after each validation, the best or not, every ``every_s``, since a run may be killed, and at the end."""

    def __init__(self, path: Path, every_s: float = KEEP_EVERY_S):
        self.path, self.every_s, self.kept_at = path, every_s, time.monotonic()

    def on_train_batch_end(self, trainer: lightning.Trainer, *_: Any) -> None:
        if time.monotonic() - self.kept_at >= self.every_s or trainer.global_step == trainer.max_steps:
            self.keep(trainer)

    def on_validation_end(self, trainer: lightning.Trainer, *_: Any) -> None:
        self.keep(trainer)

    def keep(self, trainer: lightning.Trainer) -> None:
        trainer.save_checkpoint(self.path)
        self.kept_at = time.monotonic()


class WholeCheckpointIO(TorchCheckpointIO):
    """Writes a checkpoint to the disk before it replaces the one before: the machine may stop at any time."""

    def save_checkpoint(self, checkpoint: dict[str, Any], path: Any, storage_options: Any = None) -> None:
        with whole_file(path) as partial:
            torch.save(checkpoint, partial)


def steps_of(checkpoint: Path) -> int:
    """Return after how many steps a checkpoint was kept. Raises PerfLiveError for another file."""
    stored = _load(checkpoint)
    if "global_step" not in stored:
        raise PerfLiveError(f"{checkpoint}: it was put together, not trained, so that a run cannot go on from it; name a last.ckpt")
    return int(stored["global_step"])


def checkpoint_to_go_on_from(run_folder: Path, initial: Path | None = None) -> Path | None:
    """Return the checkpoint at which a run is taken up: its own last one, else ``initial``, that of another run. None for a new run."""
    last = run_folder / LAST
    return last if last.exists() else initial


def steps_done(run_folder: Path, initial: Path | None = None) -> int:
    """Return after how many steps a run is taken up; 0 for a new one. Raises PerfLiveError when the checkpoint is another file."""
    checkpoint = checkpoint_to_go_on_from(run_folder, initial)
    return steps_of(checkpoint) if checkpoint else 0


def fit(
    task: Any,
    batches: torch.utils.data.IterableDataset,
    validation: Sequence[Any],
    run_folder: Path,
    best: Best,
    clip: float | None = 1.0,
    initial: Path | None = None,
) -> Outcome:
    """Train ``task`` up to its configuration's steps; each of ``validation`` is one validation step's. Return the best figure.

    ``last.ckpt``, ``best.ckpt`` and ``curve_from_STEP/metrics.csv`` go to ``run_folder``. Where there is a ``last.ckpt`` the run goes on
    from it, else from ``initial``, a checkpoint of another run: the optimiser, its schedule and the average are as they were, and
    ``batches`` must begin after ``steps_done``. ``clip`` is the largest norm of the gradient.
    """
    config: FitConfig = task.config
    taken_up, done = checkpoint_to_go_on_from(run_folder, initial), steps_done(run_folder, initial)
    checkpoints = ModelCheckpoint(run_folder, filename=Path(BEST).stem, monitor=best.figure, mode=best.mode, enable_version_counter=False)
    progress = RichProgressBar() if sys.stderr.isatty() else Lines(best.figure)
    callbacks: list[Callback] = [checkpoints, KeepLast(run_folder / LAST), progress]
    logging.getLogger("lightning.pytorch").setLevel(logging.WARNING)  # what it would say of devices and of its maker's services
    if config.average:
        callbacks.append(EMAWeightAveraging(decay=config.average))
    trainer = lightning.Trainer(
        accelerator="auto",
        precision=config.precision,
        max_steps=config.steps,
        accumulate_grad_batches=config.accumulated_batches,
        val_check_interval=min(config.validate_every_steps, config.steps)
        * config.accumulated_batches,  # a short run leaves a checkpoint too
        check_val_every_n_epoch=None,
        gradient_clip_val=clip,
        callbacks=callbacks,
        logger=CSVLogger(run_folder, name="", version=f"curve_from_{done:06d}"),
        log_every_n_steps=20,
        num_sanity_val_steps=0,
        enable_model_summary=False,
        enable_progress_bar=sys.stderr.isatty(),
        plugins=[WholeCheckpointIO()],
    )
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", module="lightning")  # that the folder is not empty, that a loader has one worker
        trainer.fit(
            task,
            torch.utils.data.DataLoader(batches, batch_size=None),
            torch.utils.data.DataLoader(validation, batch_size=None),  # type: ignore[arg-type]
            ckpt_path=str(taken_up) if taken_up else None,
            weights_only=True,
        )
    score = checkpoints.best_model_score
    return Outcome(f"{best.figure} {float('nan') if score is None else float(score):.4f}", (BEST, LAST))


class Lines(Callback):
    """Progress where there is no terminal: a line at each validation."""

    def __init__(self, figure: str):
        self.figure = figure

    def on_validation_end(self, trainer: lightning.Trainer, task: lightning.LightningModule) -> None:
        found = trainer.callback_metrics.get(self.figure)
        told = "" if found is None else f", {self.figure} {float(found):.4f}"
        print(f"step {trainer.global_step} of {trainer.max_steps}{told}", file=sys.stderr, flush=True)


def read_checkpoint(path: Path) -> tuple[dict[str, Any], dict[str, torch.Tensor]]:
    """Return the configuration and the weights in a checkpoint. Raises PerfLiveError for another file."""
    stored = _load(path)
    return stored["config"], stored["state_dict"]


def _load(path: Path) -> dict[str, Any]:
    """Return what is in a checkpoint, with its configuration as ``config``. Raises PerfLiveError where that or the weights are missing."""
    try:
        stored: dict[str, Any] = torch.load(path, map_location="cpu", weights_only=True)
        return stored | {"config": stored["hyper_parameters"]["config"], "state_dict": stored["state_dict"]}
    except (OSError, RuntimeError, EOFError, KeyError, TypeError, pickle.UnpicklingError) as error:
        reason = getattr(error, "strerror", None) or type(error).__name__
        raise PerfLiveError(f"{path}: not a checkpoint of perf-train ({reason}); run the stage again") from error


def read_task(checkpoint: Path, kind: type[Task], config: type[FitConfig]) -> Task:
    """Return the task of a checkpoint that ``fit`` wrote, ready to predict. Raises PerfLiveError for another file."""
    configuration, weights = read_checkpoint(checkpoint)
    try:
        task = kind(config.model_validate(configuration))
        task.load_state_dict(weights)
    except (ValueError, RuntimeError) as error:
        raise PerfLiveError(f"{checkpoint}: not a checkpoint of this task ({str(error).splitlines()[0]}); run the stage again") from error
    return task.eval()


def save_task(task: lightning.LightningModule, path: Path) -> None:
    """Write a checkpoint that ``read_task`` reads, of a task that was put together rather than trained. Raises PerfLiveError."""
    with whole_file(path) as partial:
        torch.save({"hyper_parameters": dict(task.hparams), "state_dict": task.state_dict()}, partial)
