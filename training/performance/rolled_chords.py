"""How widely pianists roll the chords under arpeggio signs, fitted to train pieces for ``engine.score.realisation.ornaments``. Run:

python -m training.performance.rolled_chords --data DIR
"""

import sys
from collections import defaultdict
from pathlib import Path
from typing import Annotated, NamedTuple

import numpy as np
import typer

from engine.base.command_line import HELP, run
from engine.score.realisation.ornaments import BEFORE_THE_BEAT, ROLL, ROLL_POWER
from training.datasets.aligned import AlignedPerformance, asap_alignments, load_aligned

LEAST_S = 0.02  # a chord that is rolled by less is not rolled

app = typer.Typer(add_completion=False, context_settings=HELP)


class RolledChord(NamedTuple):
    """Means over performers, seconds: from the first note in the sign's direction to the last, and how long the keys are held. ``before``:
    how much of the roll is before the beat, which lies on the line between the onsets around; NaN where there are none.
    """

    piece: str
    spread_s: float
    held_s: float
    before: float


def rolled_chords(performances: list[AlignedPerformance]) -> list[RolledChord]:
    """Return the chords under signs of one score, as its performers play them."""
    score = performances[0].score
    signs = score.markings["arpeggio"]
    onsets, held = (np.array([item.performed[name] for item in performances]) for name in ("onset_sec", "duration_sec"))
    chords: dict[tuple[int, float], list[int]] = defaultdict(list)
    for row in np.flatnonzero((signs != 0) & ~score.notes["is_grace"]).tolist():
        chords[int(score.notes["part"][row]), float(score.notes["onset_quarter"][row])].append(row)
    found = []
    for rows in chords.values():
        order = sorted(rows, key=lambda row: int(signs[row]) * int(score.notes["pitch"][row]))
        spreads = onsets[:, order[-1]] - onsets[:, order[0]]
        whole = np.isfinite(spreads)
        if len(rows) > 1 and whole.any():
            quarter, spread_s = float(score.notes["onset_quarter"][rows[0]]), float(spreads[whole].mean())
            before = [(_beat(score.notes, onsets[each], quarter) - onsets[each, order[0]]) / spread_s for each in np.flatnonzero(whole)]
            found.append(RolledChord(performances[0].piece, spread_s, float(np.nanmean(held[whole][:, rows])), float(np.median(before))))
    return found


def _beat(notes: np.ndarray, onset_sec: np.ndarray, quarter: float) -> float:
    """Return when a position would be performed by the onsets before and after it; NaN where one of them is not there or not played."""
    quarters = notes["onset_quarter"][np.isfinite(onset_sec) & ~notes["is_grace"]]
    around = [quarters[quarters < quarter].max(initial=-np.inf), quarters[quarters > quarter].min(initial=np.inf)]
    if not np.isfinite(around).all():
        return float("nan")
    times = [np.nanmedian(onset_sec[(notes["onset_quarter"] == each) & ~notes["is_grace"]]) for each in around]
    return float(np.interp(quarter, around, times))


def fit_roll(chords: list[RolledChord]) -> tuple[float, float, float]:
    """Return the factor and the power, to which a piece counts by the root of how many chords it has, and the share before the beat, the
    median.
    """
    names, spread, held, before = (np.array(column) for column in zip(*chords, strict=True))
    _, piece, counts = np.unique(names, return_inverse=True, return_counts=True)
    rolled = spread > LEAST_S
    root = counts[piece][rolled] ** -0.25
    design = np.stack([np.ones(rolled.sum()), np.log(held[rolled])], axis=1)
    factor, power = np.linalg.lstsq(design * root[:, None], np.log(spread[rolled]) * root, rcond=None)[0]
    return float(np.exp(factor)), float(power), float(np.nanmedian(before[rolled]))


@app.command()
def main(
    data: Annotated[Path, typer.Option("--data", help="folder of the unpacked corpus")],
    cache: Annotated[Path, typer.Option("--cache", help="folder to keep aligned performances in")] = Path("runs/aligned"),
) -> None:
    """Print how widely chords under arpeggio signs are rolled in train pieces."""
    performances, _ = load_aligned(asap_alignments(data, "train"), cache)
    scores: dict[tuple[str, bytes], list[AlignedPerformance]] = defaultdict(list)
    for item in performances:
        scores[item.piece, item.score.notes["id"].tobytes()].append(item)
    chords = [chord for group in scores.values() for chord in rolled_chords(group)]
    factor, power, before = fit_roll(chords)
    found = f"spread {factor:.2f} * held ** {power:.2f} seconds, {before:.2f} of it before the beat"
    print(f"{len(chords)} chords: {found}; the engine has {ROLL}, {ROLL_POWER} and {BEFORE_THE_BEAT}")


if __name__ == "__main__":
    sys.exit(run(app, "training.performance.rolled_chords"))
