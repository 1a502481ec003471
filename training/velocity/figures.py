"""Figures to follow a training of the velocity transformers by. The real ones are perf-eval's."""

from torch import Tensor

from models.velocity.network import MEDIAN, pinball_loss


def figures(quantiles: Tensor, batch: dict[str, Tensor]) -> dict[str, Tensor]:
    """Return the loss of ``quantiles`` [B, T, 17], and the absolute error of their median, of windows that all have the hint or all lack
    it.
    """
    shown = "hint" if batch["hint"].any() else "none"
    error = (quantiles[..., MEDIAN] - batch["velocity"]).abs().mean()
    return {f"error_{shown}": error, "validation_loss": pinball_loss(quantiles, batch["velocity"]).mean()}
