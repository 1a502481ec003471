"""``perf-eval describe``: the seven descriptors of a performance, as ``perf-render --descriptors`` reads them."""

from pathlib import Path
from typing import Annotated

import numpy as np
import typer

from engine.base.files import check_writable, whole_file
from engine.score.alignment import read_reference
from engine.score.descriptors import write_score_descriptors
from engine.score.piece import read_piece
from models.performance.descriptors import DESCRIPTORS, DEVIATIONS, describe
from training.evaluation.expressiveness.renderers import load_renderer


def describe_performance(
    score: Annotated[Path, typer.Argument(help="MusicXML, MEI, Humdrum or MIDI")],
    performance: Annotated[Path, typer.Argument(help="MIDI file as it was played")],
    out: Annotated[Path, typer.Option("-o", "--out", metavar="FILE.csv", help="table to write")],
    no_repeats: Annotated[bool, typer.Option("--no-repeats", help="the performance leaves the repeats out")] = False,
    performer: Annotated[str, typer.Option("--performer", help="dexter")] = "dexter",
    model: Annotated[Path | None, typer.Option("--model", help="the performer's model, in place of the one that ships")] = None,
) -> None:
    """How a performance sounds, note by note: seven descriptors, in deviations from what performers have in common."""
    check_writable(out)
    piece = read_piece(score, "skip" if no_repeats else "play")
    notated = piece.score
    performed = read_reference(performance, notated)
    common = load_renderer(performer, model)(piece, None, {})
    relative = (describe(notated.notes, performed) - describe(notated.notes, common)) / np.array(DEVIATIONS)
    with whole_file(out) as temporary:
        write_score_descriptors(temporary, notated, relative)
    for name, value in zip(DESCRIPTORS, relative.mean(axis=0).tolist(), strict=True):
        print(f"{name:18} {value:+.2f}")
