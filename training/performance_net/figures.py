"""The distance of a predicted spectrum from the true one: PerformanceNet's training loss, and the figure that is logged."""

import torch
from torch import Tensor
from torch.nn import functional

POOLED_BINS_FRAMES = ((4, 4), (16, 16))  # the coarser resolutions at which powers are compared


def spectrum_distance(predicted: Tensor, target: Tensor) -> Tensor:
    """Return the mean error of log-magnitude plus the magnitudes' distance as a share of the true ones', of log-powers [B, BINS, T].

    It is the sum that a multi-resolution spectral distance takes of every resolution (Yamamoto, Song, Kim, ICASSP 2020), of this one.
    """
    found, true = (torch.exp(each / 2) for each in (predicted, target))  # magnitudes, but for the 1 of log1p
    share = (found - true).norm(dim=(1, 2)) / true.norm(dim=(1, 2))
    return (predicted - target).abs().mean() / 2 + share.mean()


def spectrum_loss(predicted: Tensor, target: Tensor, coarse_weight: float) -> Tensor:
    """Return the distance of log-powers [B, BINS, T], and at coarser resolutions the mean error of the logarithm of mean power."""
    loss = spectrum_distance(predicted, target)
    if coarse_weight:
        powers = torch.expm1(predicted), torch.expm1(target)
        for size in POOLED_BINS_FRAMES:
            coarse, expected = (torch.log1p(functional.avg_pool2d(power, size)) for power in powers)
            loss = loss + coarse_weight * (coarse - expected).abs().mean() / 2
    return loss


def figures(predicted: Tensor, target: Tensor) -> dict[str, Tensor]:
    difference = predicted - target
    return {"distance": spectrum_distance(predicted, target), "error": difference.abs().mean(), "bias": difference.mean()}
