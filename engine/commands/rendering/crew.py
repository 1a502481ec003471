"""The files of a batch, shared out among workers of one kind: processes of this machine, or actors of a cluster."""

from abc import ABC, abstractmethod
from collections import Counter, deque
from collections.abc import Iterator, Sequence
from typing import Protocol

from engine.commands.rendering.jobs import Job
from engine.commands.rendering.work import Outcome

ATTEMPTS = 2  # at a file whose worker was killed


class Worker(ABC):
    """Performs one file after the other; ``job`` is what it is at."""

    job: Job | None = None

    @abstractmethod
    def begin(self, job: Job) -> None: ...

    def take(self) -> Outcome | None:
        """Return what became of the file; None where the worker has died. Raises what loading the performers raised."""
        answer = self.receive()
        if isinstance(answer, Exception):
            raise answer
        if answer:
            self.job = None
        return answer

    @abstractmethod
    def receive(self) -> Outcome | Exception | None:
        """Return the answer, an Exception where the performers could not be loaded; None where the worker has died."""

    @abstractmethod
    def how_it_ended(self) -> str:
        """Return how it died, as in "with status -9"."""

    @abstractmethod
    def end(self) -> None:
        """Stop; a file that it is at is not written."""


class Crew(Protocol):
    """Hires workers, ``size`` of them at a time."""

    size: int

    def hire(self, place: int) -> Worker:
        """Return a new worker at a place, from 0 to before ``size``, where none is or the last has died."""

    def ready(self, workers: Sequence[Worker]) -> Sequence[Worker]:
        """Wait until some of the workers, all of which are at work, have an answer or have died; return those."""


def share_out(crew: Crew, jobs: Sequence[Job]) -> Iterator[Outcome]:
    """Perform the files and yield what became of each when it is done, in no certain order.

    A worker gets its next file when it has done the one before. The largest begin first, so that none is left over for one worker at the
    end. A file whose worker dies is begun again by a new one. Raises what loading the performers raises.
    """
    waiting, attempts = deque(sorted(jobs, key=_size_bytes, reverse=True)), Counter[Job]()
    workers = [crew.hire(place) for place in range(crew.size)]
    try:
        while waiting or any(worker.job for worker in workers):
            for worker in workers:
                if waiting and not worker.job:
                    worker.begin(waiting.popleft())
            for worker, job in _ready(crew, workers):
                outcome = worker.take()
                if not outcome:
                    place = workers.index(worker)
                    workers[place] = crew.hire(place)
                    attempts[job] += 1
                    if attempts[job] < ATTEMPTS:
                        waiting.appendleft(job)
                        continue
                    outcome = Outcome(job, 0, 0.0, _fatal(job, worker.how_it_ended()))
                yield outcome
    finally:
        for worker in workers:
            worker.end()


def _ready(crew: Crew, workers: Sequence[Worker]) -> list[tuple[Worker, Job]]:
    """Wait until workers have an answer or have died; return those, and what they were at."""
    at_work = [(worker, worker.job) for worker in workers if worker.job]
    ready = crew.ready([worker for worker, _ in at_work])
    return [(worker, job) for worker, job in at_work if worker in ready]


def _fatal(job: Job, how: str) -> str:
    reason = f"the process that performed it ended {how}, {ATTEMPTS} times"
    return f"cannot perform {str(job.input)!r}: {reason}; if memory is short, give fewer --jobs"


def _size_bytes(job: Job) -> int:
    """Return the size of the input, 0 where it cannot be told: that is refused when it is read."""
    try:
        return job.input.stat().st_size
    except OSError:
        return 0
