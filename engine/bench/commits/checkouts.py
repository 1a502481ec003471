"""Checkouts of the project, side by side: a commit's files, and the working tree as it is."""

import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from engine.base.errors import PerfLiveError, UsageError

ROOT = Path(__file__).resolve().parents[3]
# A command of engine/commands. Only the checkout's own packages are imported, never those of an editable install.
PROGRAM = (
    "import sys; sys.meta_path = [each for each in sys.meta_path if '__editable__' not in getattr(each, '__module__', '')]; "
    "from engine.commands.{} import main; main()"
)


def check_out(commit: str, folder: Path, repository: Path = ROOT) -> str:
    """Write the files of a commit into ``folder``, which is made; return its number. Raises UsageError for a commit that is not there."""
    number = _git(repository, "rev-parse", "--verify", "--quiet", f"{commit}^{{commit}}")
    if number is None:
        raise UsageError(f"COMMIT {commit!r}: {str(repository)!r} has none of that name; allowed: what git knows, such as HEAD~1 or a tag")
    folder.mkdir(parents=True)
    archive = folder.with_suffix(".tar")
    _git(repository, "archive", "--output", str(archive), number.strip())
    shutil.unpack_archive(archive, folder, filter="data")
    archive.unlink()
    return number.strip()


def copy_working_tree(folder: Path, repository: Path = ROOT) -> None:
    """Copy the working tree as it is, so that nobody who works there disturbs what is measured. Raises PerfLiveError outside git."""
    listed = _git(repository, "ls-files", "-z", "--cached", "--others", "--exclude-standard")
    if listed is None:
        raise PerfLiveError(f"{str(repository)!r} is no git checkout, so there is no other commit to compare with; run this in a clone")
    for path in listed.split("\0"):
        if path and (repository / path).is_file():
            (folder / path).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(repository / path, folder / path)


def measure_in(checkout: Path, words: Sequence[str]) -> str:
    """Return what ``perf-bench`` with these words prints in a checkout. Raises PerfLiveError when it fails."""
    environment = os.environ | {"PYTHONPATH": str(checkout)}
    call = [sys.executable, "-c", PROGRAM.format("bench"), *words]
    done = subprocess.run(call, cwd=checkout, env=environment, stdin=subprocess.DEVNULL, capture_output=True, text=True)  # noqa: S603
    if done.returncode:
        reason = (done.stderr.strip().splitlines() or [f"status {done.returncode}"])[-1]
        raise PerfLiveError(f"perf-bench {' '.join(words)} has failed in {checkout.name!r}: {reason}")
    return done.stdout


def _git(repository: Path, *words: str) -> str | None:
    """Return what git prints, or None when it fails or is not there."""
    try:
        done = subprocess.run(["git", "-C", str(repository), *words], capture_output=True, text=True)  # noqa: S603, S607
    except OSError:
        return None
    return done.stdout if done.returncode == 0 else None
