"""What trainings have in common: their configuration, the optimiser, a run with its checkpoints, and reading those."""

import logging
import math
import pickle  # noqa: S403 (the error alone; checkpoints are read with weights_only)
import sys
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

import lightning
import torch
from lightning.pytorch.callbacks import Callback, EMAWeightAveraging, ModelCheckpoint, RichProgressBar
from lightning.pytorch.loggers import CSVLogger
from pydantic import BaseModel, ConfigDict, Field

from engine.base.errors import PerfLiveError
from engine.base.files import whole_file
from training.stages import Outcome

Task = TypeVar("Task", bound=lightning.LightningModule)
BEST, LAST = "best.ckpt", "last.ckpt"


class FitConfig(BaseModel):
    """What ``fit`` needs to know.

    ``average`` is the decay of the moving average of the weights, which is kept in place of the weights; 0 keeps the weights. A step of the
    optimiser sees ``accumulated_batches`` batches. Every ``validate_every_steps`` steps a checkpoint is kept.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    steps: int = Field(gt=0)
    warm_up_steps: int = Field(gt=0)
    average: float = Field(default=0.0, ge=0, lt=1)
    accumulated_batches: int = Field(default=1, gt=0)
    validate_every_steps: int = Field(default=200, gt=0)
    seed: int


class RunConfig(FitConfig):
    """The same, with what ``optimizer`` needs to know."""

    learning_rate: float = Field(gt=0)
    weight_decay: float = Field(ge=0)


class Best(NamedTuple):
    """Which logged figure the best checkpoint has the lowest (``min``) or highest (``max``) of."""

    figure: str
    mode: str = "min"


def optimizer(task: lightning.LightningModule, config: RunConfig) -> dict[str, Any]:
    """AdamW with a warm-up and a cosine; norms and biases do not decay."""
    trained = [parameter for parameter in task.parameters() if parameter.requires_grad]
    groups = [
        {"params": [p for p in trained if p.ndim > 1], "weight_decay": config.weight_decay},
        {"params": [p for p in trained if p.ndim <= 1], "weight_decay": 0.0},
    ]
    adam = torch.optim.AdamW(groups, lr=config.learning_rate, betas=(0.9, 0.98))
    warm_up, steps = config.warm_up_steps, config.steps
    schedule = torch.optim.lr_scheduler.LambdaLR(
        adam, lambda step: min(1, (step + 1) / warm_up) * (0.02 + 0.98 * 0.5 * (1 + math.cos(math.pi * min(1, step / steps))))
    )
    return {"optimizer": adam, "lr_scheduler": {"scheduler": schedule, "interval": "step"}}


def steps_done(run_folder: Path) -> int:
    """Return after how many steps a run is taken up again; 0 for a new one."""
    last = run_folder / LAST
    return torch.load(last, map_location="cpu", weights_only=True)["global_step"] if last.exists() else 0


def fit(
    task: Any,
    batches: torch.utils.data.IterableDataset,
    validation: Sequence[Any],
    run_folder: Path,
    best: Best,
    clip: float | None = 1.0,
) -> Outcome:
    """Train ``task`` up to its configuration's steps; each of ``validation`` is one validation step's. Return the best figure.

    ``last.ckpt``, ``best.ckpt`` and ``curve_from_STEP/metrics.csv`` go to ``run_folder``. Where there is a ``last.ckpt`` the run goes on
    from it: the optimiser, its schedule and the average are as they were, and ``batches`` must begin after ``steps_done``. ``clip`` is the
    largest norm of the gradient.
    """
    config: FitConfig = task.config
    done = steps_done(run_folder)
    checkpoints = ModelCheckpoint(
        run_folder, filename=Path(BEST).stem, monitor=best.figure, mode=best.mode, save_last=True, enable_version_counter=False
    )
    callbacks: list[Callback] = [checkpoints, RichProgressBar() if sys.stderr.isatty() else Lines(best.figure)]
    logging.getLogger("lightning.pytorch").setLevel(logging.WARNING)  # what it would say of devices and of its maker's services
    if config.average:
        callbacks.append(EMAWeightAveraging(decay=config.average))
    trainer = lightning.Trainer(
        accelerator="auto",
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
    )
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", module="lightning")  # that the folder is not empty, that a loader has one worker
        trainer.fit(
            task,
            torch.utils.data.DataLoader(batches, batch_size=None),
            torch.utils.data.DataLoader(validation, batch_size=None),  # type: ignore[arg-type]
            ckpt_path=str(run_folder / LAST) if done else None,
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
    try:
        stored = torch.load(path, map_location="cpu", weights_only=True)
        return stored["hyper_parameters"]["config"], stored["state_dict"]
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
