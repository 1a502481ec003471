"""Training of ScorePerformer: performances are reconstructed note by note from their scores, their styles and the notes before."""

from pathlib import Path
from typing import Literal

import lightning
import torch
from pydantic import Field
from torch import Tensor
from torch.nn import functional

from engine.base.errors import UsageError
from models.score_performer.layers import ScorePerformerConfig
from models.score_performer.network import ScorePerformer
from models.score_performer.style import Level, draw_kept, mean_discrepancy, style_of
from models.score_performer.style_space import LEVEL_NAMES
from models.score_performer.vocabulary import PERFORMED_FIELDS, SPECIALS
from training.datasets.asap import SPLITS
from training.dexter.task import load_task as load_mean
from training.runs import Best, RunConfig, batches_done, fit, optimizer
from training.runs.checkpoints import BEST, read_task
from training.runs.processes import first_alone
from training.score_performer.data import load_token_pieces
from training.score_performer.figures import Figures, baselines, figures, guesses_of, mean_figures, table
from training.score_performer.windows import TokenWindowConfig, TokenWindows, validation_windows
from training.stages import Outcome, Work

IGNORED = -100  # by cross_entropy


class ScorePerformerTrainingConfig(RunConfig):
    """The networks of the stage that is read as ``reader`` are the score encoder's; ``network.reader`` are their sizes.

    ``draws`` from the normal distribution are compared with up to ``most_latents`` of a level's segments a batch.

    ``expected``: the share of windows that are followed in the style that the score lets expect, not in the human's; ``forgetful``: the
    share in which the decoder does not know how some of the notes before, half of the time all of them, were played.
    """

    task: Literal["score-performer"]
    network: ScorePerformerConfig
    windows: TokenWindowConfig
    draws: int = Field(gt=1)
    most_latents: int = Field(gt=1)
    expected: float = Field(ge=0, le=1)
    forgetful: float = Field(ge=0, le=1)
    validation_windows: int = Field(gt=0)


def field_losses(logits: tuple[Tensor, ...], tokens: Tensor, valid: Tensor) -> Tensor:
    """Return the cross-entropy of each performed field, nats a note, of logits [B, T, values] for tokens [B, T, 16]."""
    losses = []
    for field, each in zip(PERFORMED_FIELDS, logits, strict=True):
        target = torch.where(valid, tokens[..., field] - SPECIALS, IGNORED)
        losses.append(functional.cross_entropy(each.flatten(0, 1), target.flatten(), ignore_index=IGNORED))
    return torch.stack(losses)


def style_losses(levels: list[Level], deadpan: Tensor, draws: int, most: int) -> tuple[Tensor, Tensor]:
    """Return how far latents are from normally distributed, summed over levels, and the deadpan windows' mean square, ``deadpan`` [B]."""
    discrepancy = deadpan_square = levels[0].latents.new_zeros(())
    for level in levels:
        human = level.latents[level.known & ~deadpan.unsqueeze(1)]  # [segments, D]
        if len(human) > 1:
            chosen = human[torch.randperm(len(human), device=human.device)[:most]]
            discrepancy = discrepancy + mean_discrepancy(chosen, torch.randn(draws, human.shape[-1], device=human.device))
        plain = level.latents[level.known & deadpan.unsqueeze(1)]
        if len(plain):
            deadpan_square = deadpan_square + plain.square().mean()
    return discrepancy, deadpan_square


def surprise_of(expected: Tensor, levels: list[Level], human: Tensor) -> Tensor:
    """Return how far the expected style [B, T, style_width] is from that of the ``human`` notes [B, T], a mean square.

    The latents are what they are: they are not drawn to what can be expected.
    """
    squares = (expected - style_of(levels).detach()).square() * human.unsqueeze(-1)
    return squares.sum() / human.sum().clamp(min=1) / expected.shape[-1]


def tempo_loss(expected: Tensor, octaves: Tensor, quarters: Tensor) -> Tensor:
    """Return how far the expected tempo [B, T] is from that of the performances, a mean square in fifths of an octave by quarter.

    How fast a whole window is counts for nothing.
    """
    error = expected - octaves
    shared = (error * quarters).sum(1, keepdim=True) / quarters.sum(1, keepdim=True).clamp(min=1)
    squares = (5 * (error - shared)).square() * quarters
    return squares.sum() / quarters.sum().clamp(min=1)


def draw_forgotten(valid: Tensor, share: float) -> Tensor:
    """Return which notes [B, T] are forgotten: in a ``share`` of the windows, of every second one all, of the others some."""
    windows = valid.new_zeros((len(valid), 1), dtype=torch.float32)
    of_window = (2 * torch.rand_like(windows)).clamp(max=1) * (torch.rand_like(windows) < share)
    return torch.rand(valid.shape, device=valid.device) < of_window


