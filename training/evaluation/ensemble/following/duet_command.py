"""The command ``perf-eval duet``: an accompanist beside the human who accompanied."""

import json
from itertools import combinations
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import typer
from rich.console import Console
from rich.progress import track

from engine.performers.registry import load_performer
from engine.performers.setup import Setup
from engine.runtime.following.rehearsal import rehearse
from engine.runtime.following.rendition import render_through
from engine.session import begin_performance
from engine.systems import Kind, default_system, find_system, performers
from training.evaluation.ensemble.following.duets import (
    REHEARSED,
    Meeting,
    accompany,
    fit_timing,
    late,
    meet,
    read_duets,
    read_rehearsals,
)
from training.evaluation.ensemble.table import print_rows
from training.evaluation.expressiveness.command import JsonOption
from training.evaluation.expressiveness.renderers import check_performs_scores


def duet(
    data: Annotated[Path, typer.Option("--data", help="folder of the unpacked duets")],
    performer: Annotated[
        str, typer.Option("--performer", help=f"who accompanies: {' or '.join(performers(Kind.SCORES))}")
    ] = default_system(Kind.SCORES).name,
    as_json: JsonOption = False,
) -> None:
    """Takes of two people at one piece: the first one's part is followed, and the second's is compared with what the human played.

    How the tempo is followed is fitted on the other takes each time, and of the other takes are those that it was rehearsed with.
    """
    check_performs_scores(performer)
    piece, solo, takes = read_duets(data)
    parts, both = (read_rehearsals(data, which, piece, solo) for which in REHEARSED)
    setup = Setup(load_performer(performer, None), 0, {"temperature": 0.0}, request=find_system(performer).request())
    rendition = render_through(piece, begin_performance(setup, piece).stream)
    humans = [Meeting(late(piece.score.notes, solo, take.onset_sec, take.onset_sec), np.zeros((2, 0))) for take in takes]
    found: dict[str, list[Meeting]] = {"two people": humans}
    for number, take in enumerate(track(takes, "accompanying", console=Console(stderr=True))):
        others = [other for other in range(len(takes)) if other != number]
        timing = fit_timing(piece, rendition, solo, [takes[other] for other in others])
        rehearsals = [
            ("", []),
            *(("one take", [parts[other]]) for other in others),
            (f"{len(others)} takes", [parts[other] for other in others]),
            (f"{len(others)} takes of both players", [both[other] for other in others]),
        ]
        for name, rehearsed in rehearsals:
            played = rehearse(piece, rendition, rehearsed) if rehearsed else rendition
            row = f"rehearsed with {name}" if name else f"{performer} accompanies"
            found.setdefault(row, []).append(meet(piece, solo, take, accompany(setup, piece, played, solo, take, timing)))
    figures = {name: _row(meetings) for name, meetings in found.items()}
    figures["two people"]["dynamics"] = _between([np.where(solo, 0, take.velocity) for take in takes])
    chosen = fit_timing(piece, rendition, solo, takes)
    if as_json:
        print(json.dumps(figures | {"timing": chosen.__dict__}, indent=1))
        return
    cells = {
        name: [str(row["onsets"]), *(f"{row[key]:.1f}" for key in ("median_ms", "deviation_ms", "mean_ms")), f"{row['dynamics']:.2f}"]
        for name, row in figures.items()
    }
    print_rows("onsets of both", ["onsets", "median, ms", "deviation, ms", "mean, ms", "dynamics, r"], cells)
    print(f"on all takes: gain {chosen.gain:g}, tempo {chosen.tempo_sec:g} s, waits {1000 * chosen.meet_sec:g} ms to meet")


def _row(meetings: list[Meeting]) -> dict[str, Any]:
    """Return how far onsets are from each other: the median of all, and the mean deviation and correlation of a take."""
    off_ms = 1000 * np.concatenate([each.late_sec for each in meetings])
    correlations = [np.corrcoef(each.velocities)[0, 1] for each in meetings if each.velocities.shape[1] > 1]
    return {
        "onsets": len(off_ms),
        "median_ms": float(np.median(np.abs(off_ms))),
        "deviation_ms": float(off_ms.std()),
        "mean_ms": float(off_ms.mean()),
        "dynamics": float(np.mean(correlations)) if correlations else float("nan"),
    }


def _between(velocities: list[np.ndarray]) -> float:
    """Return the mean correlation of velocities (N,) of two takes, where both play the note."""
    found = [(first[both], second[both]) for first, second in combinations(velocities, 2) if (both := (first > 0) & (second > 0)).any()]
    return float(np.mean([np.corrcoef(first, second)[0, 1] for first, second in found]))
