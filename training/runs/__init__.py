"""What trainings have in common: their configuration, the optimiser, and a run from its first step, or the last one that was kept, on."""

import logging
import math
import sys
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal, NamedTuple

import lightning
import torch
from lightning.pytorch.callbacks import Callback, EarlyStopping, EMAWeightAveraging, RichProgressBar
from lightning.pytorch.loggers import CSVLogger, TensorBoardLogger
from pydantic import BaseModel, ConfigDict, Field

from training.runs.batches import SeedEachBatch
from training.runs.checkpoints import BEST, LAST, KeepBest, KeepLast, WholeCheckpointIO, checkpoint_to_go_on_from, steps_done
from training.runs.curves import PIECE
from training.runs.processes import process, processes, processes_here
from training.stages import Outcome


class FitConfig(BaseModel):
    """What ``fit`` needs to know.

    ``average`` is the decay of the moving average of the weights, which is kept in place of the weights; 0 keeps the weights. A step of the
    optimiser sees ``accumulated_batches`` batches of each process. Every ``validate_every_steps`` steps a checkpoint is kept; a run whose
    figure was not better than its best in ``patience`` of these validations ends there. ``precision`` is that of products; weights have
    32 bits.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    steps: int = Field(gt=0)
    warm_up_steps: int = Field(gt=0)
    average: float = Field(default=0.0, ge=0, lt=1)
    accumulated_batches: int = Field(default=1, gt=0)
    precision: Literal["32-true", "bf16-mixed"] = "32-true"
    validate_every_steps: int = Field(default=200, gt=0)
    patience: int | None = Field(default=None, gt=0, exclude_if=lambda patience: patience is None)  # hashes are as they were without it
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


class StopEarly(EarlyStopping):
    """Ends a run whose figure does not become better, again at once where it had been ended so before and was taken up."""

    def on_train_start(self, trainer: lightning.Trainer, task: lightning.LightningModule) -> None:
        if self.wait_count >= self.patience:
            trainer.should_stop = True


def batches_done(config: FitConfig, run_folder: Path, initial: Path | None = None) -> int:
    """Return the number of the first batch of a run that is taken up; 0 for a new one."""
    return steps_done(run_folder, initial) * config.accumulated_batches * processes()


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

    ``last.ckpt``, ``best.ckpt`` and ``curve_from_STEP`` (``metrics.csv`` and TensorBoard's events) go to ``run_folder``. Where there is a
    ``last.ckpt`` the run goes on from it, else from ``initial``, a checkpoint of another run: the optimiser, its schedule and the average
    are as they were, and ``batches`` must begin with ``batches_done``. ``clip`` is the largest norm of the gradient.
    """
    config: FitConfig = task.config
    taken_up, done = checkpoint_to_go_on_from(run_folder, initial), steps_done(run_folder, initial)
    validate_every_steps = min(config.validate_every_steps, config.steps)  # a short run leaves a checkpoint too
    best_kept = KeepBest(run_folder, best.figure, best.mode)
    callbacks: list[Callback] = [SeedEachBatch(config.seed), best_kept, KeepLast(run_folder / LAST, validate_every_steps)]
    callbacks.append(RichProgressBar() if _shows_progress() else Lines(best.figure))
    if config.average:
        callbacks.append(EMAWeightAveraging(decay=config.average))
    if config.patience:
        callbacks.append(StopEarly(best.figure, mode=best.mode, patience=config.patience))
    trainer = _trainer(config, callbacks, run_folder, f"{PIECE}{done:06d}", validate_every_steps, clip)
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", module="lightning")  # that the folder is not empty, that a loader has one worker
        trainer.fit(
            task,
            torch.utils.data.DataLoader(batches, batch_size=None),
            torch.utils.data.DataLoader(validation, batch_size=None),  # type: ignore[arg-type]
            ckpt_path=str(taken_up) if taken_up else None,
            weights_only=True,
        )
    score = best_kept.best_model_score
    return Outcome(f"{best.figure} {float('nan') if score is None else float(score):.4f}", (BEST, LAST))


def _trainer(
    config: FitConfig, callbacks: list[Callback], run_folder: Path, piece: str, validate_every_steps: int, clip: float | None
) -> lightning.Trainer:
    logging.getLogger("lightning.pytorch").setLevel(logging.WARNING)  # what it would say of devices and of its maker's services
    return lightning.Trainer(
        accelerator="auto",
        devices=processes_here(),
        num_nodes=processes() // processes_here(),
        strategy="ddp" if processes() > 1 else "auto",
        use_distributed_sampler=False,  # batches are shared out already, and each process validates the whole
        precision=config.precision,
        max_steps=config.steps,
        accumulate_grad_batches=config.accumulated_batches,
        val_check_interval=validate_every_steps * config.accumulated_batches,
        check_val_every_n_epoch=None,
        gradient_clip_val=clip,
        callbacks=callbacks,
        logger=[CSVLogger(run_folder, "", piece), TensorBoardLogger(run_folder, "", piece, default_hp_metric=False)],
        log_every_n_steps=min(20, validate_every_steps),
        num_sanity_val_steps=0,
        enable_model_summary=False,
        enable_progress_bar=_shows_progress(),
        plugins=[WholeCheckpointIO()],
    )


def _shows_progress() -> bool:
    return sys.stderr.isatty() and not process()


class Lines(Callback):
    """Progress where there is no terminal: a line at each validation."""

    def __init__(self, figure: str):
        self.figure = figure

    def on_validation_end(self, trainer: lightning.Trainer, task: lightning.LightningModule) -> None:
        found = trainer.callback_metrics.get(self.figure)
        told = "" if found is None else f", {self.figure} {float(found):.4f}"
        if trainer.is_global_zero:
            print(f"step {trainer.global_step} of {trainer.max_steps}{told}", file=sys.stderr, flush=True)
