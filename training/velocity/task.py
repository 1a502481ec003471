"""Training of the streaming velocity transformers, causal and looking ahead."""

from pathlib import Path

import lightning
import numpy as np
import torch
from torch import Tensor

from models.velocity.network import CausalVelocityTransformer, build_network, pinball_loss
from training.datasets.asap import SPLITS
from training.runs import LAST, Best, fit, optimizer, read_task, steps_done
from training.stages import Outcome, Work
from training.velocity.data import VelocityTrainingConfig, VelocityWindows, load_split, validation_batches
from training.velocity.figures import figures


class VelocityTask(lightning.LightningModule):
    def __init__(self, config: VelocityTrainingConfig):
        super().__init__()
        self.save_hyperparameters({"config": config.model_dump()})
        self.config = config
        self.network = build_network(config.network)

    def predict(self, batch: dict[str, Tensor]) -> Tensor:
        """Return quantiles [B, T, 17]; the causal network goes through the window as it does when playing, chunk by chunk."""
        described = (batch["pitch"], batch["hint"], batch["keys"], batch["scalars"])
        if not isinstance(self.network, CausalVelocityTransformer):
            return self.network(*described)
        inputs = (*described, batch["onset_s"])
        state = self.network.initial_state(len(batch["pitch"]))
        quantiles = []
        for chunk in zip(*(tensor.split(self.config.network.window, 1) for tensor in inputs), strict=True):
            output, *state = self.network(*chunk, *state)
            quantiles.append(output)
        return torch.cat(quantiles, 1)

    def training_step(self, batch: dict[str, Tensor], index: int) -> Tensor:
        loss = pinball_loss(self.predict(batch), batch["velocity"]).mean()
        self.log("loss", loss, prog_bar=True)
        return loss

    def validation_step(self, batch: dict[str, Tensor], index: int) -> None:
        self.log_dict(figures(self.predict(batch), batch), prog_bar=True)

    def configure_optimizers(self):
        return optimizer(self, self.config)


def load_task(checkpoint: Path) -> VelocityTask:
    """Return the network and its configuration, ready to predict, of a checkpoint that ``train`` wrote."""
    return read_task(checkpoint, VelocityTask, VelocityTrainingConfig)


def start_from(task: VelocityTask, start: VelocityTask) -> None:
    """Give ``task`` the weights of ``start``, which may have more blocks: evenly spread ones are taken."""
    kept = np.linspace(0, start.config.network.layers - 1, task.config.network.layers).round().astype(int)
    start.network.blocks = torch.nn.ModuleList(start.network.blocks[index] for index in kept)
    task.load_state_dict(start.state_dict())


def train(config: VelocityTrainingConfig, work: Work) -> Outcome:
    """Train on the train split of the (n)ASAP folder ``work.data``; checkpoints and the curve go to ``work.folder``. The weights of the
    stage that is read as ``start`` are where a new run starts.
    """
    lightning.seed_everything(config.seed, verbose=False)
    train_features, validation_features = (load_split(work.data, split, work.cache) for split in SPLITS)
    task, done = VelocityTask(config), steps_done(work.folder)
    if work.reads.get("start") and not done:
        start_from(task, load_task(work.read("start") / LAST))
    windows = VelocityWindows(train_features, config, config.seed + done, augment=True)
    return fit(task, windows, validation_batches(validation_features, config), work.folder, Best("validation_loss"))
