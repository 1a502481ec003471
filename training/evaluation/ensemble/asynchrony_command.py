"""The command ``perf-eval asynchrony``: how far players of an ensemble are from each other, and our performances beside them."""

from collections import defaultdict
from pathlib import Path
from typing import Annotated

import numpy as np
import typer

from engine.base.errors import PerfLiveError, UsageError
from engine.performers.registry import load_performer
from engine.performers.score_playing.shaping.players import players_of
from engine.performers.setup import Setup
from engine.score.piece import Piece, read_piece
from engine.session import begin_performance
from engine.systems import Kind, find_system, performers
from models.performance.representation import Performed
from training.evaluation.ensemble.asynchrony import LAGS, Pair, measure
from training.evaluation.ensemble.table import print_rows
from training.evaluation.expressiveness.renderers import check_performs_scores, play

ENSEMBLES = {"D": "duet", "T": "trio", "Q": "quartet"}
CONDITIONS = {"NR": "normal", "DP": "deadpan", "SP": "speed"}  # as the data calls them


def asynchrony(
    data: Annotated[Path | None, typer.Option("--data", help="folder of the unpacked Virtuoso Strings data")] = None,
    scores: Annotated[list[Path] | None, typer.Option("--score", help="a score of several players to perform; repeat for more")] = None,
    performer: Annotated[
        list[str] | None, typer.Option("--performer", help=f"{' or '.join(performers(Kind.SCORES))}; repeat for more (default: all)")
    ] = None,
    seeds: Annotated[int, typer.Option("--seeds", min=1, help="how many performances of each score")] = 3,
) -> None:
    """Between-player asynchrony by ensemble, leader and condition, and that of performances of scores beside it."""
    if data is None and not scores:
        raise UsageError("nothing to measure; give --data, --score, or both")
    rows = _humans(data) if data else {}
    for name in (performer or list(performers(Kind.SCORES))) if scores else ():
        check_performs_scores(name)
        loaded = load_performer(name, None)
        for path in scores or ():
            piece = read_piece(path)
            for seed in range(seeds):
                setup = Setup(loaded, seed, {}, request=find_system(name).request())
                performed = play(setup, begin_performance(setup, piece))
                rows.setdefault(f"{path.stem}, {name}", []).extend(measure(player_onsets(piece, performed)))
    columns = ["pairs", "onsets", "SD, ms", "mean of a pair, ms", *(f"lag {lag}" for lag in LAGS)]
    print_rows("between-player asynchrony", columns, {name: _cells(pairs) for name, pairs in rows.items() if pairs})


def _humans(data: Path) -> dict[str, list[Pair]]:
    """Return the pairs of all takes by ensemble, piece, leader and condition. Raises PerfLiveError where there are none."""
    rows: dict[str, list[Pair]] = defaultdict(list)
    for take in sorted(data.glob("annotations/*/*/*/")):
        ensemble, composer, leader, condition = take.parent.name.split("-")
        onsets = [np.loadtxt(path, ndmin=1) for path in sorted(take.glob("*.txt")) if path.stat().st_size]
        if ensemble in ENSEMBLES and len(onsets) > 1:
            lead = f" {leader} leads" if leader.startswith("VN") and leader != "VN0" and ensemble == "Q" else ""
            rows[f"{ENSEMBLES[ensemble]} {composer}{lead}, {CONDITIONS[condition]}"] += measure(onsets)
    if not rows:
        raise PerfLiveError(f"{data}: not a Virtuoso Strings folder with annotations/ENSEMBLE/TAKES/NUMBER/*.txt")
    return rows


def player_onsets(piece: Piece, performed: Performed) -> list[np.ndarray]:
    """Return when each player begins notes, ascending: of notes that the score has together, once, at the first; no grace notes."""
    players, notes = players_of(piece), piece.score.notes
    found = []
    for player in np.unique(players).tolist():
        own = (players == player) & ~notes["is_grace"] & np.isfinite(performed.onset_sec)
        _, group = np.unique(np.round(notes["onset_quarter"][own], 6), return_inverse=True)
        first = np.full(int(group.max(initial=-1)) + 1, np.inf)
        np.minimum.at(first, group, performed.onset_sec[own])
        found.append(np.sort(first))
    return found


def _cells(pairs: list[Pair]) -> list[str]:
    deviation = np.sqrt(np.mean([pair.deviation_s**2 for pair in pairs]))
    mean = np.mean([abs(pair.mean_s) for pair in pairs])
    alike = np.mean([pair.correlations for pair in pairs], axis=0)
    onsets = sum(pair.onsets for pair in pairs)
    return [str(len(pairs)), str(onsets), f"{1000 * deviation:.1f}", f"{1000 * mean:.1f}", *(f"{value:.2f}" for value in alike)]
