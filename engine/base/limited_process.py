"""Programs in processes of their own, which may crash, hang or grow without harm: they have limits of time and memory, and end with us."""

import os
import signal
import subprocess
import sys
import tempfile
import threading
import weakref
from contextlib import suppress
from math import ceil
from pathlib import Path
from queue import Empty, SimpleQueue
from typing import IO, cast

LIMITED = """
import runpy, sys
for name, most in (("RLIMIT_CPU", int(sys.argv[2])), ("RLIMIT_AS", int(sys.argv[1]))):
    try:
        import resource
        limit = getattr(resource, name)
        if most:
            resource.setrlimit(limit, (most, resource.getrlimit(limit)[1]))
    except (ImportError, AttributeError, ValueError, OSError):
        pass
sys.argv[:] = sys.argv[3:]
runpy.run_path(sys.argv[0], run_name="__main__")
"""
PATIENCE = 10  # times as long as a program may take, in which it must end: other programs run beside it, and it may be idle
LENGTH_BYTES = 8  # of the number, little-endian, before each request and each answer


class ProcessFailed(Exception):
    """The program crashed, said that it failed, or took more than it may."""


class LimitedProcess:
    """Runs the Python program at ``path`` beside this one, from ``document`` on its standard input to its standard output.

    Both are files, so that neither side waits for the other. Memory (address space) and processor time are limited where the system can do
    that. It is ended when this object is dropped, with or without an exception, and when this program ends.
    """

    def __init__(self, path: Path, document: bytes, most_bytes: int, most_s: float, *arguments: str) -> None:
        given = tempfile.TemporaryFile()  # noqa: SIM115  # closed by _end
        self._written = tempfile.TemporaryFile()  # noqa: SIM115
        given.write(document)
        given.seek(0)
        call = [*_call(path, most_bytes, most_s), *arguments]
        self._most_s = most_s
        self._process = subprocess.Popen(call, stdin=given, stdout=self._written, stderr=subprocess.DEVNULL)  # noqa: S603
        self.close = weakref.finalize(self, _end, os.getpid(), self._process, (given, self._written))

    def output(self) -> bytes:
        """Wait for the end and return what was written. Raises ProcessFailed."""
        try:
            status = self._process.wait(self._most_s * PATIENCE)
        except subprocess.TimeoutExpired:
            raise _too_long(self._most_s) from None
        if status:
            raise _too_long(self._most_s) if _is_out_of_time(status) else ProcessFailed(f"it ends with status {status}")
        self._written.seek(0)
        return self._written.read()


class KeptProcess:
    """Runs the Python program at ``path`` beside this one for one request after the other, since its imports take long.

    Requests and answers are ``receive``'s and ``send``'s. Its memory is limited as that of a LimitedProcess, and it ends as one does; its
    time it limits itself with ``limit_time``.
    """

    def __init__(self, path: Path, most_bytes: int) -> None:
        pipe = subprocess.PIPE
        self._process = subprocess.Popen(_call(path, most_bytes, 0), stdin=pipe, stdout=pipe, stderr=subprocess.DEVNULL)  # noqa: S603
        self._pipes = cast(tuple[IO[bytes], IO[bytes]], (self._process.stdin, self._process.stdout))
        self._answers: SimpleQueue[bytes | None] = SimpleQueue()
        self._owner = os.getpid()
        self.close = weakref.finalize(self, _end, self._owner, self._process, self._pipes)

    def is_ready(self) -> bool:
        """Whether it runs and is this process's, not one that a forked process has a copy of."""
        return self._owner == os.getpid() and self._process.poll() is None

    def ask(self, request: bytes) -> None:
        """Let it begin with a request, beside what is done in the meantime."""
        threading.Thread(target=_exchange, args=(*self._pipes, request, self._answers), daemon=True).start()

    def answer(self, most_s: float) -> bytes:
        """Wait for the answer. Raises ProcessFailed, after which the process has ended."""
        try:
            answer = self._answers.get(timeout=most_s * PATIENCE)
        except Empty:
            self.close()
            raise _too_long(most_s) from None
        if answer is None:
            self.close()
            raise _too_long(most_s) if _is_out_of_time(self._process.returncode) else ProcessFailed("it has ended")
        return answer


def limit_time(most_s: float) -> None:
    """End this process when it has taken so much more processor time, where the system can do that."""
    try:
        import resource

        used = resource.getrusage(resource.RUSAGE_SELF)
        most = (ceil(used.ru_utime + used.ru_stime + most_s), resource.getrlimit(resource.RLIMIT_CPU)[1])
        resource.setrlimit(resource.RLIMIT_CPU, most)
    except (ImportError, ValueError, OSError):
        pass


def receive(file: IO[bytes]) -> bytes | None:
    """Return the next request or answer; None at the end."""
    length = file.read(LENGTH_BYTES)
    data = file.read(int.from_bytes(length, "little"))
    return data if len(length) == LENGTH_BYTES and len(data) == int.from_bytes(length, "little") else None


def send(file: IO[bytes], data: bytes) -> None:
    file.write(len(data).to_bytes(LENGTH_BYTES, "little"))
    file.write(data)
    file.flush()


def _call(path: Path, most_bytes: int, most_s: float) -> list[str]:
    return [sys.executable, "-P", "-c", LIMITED, str(most_bytes), str(ceil(most_s)), str(path)]


def _is_out_of_time(status: int) -> bool:
    return -status == getattr(signal, "SIGXCPU", 0) != 0


def _too_long(most_s: float) -> ProcessFailed:
    return ProcessFailed(f"it takes longer than {most_s:.0f} s")


def _exchange(given: IO[bytes], written: IO[bytes], request: bytes, answers: "SimpleQueue[bytes | None]") -> None:
    try:
        send(given, request)
        answers.put(receive(written))
    except (OSError, ValueError):  # it has ended, or its pipes are closed
        answers.put(None)


def _end(owner: int, process: subprocess.Popen[bytes], files: tuple[IO[bytes], ...]) -> None:
    if os.getpid() != owner:  # but one that was forked from it
        return
    process.kill()
    process.wait()
    for file in files:
        with suppress(OSError):  # what a program that has ended was to be sent
            file.close()
