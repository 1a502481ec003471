"""The command ``perf-eval final-chord``: the velocities of a score's last chord over seeds."""

from pathlib import Path
from typing import Annotated

import numpy as np
import typer

from engine.performers.registry import load_performer
from engine.performers.setup import Setup
from engine.score.piece import read_piece
from engine.session import begin_performance
from engine.systems import Kind, find_system, performers
from training.evaluation.ensemble.table import print_rows
from training.evaluation.expressiveness.renderers import check_performs_scores, play


def final_chord(
    score: Annotated[Path, typer.Argument(help="a score, or a MIDI file that is one")],
    performer: Annotated[
        list[str] | None, typer.Option("--performer", help=f"{' or '.join(performers(Kind.SCORES))}; repeat for more (default: all)")
    ] = None,
    seeds: Annotated[int, typer.Option("--seeds", min=1, help="how many performances")] = 10,
) -> None:
    """Velocities of the last chord of a score as perf-render plays it, from the lowest note up, for each seed."""
    names = performer or list(performers(Kind.SCORES))
    for name in names:
        check_performs_scores(name)
    piece = read_piece(score)
    notes = piece.score.notes
    last = np.flatnonzero(np.isclose(notes["onset_quarter"], notes["onset_quarter"].max()))
    last = last[np.argsort(notes["pitch"][last], kind="stable")]
    for name in names:
        loaded = load_performer(name, None)
        rows = {}
        for seed in range(seeds):
            setup = Setup(loaded, seed, {}, request=find_system(name).request())
            performed = play(setup, begin_performance(setup, piece))
            velocities, onsets = performed.velocity[last].tolist(), performed.onset_sec[last]
            spread_ms = 1000 * float(np.ptp(onsets))
            rows[f"seed {seed}"] = [*map(str, velocities), str(max(velocities) - min(velocities)), f"{spread_ms:.0f}"]
        print_rows(f"{score.name}, last chord, {name}", [*map(str, notes["pitch"][last]), "range", "spread, ms"], rows)
