"""Workers that are actors of a Ray cluster: of one that runs, or of one of this machine's own that is begun for the batch.

Every machine of a cluster has perf-live installed and sees the folder in which the command is called: inputs are read and outputs written
there. Models that are given travel through Ray's object store, once for each machine. Ray reports nothing to its makers and opens no
dashboard; a cluster of this machine's own listens on loopback alone.
"""

import glob
import os
import socket
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import redirect_stdout
from dataclasses import replace
from io import StringIO
from pathlib import Path
from typing import Any, NamedTuple

from engine.base.errors import PerfLiveError, UsageError
from engine.commands.rendering.cores import core_of, keep_to
from engine.commands.rendering.crew import Worker, share_out
from engine.commands.rendering.jobs import Job
from engine.commands.rendering.processes import worker_count
from engine.commands.rendering.work import LoadedWork, Outcome, Work

LOCAL = "local"
ANSWER_S = 5
STARTS = 3
STORE_BYTES = 200_000_000  # of a cluster of our own, for the models that are given


class Model(NamedTuple):
    """A model as it travels: its files by name, and the name of the one that was given, "" where their folder was."""

    given: str
    files: Mapping[str, bytes]


def do_on_cluster(work: Work, jobs: Sequence[Job], address: str, wanted: int | None) -> Iterator[Outcome]:
    """Perform the files by ``wanted`` actors, None for one a core of the cluster, and yield what became of each when it is done.

    Raises UsageError where Ray is not installed, PerfLiveError where no cluster answers, and as ``Wanted.load``.
    """
    ray = _import_ray(address)
    if address != LOCAL:
        _check_answers(address)
    with redirect_stdout(StringIO()):  # where Ray prints at length what has died; it is said in a line when it matters
        try:
            _begin_cluster(ray, address, len(jobs), wanted)
        except Exception as error:  # Ray raises plain ones as well
            raise PerfLiveError(_refusal(address, str(error).strip().split("\n")[0])) from None
        try:
            cores = int(ray.cluster_resources().get("CPU", 1))
            size = max(min(wanted or cores, cores, len(jobs)), 1)
            yield from share_out(_Actors(ray, work, size, here=address == LOCAL), jobs)
        finally:
            ray.shutdown()


def _check_answers(address: str) -> None:
    """Raise PerfLiveError where nothing listens at HOST:PORT: Ray itself would wait for minutes."""
    host, _, port = address.rpartition(":")
    try:
        socket.create_connection((host, int(port)), ANSWER_S).close()
    except (ValueError, OverflowError):
        raise UsageError(f"--ray {address!r}: allowed: {LOCAL}, or HOST:PORT of a cluster's head") from None
    except OSError as error:
        raise PerfLiveError(_refusal(address, error.strerror or str(error))) from None


def _refusal(address: str, reason: str) -> str:
    return f"--ray {address!r}: no cluster answers there ({reason}); allowed: {LOCAL}, or HOST:PORT of a cluster's head"


def _begin_cluster(ray: Any, address: str, files: int, wanted: int | None) -> None:
    """Join the cluster at ``address``, or begin one of this machine's own. Raises what Ray raises."""
    quiet = {"log_to_driver": False, "logging_level": "error", "include_dashboard": False}
    if address == LOCAL:
        quiet |= {"num_cpus": worker_count(files, wanted), "object_store_memory": STORE_BYTES}
    for left in reversed(range(STARTS)):
        try:
            ray.init(address=address, **quiet)
            return
        except Exception:  # a machine that is busy may take longer than the half minute for which Ray waits
            ray.shutdown()
            if not left:
                raise


def _import_ray(address: str) -> Any:
    os.environ["RAY_USAGE_STATS_ENABLED"] = "0"
    if address == LOCAL:
        os.environ["RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER"] = "0"  # what keeps Ray to loopback, on Linux as well
    try:
        import ray
    except ImportError:
        raise UsageError("--ray needs Ray; install it with pip install 'perf-live[ray]'") from None
    return ray


class _Actors:
    """A crew of actors; follows ``crew.Crew``. ``here``: all of them are on this machine, as is known of a cluster of its own."""

    def __init__(self, ray: Any, work: Work, size: int, *, here: bool):
        self.size, self._ray, self._here = size, ray, here
        models = {is_score: _read(wanted.model) for is_score, wanted in work.wanted.items() if wanted.model}
        self._given = ray.put(work), ray.put(models), os.getcwd()
        self._kind = ray.remote(num_cpus=1, max_restarts=0)(_Performer)

    def hire(self, place: int) -> "_Actor":
        return _Actor(self._ray, self._kind.remote(*self._given, core_of(place, self.size) if self._here else None))

    def ready(self, workers: Sequence[Worker]) -> list[Worker]:
        at_work = {worker.answer: worker for worker in workers if isinstance(worker, _Actor)}
        ready, _ = self._ray.wait(list(at_work), num_returns=1)
        return [at_work[answer] for answer in ready]


class _Actor(Worker):
    """Who asks an actor."""

    def __init__(self, ray: Any, actor: Any):
        self.answer: Any = None
        self._ray, self._actor = ray, actor

    def begin(self, job: Job) -> None:
        self.job, self.answer = job, self._actor.perform.remote(job)

    def receive(self) -> Outcome | Exception | None:
        try:
            answer: Outcome | Exception = self._ray.get(self.answer)
        except self._ray.exceptions.RayActorError:
            return None
        return answer

    def how_it_ended(self) -> str:
        return "or could not be reached"

    def end(self) -> None:
        self._ray.kill(self._actor)


class _Performer:
    """The actor: performs one file after the other, on one ``core`` if it is named. The performers are loaded for the first."""

    def __init__(self, work: Work, models: Mapping[bool, Model], folder: str, core: int | None):
        keep_to(core)
        self._work, self._models, self._folder = work, models, folder
        self._loaded: LoadedWork | None = None

    def perform(self, job: Job) -> Outcome | Exception:
        """Return what became of the file, or why the performers cannot be loaded."""
        try:
            self._loaded = self._loaded or self._load()
        except PerfLiveError as error:
            return error
        return self._loaded.do(job)

    def _load(self) -> LoadedWork:
        try:
            os.chdir(self._folder)
        except OSError as error:
            reason = f"a machine of the cluster does not see the folder {self._folder!r} ({error.strerror})"
            raise PerfLiveError(f"{reason}; call perf-render in one that all of them see") from None
        with tempfile.TemporaryDirectory(prefix="perf-render-") as folder:  # a model that is loaded needs its files no more
            given = {
                is_score: replace(self._work.wanted[is_score], model=_write(model, Path(folder) / str(is_score)))
                for is_score, model in self._models.items()
            }
            return replace(self._work, wanted={**self._work.wanted, **given}).load_in_bounds()


def _write(model: Model, folder: Path) -> Path:
    """Write a model's files where they are read from, and return what is to be given: their ``folder``, or one of them."""
    folder.mkdir()
    for name, content in model.files.items():
        (folder / name).write_bytes(content)
    return folder / model.given


def _read(model: Path) -> Model:
    """Return a model, a folder or an ONNX file, which may have others of its name beside it that go with it."""
    if model.is_dir():
        return Model("", {path.name: path.read_bytes() for path in sorted(model.iterdir()) if path.is_file()})
    beside = sorted(model.parent.glob(f"{glob.escape(model.stem)}_*{model.suffix}"))
    return Model(model.name, {path.name: path.read_bytes() for path in (model, *beside)})
