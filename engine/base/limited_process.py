"""A program in a process of its own, which may crash, hang or grow without harm: it has limits of time and memory, and ends with us."""

import subprocess
import sys
import tempfile
import weakref
from pathlib import Path
from typing import IO

LIMIT_MEMORY = """
import runpy, sys
try:
    import resource
    resource.setrlimit(resource.RLIMIT_AS, (int(sys.argv[1]),) * 2)
except (ImportError, ValueError, OSError):
    pass
sys.argv[:] = sys.argv[2:]
runpy.run_path(sys.argv[0], run_name="__main__")
"""


class ProcessFailed(Exception):
    """The program crashed, said that it failed, or took more than it may."""


class LimitedProcess:
    """Runs the Python program at ``path`` beside this one, from ``document`` on its standard input to its standard output.

    Both are files, so that neither side waits for the other. The memory (address space) is limited where the system can do that. It is
    ended when this object is dropped, with or without an exception, and when this program ends.
    """

    def __init__(self, path: Path, document: bytes, most_bytes: int) -> None:
        given = tempfile.TemporaryFile()  # noqa: SIM115  # closed by _end
        self._written = tempfile.TemporaryFile()  # noqa: SIM115
        given.write(document)
        given.seek(0)
        call = [sys.executable, "-P", "-c", LIMIT_MEMORY, str(most_bytes), str(path)]
        self._process = subprocess.Popen(call, stdin=given, stdout=self._written, stderr=subprocess.DEVNULL)  # noqa: S603
        self.close = weakref.finalize(self, _end, self._process, (given, self._written))

    def output(self, seconds: float) -> bytes:
        """Wait for the end at most ``seconds`` and return what was written. Raises ProcessFailed."""
        try:
            status = self._process.wait(seconds)
        except subprocess.TimeoutExpired:
            raise ProcessFailed(f"it takes longer than {seconds:.0f} s") from None
        if status:
            raise ProcessFailed(f"it ends with status {status}")
        self._written.seek(0)
        return self._written.read()


def _end(process: subprocess.Popen[bytes], files: tuple[IO[bytes], ...]) -> None:
    process.kill()
    process.wait()
    for file in files:
        file.close()
