"""Training of DExter's mean predictor."""

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal

import lightning
import numpy as np
import torch
from lightning.pytorch.callbacks import EMAWeightAveraging, ModelCheckpoint
from lightning.pytorch.loggers import CSVLogger
from pydantic import BaseModel, ConfigDict, Field
from torch import Tensor

from models.dexter.network import AveragedNetwork, ExpressionNetwork, ExpressionNetworkConfig
from training.datasets.expression_pieces import load_pieces
from training.datasets.expression_windows import Shown, WindowConfig, WindowSampler, show
from training.dexter_figures import figures, predict_piece

# beat period, velocity, timing, articulation, pedal, pedal between, change, return
COLUMN_WEIGHTS = (1.0, 1.0, 0.7, 1.0, 0.4, 0.4, 0.2, 0.2)
VALIDATIONS = 5  # in a run; the last at its end


class DexterTrainingConfig(BaseModel):
    """``beside``: further networks whose means are averaged with the network's, of runs that dexter_average joined.

    ``shared_error``: what an error that all notes of a window have in common weighs, beside one that makes its shape wrong."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    task: Literal["dexter"]
    network: ExpressionNetworkConfig
    beside: tuple[ExpressionNetworkConfig, ...] = ()
    windows: WindowConfig
    shared_error: float = Field(ge=0, le=1)
    steps: int = Field(gt=0)
    learning_rate: float = Field(gt=0)
    warm_up_steps: int = Field(gt=0)
    weight_decay: float = Field(ge=0)
    average: float = Field(ge=0, lt=1)  # decay of the moving average of the weights, which is what is kept
    seed: int


CONFIG = DexterTrainingConfig


def expression_loss(predicted: Tensor, target: Tensor, weight: Tensor, shared_error: float) -> Tensor:
    """Return (8,) the squared error of [B, T, 8] by column, the part that is common to a window scaled by ``shared_error``."""
    error = predicted - target
    total = weight.sum(1, keepdim=True)
    shared = (weight * error).sum(1, keepdim=True) / total.clamp(min=1e-6)
    squared = (error - shared).square() + shared_error * shared.square()
    return (weight * squared).sum((0, 1)) / weight.sum((0, 1)).clamp(min=1e-6)


class DexterTask(lightning.LightningModule):
    """Trains the network. ``validation``: the kind of each presentation that is followed, and what the network meets of it."""

    column_weights: Tensor
    gains: Tensor
    offsets: Tensor

    def __init__(self, config: DexterTrainingConfig, validation: Sequence[tuple[str, Shown]] = ()):
        super().__init__()
        self.save_hyperparameters({"config": config.model_dump()})
        self.config, self.validation = config, validation
        self.network = AveragedNetwork([config.network, *config.beside]) if config.beside else ExpressionNetwork(config.network)
        self.register_buffer("column_weights", torch.tensor(COLUMN_WEIGHTS), persistent=False)
        # What makes a mean as expressive as a human: gain * mean + offset, or about the piece's own average where the offset is NaN.
        # Fitted after training, by dexter_calibration.
        self.register_buffer("gains", torch.ones(len(COLUMN_WEIGHTS)))
        self.register_buffer("offsets", torch.zeros(len(COLUMN_WEIGHTS)))

    def training_step(self, batch: dict[str, Tensor], index: int) -> Tensor:
        predicted, _ = self.network(batch["features"], batch["descriptors"], batch["descriptors_known"])
        by_column = expression_loss(predicted, batch["target"], batch["weight"], self.config.shared_error)
        self.log_dict({"loss_tempo": by_column[0], "loss_velocity": by_column[1], "loss_articulation": by_column[3]}, prog_bar=True)
        return (by_column * self.column_weights).sum()

    def validation_step(self, piece: int, index: int) -> None:
        """Figures of a whole piece; Lightning averages them over pieces."""
        kind, shown = self.validation[piece]
        predicted, _ = predict_piece(self.network, shown.features, self.config.windows.notes)
        found = figures(shown, predicted.float().cpu().numpy())
        known = {f"{kind}_{name}": value for name, value in found.items() if np.isfinite(value)}
        self.log_dict(known, on_epoch=True, batch_size=1)
        for name in ("velocity", "tempo", "articulation"):
            if np.isfinite(found[name]):
                self.log("score", found[name], on_epoch=True, batch_size=1, prog_bar=True)

    def configure_optimizers(self):
        return optimizer(self, self.config)


def optimizer(task: lightning.LightningModule, config: Any) -> dict[str, Any]:
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


def load_task(checkpoint: Path) -> DexterTask:
    """Return the network and its configuration, ready to predict, of a checkpoint that ``train`` wrote."""
    stored = torch.load(checkpoint, map_location="cpu", weights_only=True)
    task = DexterTask(DexterTrainingConfig.model_validate(stored["hyper_parameters"]["config"]))
    task.load_state_dict({"gains": task.gains, "offsets": task.offsets} | stored["state_dict"])
    return task.eval()


def fit(task: Any, batches: Any, run_folder: Path, resume: bool, monitor: tuple[str, str]) -> None:
    """Train ``task`` for its configuration's steps; checkpoints hold the averaged weights, ``monitor`` names what is best, and its mode."""
    config = task.config
    name, mode = monitor
    checkpoints = ModelCheckpoint(run_folder, filename="best", monitor=name, mode=mode, save_last=True, enable_version_counter=False)
    trainer = lightning.Trainer(
        accelerator="auto",
        max_steps=config.steps,
        val_check_interval=max(config.steps // VALIDATIONS, 1),
        check_val_every_n_epoch=None,
        gradient_clip_val=1.0,
        callbacks=[checkpoints, EMAWeightAveraging(decay=config.average)],
        logger=CSVLogger(run_folder, name="", version=""),
        log_every_n_steps=20,
        num_sanity_val_steps=0,
    )
    last = run_folder / "last.ckpt"
    trainer.fit(
        task,
        torch.utils.data.DataLoader(batches, batch_size=None),
        torch.utils.data.DataLoader(range(len(task.validation)), batch_size=None),  # type: ignore[arg-type]
        ckpt_path=str(last) if resume and last.exists() else None,
        weights_only=True,
    )


def train(config: DexterTrainingConfig, data_root: Path, run_folder: Path, resume: bool) -> None:
    """Train on the train split of the (n)ASAP folder ``data_root``; checkpoints and the curve go to ``run_folder``."""
    lightning.seed_everything(config.seed)
    pieces = [[show(shown) for shown in piece.presentations] for piece in load_pieces(data_root, "train", run_folder.parent)]
    sampler = WindowSampler(pieces, config.windows, config.seed)
    followed = load_pieces(data_root, "validation", run_folder.parent)[::2]
    validation = [(shown.kind, show(shown)) for piece in followed for shown in piece.presentations]
    fit(DexterTask(config, validation), sampler, run_folder, resume, ("score", "max"))
