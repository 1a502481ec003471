"""Writes a made-up data set of 245 MiB and learns a pass from it, with 24 MiB of memory left; says how that went, as JSON.

``python tests/support/little_memory.py FOLDER``. Mapped files are not counted: the system drops them where it needs the room. What counts
is memory of the process's own (RLIMIT_DATA).
"""

import json
import resource
import sys
from pathlib import Path

import numpy as np

from training.datasets.performances import NOTE_DTYPE, PEDAL_DTYPE, Performance
from training.stages.tables import load_columns
from training.velocity.data import VelocityFeatures, VelocityTrainingConfig, VelocityWindows, describe_performance

MIB = 2**20
LEFT, PERFORMANCES = 24 * MIB, 96


def a_performance():
    """Return the columns of a performance of 10,000 notes."""
    notes = np.zeros(200, NOTE_DTYPE)
    notes["onset_sec"], notes["duration_sec"], notes["velocity"] = np.arange(200) * 0.1, 0.2, np.arange(200) % 100 + 1
    notes["pitch"] = 40 + np.arange(200) % 40
    once = describe_performance(Performance("", "", notes, np.zeros(0, PEDAL_DTYPE)))
    return {name: np.concatenate([array] * 50) for name, array in once.items()}


def limit_memory():
    """Let the process occupy LEFT bytes more."""
    with open("/proc/self/status") as status:
        (occupied_kib,) = [int(line.split()[1]) for line in status if line.startswith("VmData")]
    resource.setrlimit(resource.RLIMIT_DATA, (occupied_kib * 1024 + LEFT, resource.getrlimit(resource.RLIMIT_DATA)[1]))


def a_config():
    network = {"looks_ahead": False, "width": 16, "layers": 1, "heads": 2, "head_width": 8, "feed_forward": 32, "window": 16}
    network["dropout"] = 0.1
    settings = {"task": "velocity", "network": network, "windows_per_batch": 16, "notes_per_window": 256, "transpose_semitones": 2}
    settings |= {"stretch": 0.2, "hint_share": 0.5, "steps": 1, "learning_rate": 0.1, "warm_up_steps": 1, "weight_decay": 0.0, "seed": 0}
    return VelocityTrainingConfig.model_validate(settings)


def main(folder):
    described, config = a_performance(), a_config()
    arrays, starts = load_columns(folder / "small.arrow", lambda: [described])  # what the libraries take once is not counted
    next(iter(VelocityWindows(VelocityFeatures([""], starts, **arrays), config, seed=0, augment=True)))
    limit_memory()
    arrays, starts = load_columns(folder / "large.arrow", lambda: (described for _ in range(PERFORMANCES)))
    windows = VelocityWindows(VelocityFeatures([""] * PERFORMANCES, starts, **arrays), config, seed=0, augment=True)
    batches = sum(batch["keys"].shape == (16, 256, 97) for batch, _ in zip(windows, range(235), strict=False))  # a pass
    try:
        whole = {name: np.array(array) for name, array in arrays.items()}  # as it was until now
    except MemoryError as error:
        whole = error
    said = {"mebibytes": round(sum(array.nbytes for array in arrays.values()) / MIB), "batches": batches, "whole": type(whole).__name__}
    print(json.dumps(said))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
