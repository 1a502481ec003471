"""The command ``perf-eval balance``: how loud the parts of an ensemble are beside each other, in performances and in arrangements."""

from collections import defaultdict
from pathlib import Path
from typing import Annotated

import numpy as np
import typer

from engine.base.errors import PerfLiveError, UsageError
from engine.midi.events import is_note_on
from engine.performers.registry import load_performer
from engine.performers.setup import Setup
from engine.score.dynamics import with_playback_velocities
from engine.score.midi import read_timeline
from engine.score.piece import read_piece
from engine.session import begin_performance
from engine.systems import Kind, find_system, performers
from training.evaluation.ensemble.table import print_rows
from training.evaluation.expressiveness.renderers import check_performs_scores, play

TUNE, OTHERS = "MELODY", ("BRIDGE", "PIANO")  # the tracks of POP909: the tune, the second melody, the accompaniment


def balance(
    data: Annotated[Path | None, typer.Option("--data", help="folder of the unpacked POP909 data")] = None,
    scores: Annotated[list[Path] | None, typer.Option("--score", help="a score of several parts to perform; repeat for more")] = None,
    performer: Annotated[
        list[str] | None, typer.Option("--performer", help=f"{' or '.join(performers(Kind.SCORES))}; repeat for more (default: all)")
    ] = None,
) -> None:
    """Mean velocity of each part of scores, as written and as performed, and of arrangers' tracks below their melody."""
    if data is None and not scores:
        raise UsageError("nothing to measure; give --data, --score, or both")
    if data:
        print_rows("velocity steps below the melody, means of pieces", ["pieces", "mean", "25%", "75%"], _arrangements(data))
    names = performer or list(performers(Kind.SCORES))
    for name in names:
        check_performs_scores(name)
    for path in scores or ():
        rows: dict[str, list[str]] = {}
        piece = read_piece(path)
        marked = with_playback_velocities(piece.score).notes["velocity"]
        for part in np.unique(piece.tracks).tolist():
            rows[piece.timeline.track_names[part] or f"part {part + 1}"] = [f"{marked[piece.tracks == part].mean():.0f}"]
        for name in names:
            setup = Setup(load_performer(name, None), 0, {}, request=find_system(name).request())
            velocities = play(setup, begin_performance(setup, piece)).velocity
            for row, part in zip(rows.values(), np.unique(piece.tracks).tolist(), strict=True):
                row.append(f"{velocities[piece.tracks == part].mean():.0f}")
        print_rows(f"{path.name}, mean velocity", ["marked", *names], rows)


def _arrangements(data: Path) -> dict[str, list[str]]:
    """Return by track how far it is below the melody. Raises PerfLiveError where there is none."""
    below: dict[str, list[float]] = defaultdict(list)
    for path in sorted(data.rglob("*.mid")):
        timeline = read_timeline(path)
        velocities: dict[str, list[int]] = defaultdict(list)
        for event in timeline.events:
            if is_note_on(event.message):
                velocities[timeline.track_names[event.track]].append(event.message[2])
        for name in OTHERS:
            if velocities[TUNE] and velocities[name]:
                below[name].append(float(np.mean(velocities[TUNE]) - np.mean(velocities[name])))
    if not below:
        raise PerfLiveError(f"{data}: no MIDI file there has tracks {TUNE} and {' or '.join(OTHERS)}; give the POP909 folder")
    shown = {name: [f"{value:.1f}" for value in (np.mean(own), *np.percentile(own, (25, 75)))] for name, own in below.items()}
    return {name: [str(len(below[name])), *cells] for name, cells in shown.items()}
