"""The figures of ``perf-eval reading``: a row for each file, a table by collection."""

import csv
from collections.abc import Sequence
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from statistics import median

from rich.console import Console
from rich.table import Table

from engine.base.errors import UsageError
from training.evaluation.reading.agreement import common_notes, first_difference
from training.evaluation.reading.process import Reading

ENOUGH = 0.95  # of the notes
NO_NOTES = ("it has no notes", "it has no parts")


@dataclass(frozen=True)
class Row:
    """A file. ``equal_notes`` is None where one of the readers refused the file or found no notes."""

    collection: str
    file: str
    notes: int
    refused: str
    other_notes: int
    other_refused: str
    equal_notes: int | None
    difference: str
    seconds: float
    other_seconds: float

    @property
    def is_empty(self) -> bool:
        """Whether neither reader finds a note."""
        return self.refused.startswith(NO_NOTES) and not self.other_notes

    @property
    def most_notes(self) -> int:
        """The notes of the reading that has more."""
        return max(self.notes, self.other_notes)

    @property
    def equal(self) -> float | None:
        """The share of equal notes, 0 to 1, of the reading that has more."""
        return None if self.equal_notes is None else self.equal_notes / self.most_notes


def compare(name: Path, own: Reading, other: Reading) -> Row:
    both = bool(own.notes and other.notes)
    return Row(
        collection=name.parts[0] if len(name.parts) > 1 else ".",
        file=name.as_posix(),
        notes=len(own.notes),
        refused=own.refused,
        other_notes=len(other.notes),
        other_refused=other.refused,
        equal_notes=common_notes(own.notes, other.notes) if both else None,
        difference=first_difference(own.notes, other.notes) if both else "",
        seconds=round(own.seconds, 2),
        other_seconds=round(other.seconds, 2),
    )


def write_csv(rows: Sequence[Row], path: Path) -> None:
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, [field.name for field in fields(Row)])
        writer.writeheader()
        writer.writerows(asdict(row) for row in rows)


def read_csv(path: Path) -> list[Row]:
    """Return the rows that ``write_csv`` wrote.

    Raises:
        UsageError: It is no such file.
    """
    with path.open(newline="", encoding="utf-8") as file:
        reader = csv.DictReader(file)
        if reader.fieldnames != [field.name for field in fields(Row)]:
            raise UsageError(f"{str(path)!r} is not a table of this command; give another file to --out, or remove it")
        return [_row(cells) for cells in reader]


def _row(cells: dict[str, str]) -> Row:
    return Row(
        collection=cells["collection"],
        file=cells["file"],
        notes=int(cells["notes"]),
        refused=cells["refused"],
        other_notes=int(cells["other_notes"]),
        other_refused=cells["other_refused"],
        equal_notes=int(cells["equal_notes"]) if cells["equal_notes"] else None,
        difference=cells["difference"],
        seconds=float(cells["seconds"]),
        other_seconds=float(cells["other_seconds"]),
    )


def print_report(rows: Sequence[Row], other: str) -> None:
    table = Table(title=f"scores as the engine and as {other} reads them", title_justify="left")
    table.add_column("collection")
    columns = ("files", "with notes", "read", "compared", "notes equal", "median", f"files {ENOUGH:.0%} equal", "median s", "longest s")
    for name in columns:
        table.add_column(name, justify="right")
    collections = list(dict.fromkeys(row.collection for row in rows))
    for name in collections:
        table.add_row(name, *_figures([row for row in rows if row.collection == name]))
    if len(collections) > 1:
        table.add_row("all", *_figures(rows))
    console = Console(width=max(Console().width, 130))
    console.print(table)
    lines = [f"{row.file}: refused: {row.refused}" for row in rows if row.refused and not row.is_empty]
    lines += [f"{row.file}: {row.equal:.3f} equal, from {row.difference}" for row in rows if row.equal is not None and row.equal < ENOUGH]
    lines += [f"{row.file}: not compared, {other}: {row.other_refused or 'no notes'}" for row in rows if row.notes and row.equal is None]
    for line in lines:
        console.print(line, markup=False, highlight=False, soft_wrap=True)


def _figures(rows: Sequence[Row]) -> list[str]:
    with_notes = [row for row in rows if not row.is_empty]
    compared = [row for row in with_notes if row.equal_notes is not None]
    equal = [row.equal or 0.0 for row in compared]
    seconds = [row.seconds for row in with_notes] or [0.0]
    return [
        str(len(rows)),
        str(len(with_notes)),
        str(sum(1 for row in with_notes if row.notes)),
        str(len(equal)),
        f"{sum(row.equal_notes or 0 for row in compared) / sum(row.most_notes for row in compared):.3f}" if compared else "",
        f"{median(equal):.3f}" if equal else "",
        str(sum(1 for share in equal if share >= ENOUGH)),
        f"{median(seconds):.1f}",
        f"{max(seconds):.1f}",
    ]
