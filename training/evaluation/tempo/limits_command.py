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
        error = np.array([level + slope * piece.rhythm - piece.tempo for piece in own])
        spread, apart = np.std([piece.tempo for piece in own]), np.sqrt((error**2).mean())
        print(f"{split}: deviation of humans' tempos {spread:.2f} octaves, from the fitting tempo {apart:.2f}")
