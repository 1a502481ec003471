"""The command ``perf-eval reading``."""

from collections.abc import Iterator
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import track

from engine.base.errors import UsageError
from engine.base.files import NOTATION_SUFFIXES
from training.evaluation.reading.process import read_apart
from training.evaluation.reading.report import compare, print_report, read_csv, write_csv

ENGINE = "engine"


class OtherReader(StrEnum):
    """Readers to compare with."""

    MUSIC21 = "music21"
    PARTITURA = "partitura"


def reading(
    folder: Annotated[Path, typer.Argument(help="scores, in sub folders that are collections")],
    beside: Annotated[OtherReader, typer.Option("--beside", help="the reader to compare with")] = OtherReader.MUSIC21,
    limit_s: Annotated[float, typer.Option("--limit", metavar="SECONDS", min=1.0, help="the longest a reader may take for a file")] = 300.0,
    out: Annotated[Path | None, typer.Option("--out", help="CSV file of all files; those that it has are not read again")] = None,
) -> None:
    """How scores are read: what is refused, and how many sounding notes are equal to those of another reader."""
    files = list(_scores(folder))
    if not files:
        raise UsageError(f"{str(folder)!r} has no scores; give a folder with files that end in {', '.join(NOTATION_SUFFIXES)}")
    rows = read_csv(out) if out and out.exists() else []
    done = {row.file for row in rows}
    files = [path for path in files if path.relative_to(folder).as_posix() not in done]
    for path in track(files, "reading", console=Console(stderr=True)):
        readings = [read_apart(reader, path, limit_s) for reader in (ENGINE, beside.value)]
        rows.append(compare(path.relative_to(folder), *readings))
        if out:
            write_csv(rows, out)
    print_report(sorted(rows, key=lambda row: row.file), beside.value)


def _scores(folder: Path) -> Iterator[Path]:
    """Return the scores below a folder in order of their names."""
    return (path for path in sorted(folder.rglob("*")) if path.is_file() and path.suffix.lower() in NOTATION_SUFFIXES)
