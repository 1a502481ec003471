"""Tables that a command writes into a document, between two lines that say so."""

from collections.abc import Sequence
from pathlib import Path

from engine.base.errors import PerfLiveError, UsageError
from engine.base.files import whole_file

BEGIN, END = "<!-- written by {} -->", "<!-- end of what {} wrote -->"


def check_document(path: Path, command: str) -> None:
    """Raise UsageError or PerfLiveError for a document that cannot be read or has no place for the table of ``command``."""
    _split(path, command)


def write_table(path: Path, command: str, head: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """Put a table in place of what stands between the two lines for ``command``. Raises UsageError or PerfLiveError."""
    before, after = _split(path, command)
    lines = ["| " + " | ".join(row) + " |" for row in (head, ["---"] * len(head), *rows)]
    with whole_file(path) as temporary:
        temporary.write_text("\n".join((before, "", *lines, "", after)), encoding="utf-8")


def _split(path: Path, command: str) -> tuple[str, str]:
    """Return the document up to the first line and from the second on, both with these lines."""
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise PerfLiveError(f"cannot read {str(path)!r}: {error}; give the name of a document") from None
    begin, end = BEGIN.format(command), END.format(command)
    before, begun, rest = text.partition(begin)
    _, ended, after = rest.partition(end)
    if not (begun and ended):
        raise UsageError(f"{str(path)!r} has no place for the table; write {begin!r} and {end!r} there, each in a line of its own")
    return before + begin, end + after
