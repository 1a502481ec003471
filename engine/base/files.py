"""Output files appear whole or not at all."""

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from engine.base.errors import PerfLiveError

MIDI_SUFFIXES = (".mid", ".midi", ".kar", ".rmi")  # of files that are read as MIDI
TEXT_SUFFIXES = (".krn", ".kern", ".abc")  # of scores in Humdrum and ABC
NOTATION_SUFFIXES = (".xml", ".musicxml", ".mxl", ".mei", *TEXT_SUFFIXES)  # of files that are scores and nothing else
MOST_NAME_BYTES = 255


def check_writable(path: str | os.PathLike[str]) -> Path:
    """Return ``path``, absolute and with links resolved, if a file may be put there. Raises PerfLiveError when not."""
    target = Path(os.path.realpath(path))
    if target.exists() and not target.is_file():
        kind = "a folder" if target.is_dir() else "not a regular file"
        raise PerfLiveError(f"cannot write {str(path)!r}: it is {kind}; give the name of a file")
    if not target.parent.is_dir():
        raise PerfLiveError(f"cannot write {str(path)!r}: there is no folder {str(target.parent)!r}; create it first")
    check_folder(target.parent)
    return target


def check_folder(folder: Path) -> None:
    """Try whether a file can be created in ``folder``. Raises PerfLiveError when not."""
    try:
        with tempfile.TemporaryFile(dir=folder):  # asking the permissions is not enough: root has them all, even in /proc
            pass
    except OSError as error:
        raise PerfLiveError(f"cannot write in {str(folder)!r}: {error.strerror or error}; choose another folder") from error


def check_name(path: Path) -> None:
    """Raise PerfLiveError for a name that is longer than file systems take."""
    if len(os.fsencode(path.name)) > MOST_NAME_BYTES:
        raise PerfLiveError(f"cannot write {path.name[:20]!r}...: its name has more than {MOST_NAME_BYTES} bytes; give a shorter one")


def make_folder(folder: Path) -> None:
    """Create ``folder`` and those that it lies in, where they are not there. Raises PerfLiveError when that fails."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise PerfLiveError(f"cannot create the folder {str(folder)!r}: {error.strerror or error}; choose another one") from error


def check_readable(path: Path, what: str = "a file") -> None:
    """Try whether a file can be read, before anything slow begins. Raises PerfLiveError when not; ``what`` is what to give instead."""
    try:
        with path.open("rb"):
            pass
    except OSError as error:
        raise PerfLiveError(f"cannot read {str(path)!r}: {error.strerror or error}; give the name of {what}") from None


@contextmanager
def whole_file(path: str | os.PathLike[str]) -> Iterator[Path]:
    """Yield a temporary path in the same folder; move it to ``path`` when the block ends well, remove it when not.

    The temporary name keeps the suffix, by which many writers choose the format. Raises PerfLiveError when the file cannot be written.
    """
    target = check_writable(path)
    temporary = target.with_name(f".{target.stem}.{os.getpid()}{target.suffix}")
    try:
        yield temporary
        with temporary.open("rb+") as file:
            os.fsync(file.fileno())
        os.replace(temporary, target)
    except OSError as error:
        raise PerfLiveError(f"cannot write {str(path)!r}: {error.strerror or error}") from error
    finally:
        temporary.unlink(missing_ok=True)
