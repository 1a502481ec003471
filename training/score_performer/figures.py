"""How near predicted fields come to a human's, field by field, beside simple guesses."""

import numpy as np
import torch
from torch import Tensor

from models.score_performer.vocabulary import FIELD_NAMES, FIELDS, PERFORMED_FIELDS, SPECIALS, TEMPO

Figures = dict[str, float]

# What errors are measured in: MIDI velocities; percent of the tempo; shares of the time since the onset before, of the notated duration, of
# the pedal's depth, of the time to the next onset.
MEASURES = [100 * np.log(field.values) if index == TEMPO else field.values for index, field in enumerate(FIELDS)]


def guesses_of(logits: tuple[Tensor, ...]) -> tuple[Tensor, Tensor]:
    """Return the likeliest tokens and the medians' [B, T, performed fields] of logits by performed field."""
    likeliest = [SPECIALS + each.argmax(-1) for each in logits]
    medians = [SPECIALS + (each.float().softmax(-1).cumsum(-1) < 0.5).sum(-1).clamp(max=each.shape[-1] - 1) for each in logits]
    return torch.stack(likeliest, -1), torch.stack(medians, -1)


def figures(likeliest: Tensor, medians: Tensor, batch: dict[str, Tensor]) -> Figures:
    """Return accuracy and mean absolute error by field of guesses [B, T, performed fields], but for the windows' first notes."""
    found: Figures = {}
    counted = batch["valid"][:, 1:].cpu().numpy()
    for column, field in enumerate(PERFORMED_FIELDS):
        target, likely, median = (
            tokens[:, 1:].cpu().numpy()[counted] for tokens in (batch["tokens"][..., field], likeliest[..., column], medians[..., column])
        )
        measure = MEASURES[field]
        found[f"{FIELD_NAMES[field]}_accuracy"] = float((likely == target).mean())
        found[f"{FIELD_NAMES[field]}_error"] = float(np.abs(measure[median - SPECIALS] - measure[target - SPECIALS]).mean())
    return found


def baselines(batch: dict[str, Tensor]) -> dict[str, Figures]:
    """Return the figures of a performance without expression, and of notes performed as those before them."""
    performed = list(PERFORMED_FIELDS)
    deadpan = batch["score"][..., performed]
    previous = batch["tokens"][..., performed].roll(1, 1)
    return {"deadpan": figures(deadpan, deadpan, batch), "previous": figures(previous, previous, batch)}


def mean_figures(several: list[Figures]) -> Figures:
    return {name: float(np.mean([each[name] for each in several])) for name in several[0]}


def table(rows: dict[str, Figures]) -> str:
    """Return a line for each field: accuracy and error of each of the ``rows``."""
    lines = [f"{'accuracy / error':20}" + "".join(f"{name:>18}" for name in rows)]
    for field in PERFORMED_FIELDS:
        name = FIELD_NAMES[field]
        cells = [f"{row[f'{name}_accuracy']:.3f} / {row[f'{name}_error']:.3f}" for row in rows.values()]
        lines.append(f"{name:20}" + "".join(f"{cell:>18}" for cell in cells))
    return "\n".join(lines)
