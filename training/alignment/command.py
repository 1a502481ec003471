"""``perf-align``: a performance of your own, aligned to its score."""

import os
import sys
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from engine.base.command_line import run, single_command
from engine.base.errors import PerfLiveError, UsageError
from engine.base.files import check_writable
from training.alignment.files import align_files
from training.alignment.folder import QUALITY, align_folder, summary
from training.alignment.match_file import write_match
from training.datasets.aligned import LEAST_COVERAGE
from training.datasets.performances import read_performance


def align(
    score: Annotated[Path, typer.Argument(help="MusicXML, MEI, Humdrum or MIDI; or a folder of scores")],
    performance: Annotated[Path, typer.Argument(help="MIDI file as it was played; or a folder of such files")],
    out: Annotated[Path, typer.Option("-o", "--out", help="match file to write; of folders the folder for match files")],
    jobs: Annotated[int | None, typer.Option("--jobs", min=1, help="processes that align folders (default: all processors)")] = None,
) -> None:
    """Align a performance to its score note by note, say how well that went, and write it as a match file to learn from.

    Of two folders, each performance is aligned to the score of the same sub folder that its name begins with; what is done is not done
    again.
    """
    if score.is_dir() != performance.is_dir():
        raise UsageError("one of the two is a folder and the other is not; give a score and a performance, or a folder of each")
    if score.is_dir():
        rows = align_folder(score, performance, out, jobs or os.cpu_count() or 1)
        print(summary(rows))
        print(f"how well each went: {out / QUALITY}")
        return
    if jobs:
        raise UsageError("--jobs is for folders; give a folder of scores and one of performances")
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


app = single_command(
    align,
    "perf-align score.musicxml take.mid -o take.match",
    "perf-align score.mid take.mid -o take.match",
    "perf-align scores/ takes/ -o aligned/ --jobs 4",
)


def main() -> int:
    return run(app, "perf-align")
