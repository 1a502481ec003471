"""Figures to follow a training of the velocity transformers by. The real ones are perf-eval's."""

from torch import Tensor

from models.velocity.network import MEDIAN, pinball_loss
from training.velocity.pedalling import pedal_loss


def figures(quantiles: Tensor, moves: Tensor | None, batch: dict[str, Tensor]) -> dict[str, Tensor]:
    """Return the loss of ``quantiles`` [B, T, 17], and the absolute error of their median, of windows that all have the hint or all lack
    it; and the loss of the pedal where its logits ``moves`` [B, T, 2] are said.
    """
    shown = "hint" if batch["hint"].any() else "none"
    error = (quantiles[..., MEDIAN] - batch["velocity"]).abs().mean()
    found = {f"error_{shown}": error, "validation_loss": pinball_loss(quantiles, batch["velocity"]).mean()}
    if moves is not None:
        found["pedal_loss"] = pedal_loss(moves, batch["pedal"])
    return found
