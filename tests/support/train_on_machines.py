"""What each process of torchrun does in ``test_processes.py`` as one of several machines: train one network with the others.

``torchrun --nnodes 2 train_on_machines.py ROOT``: ROOT is what ``tiny_trainings.prepare`` has written.
"""

import sys
import warnings
from pathlib import Path

from tiny_trainings import train

from training.runs.processes import join

if __name__ == "__main__":
    warnings.simplefilter("ignore")
    join()
    root = Path(sys.argv[1])
    train("velocity", root, root / "machines", accumulated_batches=1)
