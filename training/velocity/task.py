"""Training of the streaming velocity transformers, causal and looking ahead."""

from pathlib import Path

import lightning
import numpy as np
import torch
from torch import Tensor

from models.velocity.network import CausalVelocityTransformer, PedallingVelocityTransformer, build_network, pinball_loss
from training.datasets.asap import SPLITS
from training.runs import Best, batches_done, fit, optimizer
from training.runs.checkpoints import LAST, read_task
from training.runs.processes import first_alone
from training.stages import Outcome, Work
from training.velocity.data import VelocityTrainingConfig, VelocityWindows, load_split, validation_batches
from training.velocity.figures import figures
from training.velocity.pedalling import pedal_loss

PEDAL_WEIGHT = 4.0  # of the pedal's loss beside the velocity's, which is in steps


class VelocityTask(lightning.LightningModule):
    def __init__(self, config: VelocityTrainingConfig):
        super().__init__()
        self.save_hyperparameters({"config": config.model_dump()})
        self.config = config
        self.network = build_network(config.network)

    def predict(self, batch: dict[str, Tensor]) -> Tensor:
        """Return quantiles [B, T, 17]; the causal network goes through the window as it does when playing, chunk by chunk."""
        described = _described(batch)
        if not isinstance(self.network, CausalVelocityTransformer):
            return self.network(*described)
        inputs = (*described, batch["onset_s"])
        state = self.network.initial_state(len(batch["pitch"]))
        quantiles = []
        for chunk in zip(*(tensor.split(self.config.network.window, 1) for tensor in inputs), strict=True):
            output, *state = self.network(*chunk, *state)
            quantiles.append(output)
        return torch.cat(quantiles, 1)

    def perform(self, batch: dict[str, Tensor]) -> tuple[Tensor, Tensor | None]:
        """Return the same, and the logits of PEDAL_MOVES [B, T, 2] where the network says them."""
        if isinstance(self.network, PedallingVelocityTransformer):
            return self.network.perform(*_described(batch))
        return self.predict(batch), None

    def training_step(self, batch: dict[str, Tensor], index: int) -> Tensor:
        quantiles, moves = self.perform(batch)
        loss = pinball_loss(quantiles, batch["velocity"]).mean()
        if moves is not None:
            loss = loss + PEDAL_WEIGHT * pedal_loss(moves, batch["pedal"])
        self.log("loss", loss, prog_bar=True)
        return loss

    def validation_step(self, batch: dict[str, Tensor], index: int) -> None:
        self.log_dict(figures(*self.perform(batch), batch), prog_bar=True)

    def configure_optimizers(self):
        return optimizer(self, self.config)


def _described(batch: dict[str, Tensor]) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    return batch["pitch"], batch["hint"], batch["keys"], batch["scalars"]


def load_task(checkpoint: Path) -> VelocityTask:
    """Return the network and its configuration, ready to predict, of a checkpoint that ``train`` wrote."""
    return read_task(checkpoint, VelocityTask, VelocityTrainingConfig)


def start_from(task: VelocityTask, start: VelocityTask) -> None:
    """Give ``task`` the weights of ``start``, which may have more blocks: evenly spread ones are taken."""
    kept = np.linspace(0, start.config.network.layers - 1, task.config.network.layers).round().astype(int)
    start.network.blocks = torch.nn.ModuleList(start.network.blocks[index] for index in kept)
    task.load_state_dict(start.state_dict())


def train(config: VelocityTrainingConfig, work: Work) -> Outcome:
    """Train on the train split of the data set in ``work.data``; checkpoints and the curve go to ``work.folder``. The weights of the
    stage that is read as ``start`` are where a new run starts.
    """
    lightning.seed_everything(config.seed, verbose=False)
    with first_alone():
        train_features, validation_features = (load_split(config.dataset, work.data, split, work.cache) for split in SPLITS)
    task, first = VelocityTask(config), batches_done(config, work.folder)
    if work.reads.get("start") and not first:
        start_from(task, load_task(work.read("start") / LAST))
    windows = VelocityWindows(train_features, config, config.seed, augment=True, first=first)
    return fit(task, windows, validation_batches(validation_features, config), work.folder, Best("validation_loss"))
