"""Workers that are processes of this machine, as many as there are cores for the files."""

import gc
import signal
from collections.abc import Iterator, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING

from engine.commands.rendering.cores import core_count, core_of, keep_to
from engine.commands.rendering.crew import Worker, share_out
from engine.commands.rendering.jobs import Job
from engine.commands.rendering.work import Outcome, Work

if TYPE_CHECKING:
    from multiprocessing.connection import Connection

FILES_A_WORKER = 4  # at least, if nobody says how many workers: to begin one takes about as long as to perform a short file


def worker_count(files: int, wanted: int | None) -> int:
    """Return how many processes perform so many files: no more than are ``wanted``, None for all cores."""
    return max(min(files, wanted) if wanted else min(core_count(), files // FILES_A_WORKER), 1)


def do_here(work: Work, jobs: Sequence[Job], workers: int) -> Iterator[Outcome]:
    """Perform the files and yield what became of each when it is done, in no certain order when there are several workers.

    One worker is this process itself, unless its memory is limited. Raises as ``Wanted.load``.
    """
    if workers == 1 and work.memory_gib is None:
        loaded = work.load()
        gc.freeze()  # what stays is not looked through after each file
        try:
            yield from map(loaded.do, jobs)
        finally:
            gc.unfreeze()
    else:
        yield from share_out(Processes(work, workers), jobs)


class Processes:
    """A crew of processes; follows ``crew.Crew``."""

    def __init__(self, work: Work, size: int):
        self.size, self._work = size, work

    def hire(self, place: int) -> "_Process":
        return _Process(self._work, core_of(place, self.size))

    def ready(self, workers: Sequence[Worker]) -> list[Worker]:
        from multiprocessing.connection import wait  # which a single file need not wait for

        ready = wait([worker.pipe for worker in workers if isinstance(worker, _Process)])
        return [worker for worker in workers if isinstance(worker, _Process) and worker.pipe in ready]


class _Process(Worker):
    """A process that performs one file after the other."""

    def __init__(self, work: Work, core: int | None):
        from multiprocessing import get_context

        context = get_context("spawn")
        self.core = core
        self.pipe, theirs = context.Pipe()
        self._process = context.Process(target=_serve, args=(work, theirs, core), daemon=True)
        self._process.start()
        theirs.close()  # so that the pipe ends with the process

    def begin(self, job: Job) -> None:
        self.job = job
        with suppress(OSError):  # it has died: that is seen when its answer is waited for
            self.pipe.send(job)

    def receive(self) -> Outcome | Exception | None:
        try:
            answer: Outcome | Exception = self.pipe.recv()
        except (EOFError, OSError):
            return None
        return answer

    def how_it_ended(self) -> str:
        self._process.join()
        return f"with status {self._process.exitcode}"

    def end(self) -> None:
        self.pipe.close()
        if self.job:
            self._process.terminate()
        self._process.join()


def _serve(work: Work, pipe: "Connection", core: int | None) -> None:
    """Perform what comes through ``pipe`` until it ends, on one ``core`` if it is named. Who started us hears Ctrl-C and ends us."""
    keep_to(core)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    with suppress(EOFError, OSError, KeyboardInterrupt):
        try:
            loaded = work.load_in_bounds()
        except Exception as error:
            pipe.recv()
            pipe.send(error)
            return
        while True:
            pipe.send(loaded.do(pipe.recv()))

