"""What all files of a batch have in common, and what became of one of them."""

import gc
import time
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from engine.base.errors import PerfLiveError
from engine.commands.rendering.jobs import Job
from engine.commands.rendering.memory import bound_memory
from engine.performers.setup import Setup, Wanted
from engine.sound.options import SoundOptions

if TYPE_CHECKING:
    from engine.session import Guard, ScoreOptions


@dataclass(frozen=True)
class Outcome:
    """``error`` is one line, "" when all went well; ``notes`` were performed in ``seconds``."""

    job: Job
    notes: int
    seconds: float
    error: str


@dataclass(frozen=True)
class Work:
    """How the files are performed. ``wanted`` is by whether the file is a score and nothing else; ``guard`` says what may stop one.
    ``memory_gib`` is what a worker's data may occupy, None for as much as there is.
    """

    wanted: Mapping[bool, Wanted]
    score: "ScoreOptions"
    sound: SoundOptions
    guard: "Guard"
    memory_gib: float | None = None

    def load(self) -> "LoadedWork":
        """Load the performers. Raises as ``Wanted.load``."""
        return LoadedWork(self, {is_score: wanted.load() for is_score, wanted in self.wanted.items()})

    def load_in_bounds(self) -> "LoadedWork":
        """Load the performers for as long as this process lives, which may occupy ``memory_gib`` at most. Raises as ``Wanted.load``."""
        loaded = self.load()
        gc.freeze()  # what stays is not looked through after each file
        if self.memory_gib is not None:
            bound_memory(self.memory_gib)
        return loaded


@dataclass(frozen=True)
class LoadedWork:
    work: Work
    setups: Mapping[bool, Setup]

    def do(self, job: Job) -> Outcome:
        """Perform one file. Raises KeyboardInterrupt when it is stopped, and nothing else: other files are not to blame for this one."""
        from engine import session

        if job.refusal:
            return Outcome(job, 0, 0.0, job.refusal)
        begin_s, setup, notes, error = time.perf_counter(), replace(self.setups[job.is_score], seed=job.seed), 0, ""
        try:
            notes = session.render_file(setup, job.input, job.outputs, self.work.score, self.work.sound, self.work.guard).notes
        except PerfLiveError as refused:
            error = str(refused)
        except MemoryError:
            error = f"cannot perform {str(job.input)!r}: it needs more memory{self._bound()}"
        except Exception as defect:
            unexpected = f"unexpected {type(defect).__name__}: {defect}; this is a defect, please report it"
            error = f"cannot perform {str(job.input)!r}: {unexpected}"
        gc.collect()  # a run hangs together in circles: few objects, which would wait long for it, and a megabyte of a network's state
        return Outcome(job, notes, time.perf_counter() - begin_s, error)

    def _bound(self) -> str:
        allowed = self.work.memory_gib
        return " than there is" if allowed is None else f" than the {allowed:g} GiB of --memory; give more"
