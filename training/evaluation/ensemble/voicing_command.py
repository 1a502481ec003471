"""The command ``perf-eval voicing``: how far apart pianists play the notes of a chord."""

from collections import defaultdict
from collections.abc import Iterable
from pathlib import Path
from typing import Annotated

import numpy as np
import typer
from rich.console import Console
from rich.progress import track

from training.datasets.asap import performance_rows
from training.evaluation.ensemble.match_chords import read_chords
from training.evaluation.ensemble.table import print_percentiles

PERCENTILES = (50, 75, 90, 95, 99)
LARGEST = 6  # notes of a chord; larger ones are counted with it
TOPS = (1, 30, 45, 60, 75, 90, 128)


def voicing(data: Annotated[Path, typer.Option("--data", help="folder of the unpacked (n)ASAP corpus")]) -> None:
    """Velocities within the chords of the train pieces: range by size and by loudness, and how far below its loudest note each place is."""
    rows = [row for row in performance_rows(data, "train") if row["robust_note_alignment"] == "1.0"]
    chords = [chord for row in track(rows, "reading", console=Console(stderr=True)) for chord in read_chords(data / row["match_file"])]
    print(f"{len(rows)} performances, {len(chords)} chords")
    for title, values in measure(chords).items():
        print_percentiles(title, values, PERCENTILES)
    lowest, ranges = np.array([chord[:, 1].min() for chord in chords]), np.array([np.ptp(chord[:, 1]) for chord in chords])
    print(f"softest note below 15: {(lowest < 15).mean():.1%} of chords; more than 40 apart: {(ranges > 40).mean():.1%}")


def measure(chords: Iterable[np.ndarray]) -> dict[str, dict[str, list[int]]]:
    """Return tables of values by row: of chords (n, 2) of pitch and velocity from the lowest key up."""
    by_size: dict[int, list[int]] = defaultdict(list)
    by_top: dict[int, list[int]] = defaultdict(list)
    by_place: dict[tuple[int, str], list[int]] = defaultdict(list)
    for chord in chords:
        size, below = min(len(chord), LARGEST), (chord[:, 1].max() - chord[:, 1]).tolist()
        by_size[size].append(max(below))
        by_top[int(np.searchsorted(TOPS, chord[:, 1].max(), side="right")) - 1].append(max(below))
        by_place[size, "bass"].append(below[0])
        by_place[size, "inner"] += below[1:-1]
        by_place[size, "highest"].append(below[-1])
    return {
        "velocity range of a chord, by notes": {_size(size): by_size[size] for size in sorted(by_size)},
        "velocity range of a chord, by its loudest note": {f"{TOPS[top]} to {TOPS[top + 1] - 1}": by_top[top] for top in sorted(by_top)},
        "below the chord's loudest note": {f"{_size(size)}, {place}": by_place[size, place] for size, place in sorted(by_place)},
    }


def _size(size: int) -> str:
    return f"{size} or more" if size == LARGEST else str(size)
