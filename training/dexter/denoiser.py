"""Training of DExter's denoiser around a mean predictor that is trained already."""

from pathlib import Path
from typing import Literal

import lightning
import torch
from pydantic import Field
from torch import Tensor

from engine.base.errors import UsageError
from models.dexter.diffusion import add_noise, random_levels, random_prefixes
from models.dexter.network import Denoiser, DenoiserConfig
from models.layers.expression_network import ExpressionNetwork, ExpressionNetworkConfig
from models.performance.representation import COLUMNS
from training.datasets.asap import SPLITS
from training.dexter.data import load_shown_pieces
from training.dexter.task import load_task
from training.performance.windows import ExpressionWindowConfig, ExpressionWindows
from training.runs import Best, RunConfig, batches_done, fit, optimizer
from training.runs.checkpoints import BEST, read_task
from training.runs.processes import first_alone
from training.stages import Outcome, Work

DEVIATION_BATCHES = 40
VALIDATION_BATCHES = 12


class DexterDenoiserTrainingConfig(RunConfig):
    """``mean`` are the sizes of the mean predictor that it is trained around. ``prefix`` is the share of windows whose first notes are
    fixed; each window's performance is noised ``levels`` times.
    """

    task: Literal["dexter-denoiser"]
    mean: ExpressionNetworkConfig
    denoiser: DenoiserConfig
    windows: ExpressionWindowConfig
    prefix: float = Field(ge=0, le=1)
    levels: int = Field(gt=0)


class DexterDenoiserTask(lightning.LightningModule):
    residual_deviation: Tensor

    def __init__(self, config: DexterDenoiserTrainingConfig, validation: list[dict[str, Tensor]] | None = None):
        super().__init__()
        self.save_hyperparameters({"config": config.model_dump()})
        self.config, self.validation = config, validation or []
        self.mean = ExpressionNetwork(config.mean).requires_grad_(False)
        self.denoiser = Denoiser(config.denoiser, config.mean.width)
        self.register_buffer("residual_deviation", torch.ones(COLUMNS))

    def predict_mean(self, batch: dict[str, Tensor]) -> tuple[Tensor, Tensor]:
        """The frozen mean and context, without dropout whatever mode the trainer sets."""
        self.mean.eval()
        with torch.no_grad():
            return self.mean(batch["features"], batch["descriptors"], batch["descriptors_known"])

    def loss(self, batch: dict[str, Tensor], generator: torch.Generator) -> Tensor:
        """The squared error of v by known value of notes that are not fixed."""
        mean, context = self.predict_mean(batch)
        known = (batch["weight"] > 0).float()
        residual = (batch["target"] - mean) / self.residual_deviation * known
        times = self.config.levels

        def repeated(tensor: Tensor) -> Tensor:
            return tensor.repeat(times, *(1 for _ in tensor.shape[1:]))

        residual, known = repeated(residual), repeated(known)
        log_snr = random_levels(len(residual), generator).to(residual)
        fixed_known = random_prefixes(len(residual), residual.shape[1], self.config.prefix, generator).to(residual)
        noise = torch.randn(residual.shape, generator=generator).to(residual)
        noisy, v = add_noise(residual, log_snr, noise)
        conditions = (repeated(context), repeated(mean), repeated(batch["descriptors"]), repeated(batch["descriptors_known"]))
        predicted = self.denoiser(noisy, *conditions, residual, fixed_known, log_snr)
        weight = known * (1 - fixed_known)
        return (weight * (predicted - v).square()).sum() / weight.sum().clamp(min=1)

    def training_step(self, batch: dict[str, Tensor], index: int) -> Tensor:
        loss = self.loss(batch, torch.default_generator)
        self.log("loss", loss, prog_bar=True)
        return loss

    def validation_step(self, number: int, index: int) -> None:
        """The loss of a batch of validation windows, with the same noise every time."""
        self.log("validation_loss", self.loss(self.validation[number], torch.Generator().manual_seed(number)), prog_bar=True, batch_size=1)

    def configure_optimizers(self):
        return optimizer(self, self.config)


def measure_deviation(task: DexterDenoiserTask, batches: list[dict[str, Tensor]]) -> Tensor:
    """Return (8,) the deviation of performances from the predicted mean, by column."""
    squares, counts = torch.zeros(COLUMNS), torch.zeros(COLUMNS)
    for batch in batches:
        known = (batch["weight"] > 0).float()
        mean, _ = task.predict_mean(batch)
        squares += (known * (batch["target"] - mean).square()).sum((0, 1))
        counts += known.sum((0, 1))
    return (squares / counts.clamp(min=1)).sqrt()


def load_denoiser(checkpoint: Path) -> DexterDenoiserTask:
    """Return mean and denoiser, ready to sample, of a checkpoint that ``train`` wrote."""
    return read_task(checkpoint, DexterDenoiserTask, DexterDenoiserTrainingConfig)


def train(config: DexterDenoiserTrainingConfig, work: Work) -> Outcome:
    """Train on the train split of the (n)ASAP folder ``work.data``, around the mean that is read; checkpoints and the curve go to
    ``work.folder``. Raises UsageError when that mean has other sizes.
    """
    lightning.seed_everything(config.seed, verbose=False)
    around = load_task(work.read("mean") / BEST)
    if around.config.network != config.mean or around.config.beside:
        raise UsageError(f"{work.read('mean')}: the mean has other sizes than 'mean' of the denoiser's configuration; give it the same")
    with first_alone():
        pieces, held_out = (load_shown_pieces(work.data, split, work.cache) for split in SPLITS)
    followed = ExpressionWindows(held_out, config.windows, seed=0)
    task = DexterDenoiserTask(config, [batch for batch, _ in zip(followed, range(VALIDATION_BATCHES), strict=False)])
    task.mean.load_state_dict(around.network.state_dict())
    measured = [batch for batch, _ in zip(ExpressionWindows(pieces, config.windows, config.seed), range(DEVIATION_BATCHES), strict=False)]
    task.residual_deviation.copy_(measure_deviation(task, measured))
    windows = ExpressionWindows(pieces, config.windows, config.seed, batches_done(config, work.folder))
    return fit(task, windows, range(VALIDATION_BATCHES), work.folder, Best("validation_loss"))
