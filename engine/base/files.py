"""Output files appear whole or not at all."""

import contextlib
import glob
import os
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from io import FileIO
from itertools import count
from pathlib import Path

from engine.base.errors import PerfLiveError, UsageError

MIDI_SUFFIXES = (".mid", ".midi", ".kar", ".rmi")  # of files that are read as MIDI
TEXT_SUFFIXES = (".krn", ".kern", ".abc")  # of scores in Humdrum and ABC
NOTATION_SUFFIXES = (".xml", ".musicxml", ".mxl", ".mei", *TEXT_SUFFIXES)  # of files that are scores and nothing else
PICTURE = ".png"
MOST_NAME_BYTES = 255
_PARTIAL = ".partial"


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


def check_picture(path: Path) -> None:
    """Raise UsageError for a name that does not end in .png, and as ``check_writable``."""
    if path.suffix.lower() != PICTURE:
        raise UsageError(f"-o {str(path)!r}: a picture; give a name that ends in {PICTURE}")
    check_writable(path)


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
    _sweep(target)
    temporary = target.with_name(f".{target.stem}.{os.getpid()}{target.suffix}")
    try:
        yield temporary
        with temporary.open("rb+") as file:
            os.fsync(file.fileno())
        os.replace(temporary, target)
    except OSError as error:
        raise PerfLiveError(f"cannot write {str(path)!r}: {error.strerror or error}") from error
    finally:
        with contextlib.suppress(OSError):  # a name may be too long as well
            temporary.unlink(missing_ok=True)


def _sweep(target: Path) -> None:
    """Remove what programs that were killed have left of ``target`` under a temporary name, which ends in their process's number."""
    for path in target.parent.glob(f".{glob.escape(target.stem)}.*{glob.escape(target.suffix)}"):
        number = path.name.removeprefix(f".{target.stem}.").removesuffix(target.suffix)
        if number.isdecimal() and not _is_running(int(number)):
            path.unlink(missing_ok=True)


def _is_running(process_id: int) -> bool:
    """Return whether a process runs, as far as can be told."""
    if sys.platform == "win32":
        return True  # asking there ends it
    try:
        os.kill(process_id, 0)
    except (ProcessLookupError, OverflowError):
        return False
    except PermissionError:
        pass
    return True


def create_partial(path: Path) -> tuple[Path, FileIO]:
    """Create the file that stands for ``path`` until that is complete: ``take.partial.mid`` for ``take.mid``, which is readable meanwhile.

    It is ``take.partial-2.mid`` and so on where a run that was cut off has left the only copy of a take. Whoever looks for what was left
    sees that this one is in use. Raises OSError.
    """
    for number in count(1):
        partial = path.with_name(f"{path.stem}{_PARTIAL}{f'-{number}' if number > 1 else ''}{path.suffix}")
        try:
            file = FileIO(partial, "x+")
        except FileExistsError:
            continue
        _lock(file.fileno())
        return partial, file
    raise AssertionError("count never ends")


def partial_files(folder: Path) -> list[Path]:
    """Return what runs that were cut off have left in a folder: files of ``create_partial`` that no program has open."""
    found = [path for path in folder.glob(f"*{_PARTIAL}*") if path.is_file()]
    return sorted(path for path in found if not _is_locked(path))


def _lock(descriptor: int) -> bool:
    """Mark an open file as in use until it is closed; return False where another program has."""
    if sys.platform == "win32":
        return True  # an open file cannot be renamed there
    import fcntl

    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True


def _is_locked(path: Path) -> bool:
    try:
        if sys.platform == "win32":
            os.rename(path, path)
            return False
        with path.open("rb") as file:
            return not _lock(file.fileno())
    except OSError:
        return True
