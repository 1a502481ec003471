"""What trainings have in common: their configuration, the optimiser, a run with its checkpoints, and reading those."""

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

import lightning
import torch
from lightning.pytorch.callbacks import Callback, EMAWeightAveraging, ModelCheckpoint
from lightning.pytorch.loggers import CSVLogger
from pydantic import BaseModel, ConfigDict, Field

Task = TypeVar("Task", bound=lightning.LightningModule)


class RunConfig(BaseModel):
    """``average``: decay of the moving average of the weights, which is what is kept then; 0 keeps the weights as they are."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    steps: int = Field(gt=0)
    learning_rate: float = Field(gt=0)
    warm_up_steps: int = Field(gt=0)
    weight_decay: float = Field(ge=0)
    average: float = Field(default=0.0, ge=0, lt=1)
    validate_every_steps: int = Field(default=200, gt=0)  # and keep a checkpoint
    seed: int


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


def steps_done(run_folder: Path, resume: bool) -> int:
    """Return after how many steps a run is taken up again; 0 for a new one."""
    last = run_folder / "last.ckpt"
    return torch.load(last, map_location="cpu", weights_only=True)["global_step"] if resume and last.exists() else 0


def fit(task: Any, batches: torch.utils.data.IterableDataset, validation: Sequence[Any], run_folder: Path, done: int, best: Best) -> None:
    """Train ``task`` up to its configuration's steps, from step ``done`` of the run on; each of ``validation`` is one validation step's.

    ``last.ckpt``, ``best.ckpt`` and ``curve_from_STEP/metrics.csv`` go to ``run_folder``. Taken up again, the optimiser, its schedule and
    the average go on.
    """
    config: RunConfig = task.config
    callbacks: list[Callback] = [
        ModelCheckpoint(run_folder, filename="best", monitor=best.figure, mode=best.mode, save_last=True, enable_version_counter=False)
    ]
    if config.average:
        callbacks.append(EMAWeightAveraging(decay=config.average))
    trainer = lightning.Trainer(
        accelerator="auto",
        max_steps=config.steps,
        val_check_interval=min(config.validate_every_steps, config.steps),  # a short run leaves a checkpoint too
        check_val_every_n_epoch=None,
        gradient_clip_val=1.0,
        callbacks=callbacks,
        logger=CSVLogger(run_folder, name="", version=f"curve_from_{done:06d}"),
        log_every_n_steps=20,
        num_sanity_val_steps=0,
    )
    trainer.fit(
        task,
        torch.utils.data.DataLoader(batches, batch_size=None),
        torch.utils.data.DataLoader(validation, batch_size=None),  # type: ignore[arg-type]
        ckpt_path=str(run_folder / "last.ckpt") if done else None,
        weights_only=True,
    )


def read_task(checkpoint: Path, kind: type[Task], config: type[RunConfig]) -> Task:
    """Return the task of a checkpoint that ``fit`` wrote, ready to predict. Buffers that are fitted after training may be missing."""
    stored = torch.load(checkpoint, map_location="cpu", weights_only=True)
    task = kind(config.model_validate(stored["hyper_parameters"]["config"]))
    kept = task.state_dict()
    task.load_state_dict({name: kept[name] for name, _ in task.named_buffers() if name in kept} | stored["state_dict"])
    return task.eval()
