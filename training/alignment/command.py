"""``perf-align``: a performance of your own, aligned to its score."""

import sys
from pathlib import Path
from typing import Annotated

import numpy as np
import typer
from rich.console import Console

from engine.base.command_line import run, single_command
from engine.base.errors import PerfLiveError, UsageError
from engine.base.files import MIDI_SUFFIXES, check_writable
from engine.score.files import read_score
from engine.score.tables import Score
from training.alignment.match_file import write_match
from training.alignment.matching import match_notes
from training.alignment.quality import AlignmentQuality, alignment_quality
from training.datasets.aligned import LEAST_COVERAGE
from training.datasets.performances import Performance, read_performance


def align(
    score: Annotated[Path, typer.Argument(help="MusicXML, MEI, Humdrum or MIDI")],
    performance: Annotated[Path, typer.Argument(help="MIDI file as it was played")],
    out: Annotated[Path, typer.Option("-o", "--out", help="match file to write")],
) -> None:
    """Align a performance to its score note by note, say how well that went, and write it as a match file to learn from."""
    if out.suffix.lower() != ".match":
        raise UsageError(f"cannot write {str(out)!r}: an alignment is a match file; give a name that ends in .match")
    check_writable(out)
    played = read_performance(performance, performance.name, score.stem)
    with Console(file=sys.stderr).status("aligning"):
        reading, pairs, quality = align_files(score, played)
    print(quality)
    if quality.coverage < LEAST_COVERAGE:
        needed = f"at least {LEAST_COVERAGE:.0%} are needed; give the score of what was played"
        raise PerfLiveError(f"{performance}: {quality.coverage:.0%} of the notes of {score} were found; {needed}")
    write_match(out, reading, played, pairs)


def align_files(score: Path, played: Performance) -> tuple[Score, np.ndarray, AlignmentQuality]:
    """Align with the repeats played and, where that differs, left out; return the reading that fits better, its pairs, its quality.

    Raises PerfLiveError when the score cannot be read or the two cannot be aligned.
    """
    readings = [read_score(score, "play")]
    if score.suffix.lower() not in MIDI_SUFFIXES:
        once = read_score(score, "skip")
        if len(once.notes) < len(readings[0].notes):
            readings.append(once)
    judged = []
    for reading in readings:
        pairs = match_notes(reading, played)
        judged.append((reading, pairs, alignment_quality(reading, played, pairs)))
    return max(judged, key=lambda each: each[2].coverage + each[2].precision)


app = single_command(
    align,
    "perf-align score.musicxml take.mid -o take.match",
    "perf-align score.mid take.mid -o take.match",
    "perf-align score.mei take.mid -o take.match",
)


def main() -> int:
    return run(app, "perf-align")
