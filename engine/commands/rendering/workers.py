"""The files of a batch, performed in as many processes as there are cores for them."""

import os
import signal
from collections import Counter, deque
from collections.abc import Iterator, Sequence
from contextlib import suppress
from multiprocessing import get_context
from multiprocessing.connection import Connection, wait

from engine.commands.rendering.jobs import Job
from engine.commands.rendering.work import Outcome, Work

FILES_A_WORKER = 4  # at least, if nobody says how many workers: to begin one takes about as long as to perform a short file
ATTEMPTS = 2  # at a file whose worker was killed


def worker_count(files: int, wanted: int | None) -> int:
    """Return how many processes perform so many files: no more than are ``wanted``, None for all cores."""
    return max(min(files, wanted) if wanted else min(_cores(), files // FILES_A_WORKER), 1)


def do_all(work: Work, jobs: Sequence[Job], workers: int) -> Iterator[Outcome]:
    """Perform the files and yield what became of each when it is done, in no certain order when there are several workers.

    The largest files begin first, so that none is left over for one worker at the end. Raises as ``Wanted.load``.
    """
    if workers == 1:
        loaded = work.load()
        yield from map(loaded.do, jobs)
        return
    waiting, attempts = deque(sorted(jobs, key=_size_bytes, reverse=True)), Counter[Job]()
    crew = [_Worker(work) for _ in range(workers)]
    try:
        while waiting or any(worker.job for worker in crew):
            for worker in crew:
                if waiting and not worker.job:
                    worker.begin(waiting.popleft())
            for worker, job in _ready(crew):
                outcome = worker.take()
                if not outcome:
                    crew[crew.index(worker)] = _Worker(work)
                    attempts[job] += 1
                    if attempts[job] < ATTEMPTS:
                        waiting.appendleft(job)
                        continue
                    outcome = Outcome(job, 0, 0.0, _fatal(job, worker.exit_status()))
                yield outcome
    finally:
        for worker in crew:
            worker.end()


def _fatal(job: Job, status: int | None) -> str:
    how = f"the process that performed it ended with status {status}, {ATTEMPTS} times"
    return f"cannot perform {str(job.input)!r}: {how}; if memory is short, give fewer --jobs"


def _ready(crew: Sequence["_Worker"]) -> list[tuple["_Worker", Job]]:
    """Wait until workers have an answer or have died; return those, and what they were at."""
    at_work = [(worker, worker.job) for worker in crew if worker.job]
    ready = wait([worker.pipe for worker, _ in at_work])
    return [(worker, job) for worker, job in at_work if worker.pipe in ready]


class _Worker:
    """A process that performs one file after the other; ``job`` is what it is at."""

    def __init__(self, work: Work):
        context = get_context("spawn")
        self.pipe, theirs = context.Pipe()
        self.job: Job | None = None
        self._process = context.Process(target=_serve, args=(work, theirs), daemon=True)
        self._process.start()
        theirs.close()  # so that the pipe ends with the process

    def begin(self, job: Job) -> None:
        self.job = job
        with suppress(OSError):  # it has died: that is seen when its answer is waited for
            self.pipe.send(job)

    def take(self) -> Outcome | None:
        """Return what became of the file; None where the process has died. Raises what loading the performers raised."""
        try:
            answer: Outcome | Exception = self.pipe.recv()
        except (EOFError, OSError):
            return None
        if isinstance(answer, Exception):
            raise answer
        self.job = None
        return answer

    def exit_status(self) -> int | None:
        self._process.join()
        return self._process.exitcode

    def end(self) -> None:
        """Stop the process; a file that it is at is not written."""
        self.pipe.close()
        if self.job:
            self._process.terminate()
        self._process.join()


def _serve(work: Work, pipe: Connection) -> None:
    """Perform what comes through ``pipe`` until it ends. Who started us hears Ctrl-C and ends us."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    with suppress(EOFError, OSError, KeyboardInterrupt):
        try:
            loaded = work.load()
        except Exception as error:
            pipe.recv()
            pipe.send(error)
            return
        while True:
            pipe.send(loaded.do(pipe.recv()))


def _cores() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _size_bytes(job: Job) -> int:
    """Return the size of the input, 0 where it cannot be told: that is refused when it is read."""
    try:
        return job.input.stat().st_size
    except OSError:
        return 0
