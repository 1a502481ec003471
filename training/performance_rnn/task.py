"""Training of Performance RNN: performances are read from start to end in lanes, the state carried from window to window."""

from pathlib import Path
from typing import Any

import lightning
import torch
from torch import Tensor
from torch.nn import functional

from models.performance_rnn.network import PerformanceRNN
from training.datasets.asap import SPLITS
from training.performance_rnn.data import LaneSampler, PerformanceRNNTrainingConfig, load_sounding_notes, validation_excerpts
from training.performance_rnn.figures import baseline_losses, count_events
from training.performance_rnn.weights import read_weights
from training.runs import Best, fit, optimizer
from training.runs.checkpoints import checkpoint_to_go_on_from, load_checkpoint, read_task, steps_done
from training.runs.processes import first_alone, of_all_processes, process, processes
from training.stages import Outcome, Work


@torch.no_grad()
def validation_loss(network: PerformanceRNN, excerpts: dict[str, Tensor]) -> float:
    """Return nats an event of ``network`` over ``excerpts``."""
    event, target = excerpts["event"], excerpts["target"]
    logits, _, _ = network(event, excerpts["controls"], *network.initial_state(len(event)))
    return functional.cross_entropy(logits.flatten(0, 1), target.flatten()).item()


class PerformanceRNNTask(lightning.LightningModule):
    """``seconds``: how much music the validation excerpts last; ``baselines``: nats an event to log beside the validation loss."""

    def __init__(self, config: PerformanceRNNTrainingConfig, seconds: float = 1.0, baselines: dict[str, float] | None = None):
        super().__init__()
        self.save_hyperparameters({"config": config.model_dump()})
        self.config, self.seconds, self.baselines = config, seconds, baselines or {}
        self.network = PerformanceRNN(config.network)
        self.state: tuple[Tensor, Tensor] | None = None
        self.place: Tensor | None = None

    def training_step(self, batch: dict[str, Tensor], index: int) -> Tensor:
        hidden, cell = self.state or self.network.initial_state(len(batch["event"]))
        carried = (~batch["fresh"]).to(hidden)[None, :, None]
        logits, hidden, cell = self.network(batch["event"], batch["controls"], hidden * carried, cell * carried)
        self.state, self.place = (hidden.detach(), cell.detach()), batch["place"]
        loss = functional.cross_entropy(logits.flatten(0, 1), batch["target"].flatten())
        self.log("loss", loss, prog_bar=True)
        return loss

    def validation_step(self, excerpts: dict[str, Tensor], index: int) -> None:
        losses = {"validation": validation_loss(self.network, excerpts)} | self.baselines
        by_event = {f"{name}_loss": loss for name, loss in losses.items()}
        by_second = {f"{name}_loss_per_second": loss * excerpts["target"].numel() / self.seconds for name, loss in losses.items()}
        self.log_dict(by_event | by_second, batch_size=1)
        shown = ", ".join(f"{name} {loss:.3f}" for name, loss in losses.items())
        print(f"\nstep {self.global_step}: nats an event: {shown}; a second: {by_second['validation_loss_per_second']:.1f}", flush=True)

    def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Keep where the lanes are and what the network remembers there, of each process."""
        if self.state is not None and self.place is not None:
            lanes = {"hidden": self.state[0], "cell": self.state[1], "place": self.place}
            checkpoint["lanes"] = {name: of_all_processes(tensor) for name, tensor in lanes.items()}

    def on_load_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        if lanes := lanes_of(checkpoint, self.config):
            self.state = lanes["hidden"].to(self.device), lanes["cell"].to(self.device)

    def configure_optimizers(self):
        return optimizer(self, self.config)


def lanes_of(checkpoint: dict[str, Any], config: PerformanceRNNTrainingConfig) -> dict[str, Tensor] | None:
    """Return ``hidden``, ``cell`` and ``place`` of this process's lanes in a checkpoint; None where it has others than the run, which then
    begins them anew.
    """
    kept: dict[str, Tensor] | None = checkpoint.get("lanes")
    if kept is None or kept["place"].shape[:2] != (processes(), config.lanes):
        return None
    return {name: tensor[process()] for name, tensor in kept.items()}


def load_task(checkpoint: Path) -> PerformanceRNNTask:
    """Return the network and its configuration, ready to predict, of a checkpoint that ``train`` wrote."""
    return read_task(checkpoint, PerformanceRNNTask, PerformanceRNNTrainingConfig)


def train(config: PerformanceRNNTrainingConfig, work: Work) -> Outcome:
    """Train on the train split of the (n)ASAP or MAESTRO folder ``work.data``; checkpoints and the curve go to ``work.folder``.

    Weights that the run begins from are validated first.
    """
    lightning.seed_everything(config.seed, verbose=False)
    with first_alone():
        notes, followed = (load_sounding_notes(work.data, split, work.cache / "features") for split in SPLITS)
    excerpts, seconds = validation_excerpts(followed, config)
    losses = baseline_losses(count_events(config.network.codec, notes), excerpts)
    initial = Path(config.initial) if config.initial else None
    checkpoint, weights = (initial, None) if initial and initial.suffix == ".ckpt" else (None, initial)
    done = steps_done(work.folder, checkpoint)
    task = PerformanceRNNTask(config, seconds, losses)
    if weights and not done:
        task.network.load_state_dict(read_weights(weights, config.network))
        print(f"{weights}: nats an event: validation {validation_loss(task.network, excerpts):.3f}", flush=True)
    taken_up = checkpoint_to_go_on_from(work.folder, checkpoint)
    lanes = lanes_of(load_checkpoint(taken_up), config) if taken_up else None
    sampler = LaneSampler(notes, config, lanes["place"] if lanes else None, first=done * config.lanes)
    return fit(task, sampler, [excerpts], work.folder, Best("validation_loss"), initial=checkpoint)
