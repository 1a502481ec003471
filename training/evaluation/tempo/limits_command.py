"""The command ``perf-eval tempo-limits``."""

import numpy as np

from training.datasets.asap import SPLITS
from training.evaluation.expressiveness.command import DataOption
from training.evaluation.tempo.humans import fit_fitting_tempo, read_human_pieces, slowest_beats

PERCENTILES = (50, 90, 95, 99)


def tempo_limits(data: DataOption) -> None:
    """How far humans' beats stray from those around them, and which tempo fits a melody's rhythm: what the rules of tempo are made of."""
    pieces = {split: read_human_pieces(data, split) for split in SPLITS}
    train = pieces["train"]
    for name, slower in zip(("of the last four beats", "of the beats before"), slowest_beats(train), strict=True):
        percentiles = zip(PERCENTILES, np.percentile(slower, PERCENTILES), strict=True)
        found = ", ".join(f"{2**value:.2f} ({percent}%)" for percent, value in percentiles)
        print(f"train, {len(slower)} performances: times as slow as those around it that the slowest {name} is: {found}")
    level, slope = fit_fitting_tempo(train)
    print(f"train, {len(train)} pieces: {2**level:.0f} quarters a minute for a melody in quarters; in eighths {slope:.2f} octaves slower")
    for split, own in pieces.items():
        line = _apart([level + slope * piece.rhythm - piece.tempo for piece in own])
        fitting, spread = _apart([piece.fitting - piece.tempo for piece in own]), np.std([piece.tempo for piece in own])
        print(f"{split}: humans' tempos: deviation {spread:.2f} octaves, from the fitting tempo {fitting:.2f}, from the line {line:.2f}")


def _apart(octaves: list[float]) -> float:
    return float(np.sqrt(np.mean(np.square(octaves))))
