"""The MAESTRO data set, version 3: competition performances on a Disklavier (CC BY-NC-SA 4.0).

Its published layout: ``maestro-v3.0.0.csv`` beside one folder a year that holds the MIDI files the table names.
"""

import csv
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Literal

from engine.base.errors import PerfLiveError
from training.datasets.performances import Performance, extend_with_pedal, read_performance

Split = Literal["train", "validation", "test"]
LICENCE = "CC BY-NC-SA 4.0"
TABLE = "maestro-v3.0.0.csv"
COLUMNS = ("canonical_composer", "canonical_title", "split", "year", "midi_filename", "audio_filename", "duration")


def read_maestro(root: Path, split: Split, sustain_extends_notes: bool = False) -> Iterator[Performance]:
    """Yield every performance of the split, in the order of the table; the piece is composer and title.

    ``root`` holds the table and the years' folders. A file that is missing or cannot be read is reported on standard error and
    skipped. Raises PerfLiveError when there is no table, when it lacks columns, or when not one performance could be read.
    """
    rows = performance_rows(root, split)
    unread = 0
    for row in rows:
        name = row["midi_filename"]
        try:
            performance = read_performance(root / name, name, f"{row['canonical_composer']}/{row['canonical_title']}")
        except PerfLiveError as error:
            print(f"skipped: {error}", file=sys.stderr)
            unread += 1
            continue
        yield extend_with_pedal(performance) if sustain_extends_notes else performance
    if rows and unread == len(rows):
        raise PerfLiveError(f"{root}: none of the {unread} MIDI files of split {split!r} could be read; unpack them beside {TABLE}")


def performance_rows(root: Path, split: Split) -> list[dict[str, str]]:
    """Return the rows of the table that belong to the split. Raises PerfLiveError for a table that is missing or incomplete."""
    table = root / TABLE
    try:
        with table.open(encoding="utf-8", newline="") as file:
            reader = csv.DictReader(file)
            missing = [column for column in COLUMNS if column not in (reader.fieldnames or ())]
            rows = [] if missing else list(reader)
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise PerfLiveError(f"{root}: not a MAESTRO v3 folder, {TABLE} cannot be read ({error})") from error
    if missing:
        raise PerfLiveError(f"{table}: lacks the columns {', '.join(missing)}; expected {', '.join(COLUMNS)}")
    return [row for row in rows if row["split"] == split]
