"""The (n)ASAP data set: performances of classical piano pieces, aligned to their scores (CC BY-NC-SA 4.0)."""

import csv
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Literal

import configs
from engine.base.errors import PerfLiveError
from training.datasets.performances import Performance, extend_with_pedal, read_performance

Split = Literal["train", "validation"]
FoldSplit = Literal["train", "validation", "held_out"]  # the last in folds only; see datasets.folds
SPLITS: tuple[Split, ...] = ("train", "validation")
LICENCE = "CC BY-NC-SA 4.0"
TRAINING_DATA = "(n)ASAP, train split of splits.json"  # as the contracts of the graphs say it
SPLITS_FILE = "splits.json"
ROBUST = "1.0"  # as metadata.csv marks an alignment


def read_asap(root: Path, split: Split, sustain_extends_notes: bool = False) -> Iterator[Performance]:
    """Yield every performance of the split's pieces, in the order of ``metadata.csv``.

    ``root`` holds ``metadata.csv``, the composers' folders, and ``splits.json`` if it is divided otherwise than here. Raises
    PerfLiveError when it does not.
    """
    for row in performance_rows(root, split):
        performance = read_performance(root / row["midi_performance"], row["midi_performance"], row["folder"])
        yield extend_with_pedal(performance) if sustain_extends_notes else performance


def robustly_aligned(root: Path, split: Split) -> list[bool]:
    """Say of each performance of the split, in the order of ``read_asap``, whether its alignment to the score is marked as robust."""
    return [row["robust_note_alignment"].startswith("1") for row in performance_rows(root, split)]


def work_of(folder: str) -> str:
    """Return the piece that is in a folder, whatever repeats of it are played."""
    return re.sub("_(no|extra)_repeat$", "", folder)


def performance_rows(root: Path, split: FoldSplit) -> list[dict[str, str]]:
    """Return the rows of ``metadata.csv`` whose folder is in the split: of ``root/splits.json``, or where there is none, of the one that
    ships in ``configs``. Raises PerfLiveError when the folder is no (n)ASAP folder.
    """
    own = root / SPLITS_FILE
    try:
        pieces = set(json.loads((own if own.exists() else configs.FOLDER / SPLITS_FILE).read_text(encoding="utf-8"))[split])
        with (root / "metadata.csv").open(encoding="utf-8", newline="") as file:
            rows = list(csv.DictReader(file))
    except (OSError, ValueError, KeyError) as error:
        what = f"metadata.csv or splits.json cannot be read ({getattr(error, 'strerror', None) or error})"
        raise PerfLiveError(f"{root}: not the unpacked (n)ASAP corpus: {what}; give its folder") from error
    return [row for row in rows if row["folder"] in pieces]
