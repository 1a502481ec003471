"""The command ``perf-eval voicing-gain``: by how much DExter's pieces ask for more dynamics than the mean of pianists has."""

from pathlib import Path
from typing import Annotated

import numpy as np
import typer
from rich.console import Console
from rich.progress import track

from engine.base.errors import PerfLiveError
from engine.performers.dexter.performer import DexterPerformer, load_performer
from engine.performers.score_playing.columns import playback_columns
from engine.score.files import read_score
from models.dexter.rendering import MOST_VOICING_GAIN
from models.performance.representation import VELOCITY, chords
from training.datasets.asap import performance_rows
from training.evaluation.ensemble.table import print_rows

PERCENTILES = (50, 75, 90, 95, 99, 100)


def voicing_gain(
    data: Annotated[Path, typer.Option("--data", help="folder of the unpacked (n)ASAP corpus")],
    scores: Annotated[list[Path] | None, typer.Option("--score", help="a score to be measured beside; repeat for more")] = None,
) -> None:
    """The gain of velocities that pieces ask for, of the MIDI scores of the train pieces: the voicing's is bounded."""
    performer = load_performer(None, None)
    folders = dict.fromkeys(data / row["folder"] for row in performance_rows(data, "train"))
    paths = [folder / "midi_score.mid" for folder in folders]
    found = []
    for path in track([path for path in paths if path.exists()], "reading", console=Console(stderr=True)):
        try:
            found.append(measure(performer, path))
        except PerfLiveError as error:
            print(f"left out: {error}")
    gains, shares = np.array(found).reshape(-1, 2).T
    rows = {}
    for name, own in (("all", gains > 0), ("half of the notes in chords, or more", shares >= 0.5), ("fewer", shares < 0.5)):
        if own.any():
            rows[name] = [str(own.sum()), *(f"{gain:.2f}" for gain in np.percentile(gains[own], PERCENTILES))]
    print_rows("gain of velocities, train pieces", ["pieces", *(f"{percentile}%" for percentile in PERCENTILES)], rows)
    print(f"above {MOST_VOICING_GAIN:g}, where that of the voicing is bounded: {(gains > MOST_VOICING_GAIN).sum()} of {len(gains)}")
    for path in scores or ():
        gain, share = measure(performer, path)
        print(f"{path.name}: gain {gain:.2f}, {share:.0%} of the notes in chords")


def measure(performer: DexterPerformer, path: Path) -> tuple[float, float]:
    """Return the gain of velocities that a score asks for, and the share of its notes that are struck with others."""
    score = read_score(path)
    gain = performer.sampler(score.notes, playback_columns(score), 0).piece.scales.piece_gain[VELOCITY]
    chord = chords(score.notes)
    return float(gain), float((np.bincount(chord)[chord] > 1).mean())
