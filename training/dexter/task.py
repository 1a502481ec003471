"""Training of DExter's mean predictor."""

from collections.abc import Sequence
from pathlib import Path
from typing import Literal

import lightning
import numpy as np
import torch
from pydantic import Field
from torch import Tensor

from models.layers.expression_network import AveragedNetwork, ExpressionNetwork, ExpressionNetworkConfig
from training.dexter.data import load_followed_presentations, load_shown_pieces
from training.dexter.figures import figures, predict_piece
from training.performance.windows import ExpressionWindowConfig, ExpressionWindows, Shown
from training.runs import Best, RunConfig, batches_done, fit, optimizer
from training.runs.checkpoints import read_task
from training.runs.processes import first_alone
from training.stages import Outcome, Work

# beat period, velocity, timing, articulation, pedal, pedal between, change, return
COLUMN_WEIGHTS = (1.0, 1.0, 0.7, 1.0, 0.4, 0.4, 0.2, 0.2)


class DexterTrainingConfig(RunConfig):
    """``beside`` are further networks whose means are averaged with the network's, in a checkpoint of ``training.dexter.average``.

    ``shared_error`` is what an error that all notes of a window have in common weighs, beside one that makes its shape wrong.
    """

    task: Literal["dexter-mean"]
    network: ExpressionNetworkConfig
    beside: tuple[ExpressionNetworkConfig, ...] = ()
    windows: ExpressionWindowConfig
    shared_error: float = Field(ge=0, le=1)


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

    def __init__(self, config: DexterTrainingConfig, validation: Sequence[tuple[str, Shown]] = ()):
        super().__init__()
        self.save_hyperparameters({"config": config.model_dump()})
        self.config, self.validation = config, validation
        self.network = AveragedNetwork([config.network, *config.beside]) if config.beside else ExpressionNetwork(config.network)
        self.register_buffer("column_weights", torch.tensor(COLUMN_WEIGHTS), persistent=False)

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


def load_task(checkpoint: Path) -> DexterTask:
    """Return the network and its configuration, ready to predict, of a checkpoint that ``train`` wrote."""
    return read_task(checkpoint, DexterTask, DexterTrainingConfig)


def train(config: DexterTrainingConfig, work: Work) -> Outcome:
    """Train on the train split of the (n)ASAP folder ``work.data``; checkpoints and the curve go to ``work.folder``."""
    lightning.seed_everything(config.seed, verbose=False)
    with first_alone():
        pieces = load_shown_pieces(work.data, "train", work.cache)
        validation = load_followed_presentations(work.data, work.cache)
    windows = ExpressionWindows(pieces, config.windows, config.seed, batches_done(config, work.folder))
    return fit(DexterTask(config, validation), windows, range(len(validation)), work.folder, Best("score", "max"))
