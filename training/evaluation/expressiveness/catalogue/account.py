"""Reads what ``perf-render --manifest`` has written: which performance is of which score, and by whom."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

from engine.base.errors import PerfLiveError

MIDI = (".mid", ".midi")


class Line(NamedTuple):
    """One performance: ``seconds`` is what it took, ``repeats`` whether it played them.

    ``path`` is None of a file that failed, or that has no MIDI among its outputs.
    """

    performer: str
    input: Path
    path: Path | None
    notes: int
    seconds: float
    repeats: bool


def read_accounts(paths: Sequence[Path]) -> list[Line]:
    """Return what stands in the manifests; of a file that was performed again by the same performer, the last line.

    Performers are called by their systems, with the controls that were set. What two manifests have by the same name is told apart by
    the manifests' names. Raises PerfLiveError for a file that is no manifest.
    """
    accounts = {path: _read(path) for path in paths}
    lines = [line for account in accounts.values() for line in account]
    shared = {line.performer for line in lines if sum(any(each.performer == line.performer for each in a) for a in accounts.values()) > 1}
    last: dict[tuple[str, Path], Line] = {}
    for path, account in accounts.items():
        for line in account:
            name = f"{line.performer}, {path.stem}" if line.performer in shared else line.performer
            last[name, line.input] = line._replace(performer=name)
    return list(last.values())


def _read(path: Path) -> list[Line]:
    try:
        texts = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeError) as error:
        raise PerfLiveError(f"cannot read {str(path)!r}: {error}; give a file that perf-render --manifest has written") from None
    lines = []
    for number, text in enumerate(texts, 1):
        try:
            lines.append(_line(json.loads(text)))
        except (ValueError, TypeError, KeyError, AttributeError):
            if number < len(texts):  # the last one of a run that was killed may be cut off
                raise PerfLiveError(
                    f"{str(path)!r} is no manifest: line {number} is {text[:40]!r}; give a file that perf-render --manifest has written"
                ) from None
    return lines


def _line(row: dict[str, Any]) -> Line:
    settings = row["settings"]
    performer = " ".join([settings["system"], *settings["settings"]])
    midi = [Path(output) for output in row["outputs"] if Path(output).suffix.lower() in MIDI]
    path = midi[0] if midi and not row["error"] else None
    return Line(performer, Path(row["input"]), path, int(row["notes"]), float(row["seconds"]), row["score"]["repeats"])
