"""What each process of torchrun does in ``test_processes.py``: train every network with the others; killed, taken up; and a recipe.

``torchrun --nproc-per-node 2 train_together.py ROOT CORPUS``: ROOT is what ``tiny_trainings.prepare`` has written.
"""

import os
import sys
import warnings
from pathlib import Path

from tiny_trainings import NETWORKS, train

from training.command import train as run_recipe
from training.runs.batches import SeedEachBatch
from training.runs.processes import join


class Killed(BaseException):
    """No error that anything would handle."""


def main(root, groove):
    warnings.simplefilter("ignore")
    join()
    process = os.environ["RANK"]
    for name in NETWORKS:
        train(name, root, root / "together" / name, accumulated_batches=1)
    seed = SeedEachBatch.on_train_batch_start

    def die(callback, trainer, task, batch, number):
        if number == 4:
            raise Killed
        seed(callback, trainer, task, batch, number)

    for name in ("performance-rnn", "velocity"):
        for SeedEachBatch.on_train_batch_start in (die, seed):
            try:
                train(name, root, root / "killed" / name, accumulated_batches=1)
            except Killed:
                print(f"killed {process}", flush=True)
    recipe = Path(__file__).parents[2] / "configs" / "drums" / "tiny.yaml"
    run_recipe(recipe, groove, root / "recipe", threads=1, cache=None, folds=None)


if __name__ == "__main__":
    main(*map(Path, sys.argv[1:]))
