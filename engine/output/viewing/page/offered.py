"""The music that the start screen offers: the bundled examples, what was recorded in this folder, and files that were dropped."""

from collections.abc import Sequence
from pathlib import Path

from engine import examples
from engine.base.files import MIDI_SUFFIXES, NOTATION_SUFFIXES
from engine.runtime.steering.rig import TAKES

MOST_TAKES = 20  # the last ones


def bundled() -> list[Path]:
    """Return the examples."""
    return _music(Path(examples.__file__).parent)


def takes() -> list[Path]:
    """Return what was recorded in this folder, the last one first."""
    return sorted(Path.cwd().glob(TAKES), reverse=True)[:MOST_TAKES]


def find(name: str | None, folder: Path) -> Path | None:
    """Return the file of a name, None for one that is not offered; ``folder`` is where files are dropped."""
    return {path.name: path for path in (*bundled(), *takes(), *_music(folder))}.get(name or "")


def parts_of(path: Path) -> Sequence[str]:
    """Return what of a score somebody may play while the rest accompanies. Takes a while. Raises PerfLiveError and UsageError."""
    from engine.runtime.following.parts import AUTO, choices  # NumPy and what reads notations, when they are asked for
    from engine.score.piece import read_piece

    return [AUTO, *(name for name, rows in choices(read_piece(path)).items() if not rows.all())]


def _music(folder: Path) -> list[Path]:
    return sorted(path for path in folder.iterdir() if path.suffix.lower() in (*MIDI_SUFFIXES, *NOTATION_SUFFIXES))
