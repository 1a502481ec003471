"""Within what human pianists keep from bar to bar: their tempo beside that of their piece, their velocities, and how much above the rest
the top voice is: what ``engine.runtime.following.practising.practice`` has as constants, from the bars of (n)ASAP's train split.
"""

from collections.abc import Iterable, Sequence
from typing import Annotated

import numpy as np
import typer

from engine.runtime.following.practising.practice import Range, Ranges, bars_of
from engine.score.tables import Score
from training.datasets.aligned import AlignedPerformance, asap_alignments, load_aligned
from training.evaluation.ensemble.table import print_rows
from training.evaluation.expressiveness.command import CACHE, CacheOption, DataOption

LOW, HIGH = 5, 95  # percentiles


def measure(performances: Iterable[AlignedPerformance]) -> Ranges:
    """Return the ranges of performances: each of their bars counts."""
    tempo, velocity, voicing = [], [], []
    for item in performances:
        bars = _bars(item.score, item.performed)
        known = bars[np.isfinite(bars["quarters_per_minute"])]["quarters_per_minute"]
        loud = bars[np.isfinite(bars["velocity"])]["velocity"]
        if len(known) and len(loud):
            tempo.append(known / np.median(known))
            velocity.append(loud - loud.mean())
            voicing.append(bars[np.isfinite(bars["voicing"])]["voicing"])
    return Ranges(*map(_range, (tempo, velocity, voicing)))


def _bars(score: Score, performed: np.ndarray) -> np.ndarray:
    """Return the bars (BAR_DTYPE) of what is known note by note; ``performed`` (N,) as in an ``AlignedPerformance``."""
    played = np.isfinite(performed["onset_sec"])
    strokes = np.zeros(int(played.sum()), [("onset_sec", "f8"), ("velocity", "i4"), ("pitch", "i4")])
    strokes["onset_sec"], strokes["velocity"] = performed["onset_sec"][played], performed["velocity"][played]
    strokes["pitch"] = score.notes["pitch"][played]
    order = np.argsort(strokes["onset_sec"], kind="stable")
    quarters = score.notes["onset_quarter"][played][order]
    return bars_of(score, strokes[order], quarters, np.zeros(len(order), dtype=bool), np.zeros(0, dtype=int))


def _range(values: Sequence[np.ndarray]) -> Range:
    together = np.concatenate(values) if values else np.zeros(0)
    if not len(together):
        return Range(np.nan, np.nan)
    low, high = np.percentile(together, (LOW, HIGH))
    return Range(float(low), float(high))


def practice_ranges(
    data: DataOption,
    cache: CacheOption = CACHE,
    every: Annotated[int, typer.Option("--every", min=1, help="take only every so many-th performance")] = 1,
) -> None:
    """Within what human pianists keep from bar to bar: tempo, velocity, voicing; what perf-eval practice holds a take against."""
    performances, _ = load_aligned(asap_alignments(data, "train"), cache / "aligned")
    found = measure(performances[::every])
    rows = {
        "tempo, of the median": [f"{value:.2f}" for value in found.tempo],
        "velocity, beside the mean": [f"{value:+.0f}" for value in found.velocity],
        "top voice above the rest": [f"{value:+.0f}" for value in found.voicing],
    }
    print_rows(f"bars of {len(performances[::every])} performances", [f"{LOW}%", f"{HIGH}%"], rows)
