"""Batches for ever, of which each depends on the run's seed and its own number only.

So a run that is taken up draws what it would have drawn undisturbed, whatever it was doing when it was killed; and several processes share
the batches without telling each other anything: of P processes the r-th takes those with the numbers r, r + P, r + 2P and so on.
"""

from abc import abstractmethod
from collections.abc import Iterator, Sequence
from itertools import count
from typing import Any, Generic, TypeVar

import numpy as np
import torch
from lightning.pytorch import LightningModule, Trainer
from lightning.pytorch.callbacks import Callback

from training.runs.processes import process, processes

Item = TypeVar("Item")
_PASS, _BATCH = 0, 1  # what a generator is seeded for


class ShuffledBatches(torch.utils.data.IterableDataset, Generic[Item]):
    """Batches of ``per_batch`` items from batch ``first`` on: pass after pass through what ``items`` returns.

    ``self.random`` is the generator of the pass or the batch that is being made.
    """

    def __init__(self, seed: int, per_batch: int, first: int = 0):
        self.seed, self.per_batch, self.first = seed, per_batch, first
        self.random = np.random.default_rng(seed)

    @abstractmethod
    def items(self) -> Sequence[Item]:
        """Return all items of a pass, shuffled."""

    @abstractmethod
    def batch(self, items: Sequence[Item]) -> Any:
        """Return a batch of these items."""

    def __iter__(self) -> Iterator[Any]:
        pending: list[Item] = []
        passes = count()
        for number in count():
            while len(pending) < self.per_batch:
                self.random = np.random.default_rng((self.seed, _PASS, next(passes)))
                pending.extend(self.items())
            chosen, pending = pending[: self.per_batch], pending[self.per_batch :]
            if number >= self.first and number % processes() == process():
                self.random = np.random.default_rng((self.seed, _BATCH, number))
                yield self.batch(chosen)


class SeedEachBatch(Callback):
    """Seeds PyTorch before each batch by the run's seed and the batch's number among those of all processes.

    What is drawn for a batch, as dropout and noise, then depends on nothing before.
    """

    def __init__(self, seed: int):
        self.seed = seed

    def on_train_batch_start(self, trainer: Trainer, task: LightningModule, batch: Any, batch_idx: int) -> None:
        number = batch_idx * processes() + process()
        (seed,) = np.random.SeedSequence((self.seed, number)).generate_state(1, np.uint64)
        torch.manual_seed(int(seed))