class ScorePerformerTask(lightning.LightningModule):
    """``baselines``: figures to show beside the network's."""

    def __init__(self, config: ScorePerformerTrainingConfig, baselines: dict[str, Figures] | None = None):
        super().__init__()
        self.save_hyperparameters({"config": config.model_dump()})
        self.config, self.baselines = config, baselines or {}
        self.network = ScorePerformer(config.network)
        self.found: dict[str, list[Figures]] = {}

    def training_step(self, batch: dict[str, Tensor], index: int) -> Tensor:
        config, deadpan = self.config, batch["deadpan"][:, None, None]
        levels = self.network.encode_style(batch["tokens"], batch["segments"], batch["valid"])
        context, expected, tempo = self.network.read_score(batch["score"], batch["features"], batch["valid"])
        of_human = style_of(levels, draw_kept(levels, config.network.latent_dropout) | deadpan)
        is_expected = torch.rand(deadpan.shape, device=deadpan.device) < config.expected
        style = torch.where(is_expected & ~deadpan, expected, of_human)
        logits = self.network.predict(batch["tokens"], context, style, draw_forgotten(batch["valid"], config.forgetful))
        by_field = field_losses(logits, batch["tokens"], batch["valid"])
        discrepancy, deadpan_square = style_losses(levels, batch["deadpan"], config.draws, config.most_latents)
        surprise = surprise_of(expected, levels, batch["valid"] & ~batch["deadpan"].unsqueeze(1))
        tempo_square = tempo_loss(tempo, batch["tempo"], batch["quarters"])
        parts = {"loss": by_field.mean(), "discrepancy": discrepancy, "deadpan_square": deadpan_square, "surprise": surprise}
        parts["tempo"] = tempo_square
        self.log_dict(parts, prog_bar=True)
        return torch.stack(list(parts.values())).sum()

    def on_validation_epoch_start(self) -> None:
        self.found = {"styled": [], "piece_only": [], "expected": [], "unstyled": [], "unheard": []}

    def validation_step(self, batch: dict[str, Tensor], index: int) -> None:
        """Follow the performances with all their latents, with the whole window's only, with those that the score lets expect, and with
        none, which is without expression; and in the style to be expected without knowing how any note before was played.
        """
        levels = self.network.encode_style(batch["tokens"], batch["segments"], batch["valid"])
        context, expected, tempo = self.network.read_score(batch["score"], batch["features"], batch["valid"])
        level = torch.arange(len(LEVEL_NAMES), device=batch["valid"].device)
        piece_only = style_of(levels, (level == 0).expand(*batch["valid"].shape, -1))
        styles = {"styled": style_of(levels), "piece_only": piece_only, "expected": expected, "unstyled": torch.zeros_like(expected)}
        for name, style in (styles | {"unheard": expected}).items():
            logits = self.network.predict(batch["tokens"], context, style, batch["valid"] if name == "unheard" else None)
            self.found[name].append(figures(*guesses_of(logits), batch))
            loss = field_losses(logits, batch["tokens"], batch["valid"]).mean()
            self.log(f"validation_loss_{name}", loss, batch_size=len(batch["valid"]))
        quarters = batch["quarters"]
        for name, guessed in (("expected", tempo), ("notated", torch.zeros_like(tempo))):
            self.log(f"validation_tempo_{name}", tempo_loss(guessed, batch["tempo"], quarters), batch_size=len(batch["valid"]))

    def on_validation_epoch_end(self) -> None:
        rows = {name: mean_figures(several) for name, several in self.found.items()}
        self.log_dict({f"{name}_{figure}": value for name, row in rows.items() for figure, value in row.items()})
        logged = {name: float(value) for name, value in self.trainer.callback_metrics.items() if name.startswith("validation")}
        print(f"\nstep {self.global_step} {logged}\n{table(self.baselines | rows)}", flush=True)

    def configure_optimizers(self):
        return optimizer(self, self.config)


def load_task(checkpoint: Path) -> ScorePerformerTask:
    """Return the network and its configuration, ready to predict, of a checkpoint that ``train`` wrote."""
    return read_task(checkpoint, ScorePerformerTask, ScorePerformerTrainingConfig)


def read_reader(config: ScorePerformerTrainingConfig, work: Work) -> dict[str, Tensor]:
    """Return the weights of the stage that is read as ``reader``; none where the network has no reader. Raises UsageError."""
    if not config.network.reader:
        return {}
    if not work.reads.get("reader"):
        raise UsageError("the network reads scores with DExter's means, and no stage is read as 'reader'; run it as part of a recipe")
    mean = load_mean(work.read("reader") / BEST)
    joined = (mean.config.network, *mean.config.beside)
    if joined != tuple(config.network.reader):
        what = f"{work.read('reader')} joins {len(joined)} networks; the configuration's reader has {len(config.network.reader)}, or others"
        raise UsageError(f"{what}; average those of its sizes, in its order")
    return mean.network.state_dict()


def train(config: ScorePerformerTrainingConfig, work: Work) -> Outcome:
    """Train on the train split of the (n)ASAP folder ``work.data``; checkpoints and the curve go to ``work.folder``."""
    lightning.seed_everything(config.seed, verbose=False)
    reader = read_reader(config, work)
    with first_alone():
        pieces, held_out = (load_token_pieces(work.data, split, work.cache) for split in SPLITS)
    followed = validation_windows(held_out, config.windows, config.validation_windows)
    guessed = [baselines(batch) for batch in followed]
    simple = {name: mean_figures([each[name] for each in guessed]) for name in guessed[0]}
    windows = TokenWindows(pieces, config.windows, config.seed, batches_done(config, work.folder))
    task = ScorePerformerTask(config, simple)
    if task.network.score_encoder.reader is not None:
        task.network.score_encoder.reader.average.load_state_dict(reader)
    return fit(task, windows, followed, work.folder, Best("validation_loss_styled"))
