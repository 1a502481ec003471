"""Stages of a recipe, and the folder in which a run keeps what they made.

    RUN/recipe.json             the system, the precision, and what each stage reads
    RUN/STAGE/stage.json        what the stage was begun with: its configuration, what it reads, and the hash of both
    RUN/STAGE/done.json         the same hash, when it is done, with its main figure, its artefacts and how long it took

A stage whose ``done.json`` has the hash of its configuration and of what it reads is not run again. One that was interrupted goes on from
what is in its folder, if it was begun with the same hash; else its folder is emptied first.
"""

import hashlib
import json
import shutil
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, NamedTuple

from pydantic import BaseModel

from engine.base.errors import PerfLiveError, UsageError
from engine.base.files import whole_file

Precision = Literal["float32", "int8"]
RECIPE_FILE, BEGUN_FILE, DONE_FILE = "recipe.json", "stage.json", "done.json"


@dataclass(frozen=True)
class Work:
    """What a stage is given: the folder of the corpus, its own folder, one to keep what is slow to compute in, and, by role, the folders
    of the stages that it reads.
    """

    data: Path
    folder: Path
    cache: Path
    reads: Mapping[str, tuple[Path, ...]]
    threads: int = 1

    def read(self, role: str) -> Path:
        """Return the folder of the one stage that is read as ``role``."""
        (folder,) = self.reads[role]
        return folder


class Outcome(NamedTuple):
    """The main ``figure`` of what a stage made, in words, and the files that later stages and perf-export read."""

    figure: str
    artefacts: tuple[str, ...]


class Reads(NamedTuple):
    """What a role may be: stages of these ``kinds``."""

    kinds: tuple[str, ...]
    optional: bool = False
    several: bool = False


@dataclass(frozen=True)
class Stage:
    """``config`` is the type of its configuration, ``reads`` the roles of the earlier stages that it needs. ``is_network``: it trains for
    long, and goes on where it was; see ``training.evaluation.expressiveness.folds``.
    """

    config: type[BaseModel]
    run: Callable[[Any, Work], Outcome]
    reads: Mapping[str, Reads] = field(default_factory=dict)
    is_network: bool = False


class Done(NamedTuple):
    """A stage that is done, as its folder says."""

    folder: Path
    kind: str
    hash: str
    seconds: float
    figure: str
    artefacts: tuple[str, ...]


def configuration_hash(configuration: Any) -> str:
    """Return the hash of a configuration, a JSON value, as the contracts of exported graphs state it."""
    return hashlib.sha256(json.dumps(configuration, sort_keys=True).encode()).hexdigest()[:16]


def read_done(folder: Path) -> Done | None:
    """Return what a stage's folder says of it; None where it is not done. Raises PerfLiveError for a file that is not of perf-train."""
    path = folder / DONE_FILE
    if not path.exists():
        return None
    try:
        said = json.loads(path.read_text(encoding="utf-8"))
        return Done(folder, said["task"], said["hash"], said["seconds"], said["figure"], tuple(said["artefacts"]))
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise PerfLiveError(f"{path}: cannot be read ({type(error).__name__}); remove it, and the stage is run again") from error


def done_as(hash_: str, folder: Path) -> Done | None:
    """Return what a stage's folder says of it, None where it is not done or was done with another configuration."""
    done = read_done(folder)
    return done if done is not None and done.hash == hash_ else None


def stage_hash(kind: str, config: BaseModel, reads: Mapping[str, tuple[Done, ...]]) -> str:
    """Return the hash of a stage's configuration and of all that it depends on."""
    depends = {role: [each.hash for each in several] for role, several in reads.items()}
    return configuration_hash([kind, config.model_dump(mode="json"), depends])


def write_json(path: Path, value: Any) -> None:
    """Write a JSON file, whole or not at all."""
    with whole_file(path) as partial:
        partial.write_text(json.dumps(value, indent=1) + "\n", encoding="utf-8")


@contextmanager
def begin(folder: Path, kind: str, config: BaseModel, hash_: str) -> Iterator[Callable[[Outcome], Done]]:
    """Prepare a stage's folder, and give what notes that the stage is done. However it ends, the time that it took is kept."""
    spent = _prepare(folder, hash_)
    begun = {"task": kind, "hash": hash_, "config": config.model_dump(mode="json"), "seconds": spent}
    write_json(folder / BEGUN_FILE, begun)
    start = time.monotonic()

    def finish(outcome: Outcome) -> Done:
        seconds = spent + time.monotonic() - start
        said = {"task": kind, "hash": hash_, "seconds": round(seconds, 1), "figure": outcome.figure, "artefacts": outcome.artefacts}
        write_json(folder / DONE_FILE, said)
        return Done(folder, kind, hash_, seconds, *outcome)

    try:
        yield finish
    finally:
        write_json(folder / BEGUN_FILE, begun | {"seconds": round(spent + time.monotonic() - start, 1)})


def _prepare(folder: Path, hash_: str) -> float:
    """Make the folder of a stage, empty if it was begun with another hash; return the seconds that were spent on it so far."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        begun = folder / BEGUN_FILE
        if not begun.exists():
            left = f".{begun.stem}."  # of a run that was killed while it wrote the file
            if any(not path.name.startswith(left) for path in folder.iterdir()):
                raise UsageError(f"{str(folder)!r}: the folder of a stage has files that perf-train did not write; give another --out")
            return 0.0
        said = json.loads(begun.read_text(encoding="utf-8"))
        if said.get("hash") == hash_:
            return float(said.get("seconds", 0.0))
        for path in folder.iterdir():  # what says whose they are goes last, in case of a kill
            if path.is_dir() and not path.is_symlink():
                shutil.rmtree(path)
            elif path != begun:
                path.unlink()
        return 0.0
    except (OSError, ValueError) as error:
        raise PerfLiveError(f"cannot use {str(folder)!r}: {getattr(error, 'strerror', None) or error}; give another --out") from error


@dataclass(frozen=True)
class Run:
    """A run of perf-train, to be exported: its stages that are done, in order."""

    folder: Path
    system: str
    precision: Precision
    stages: tuple[Done, ...]
    reads: Mapping[str, Mapping[str, Sequence[str]]]  # of each stage by name: the names of the stages that it reads, by role

    def last(self, *kinds: str) -> Done | None:
        """Return the last stage of the first of ``kinds`` that there is any of."""
        for kind in kinds:
            if found := [stage for stage in self.stages if stage.kind == kind]:
                return found[-1]
        return None

    def all(self, kind: str) -> list[Done]:
        """Return the stages of a kind."""
        return [stage for stage in self.stages if stage.kind == kind]

    def reading(self, kind: str, role: str, stage: Done) -> Done | None:
        """Return the last stage of ``kind`` that reads ``stage`` as ``role``."""
        found = [each for each in self.all(kind) if list(self.reads[each.folder.name].get(role, ())) == [stage.folder.name]]
        return found[-1] if found else None


def read_run(folder: Path) -> Run:
    """Return the run in ``folder``. Raises UsageError when there is none, or when a stage of it is not done."""
    path = folder / RECIPE_FILE
    try:
        said = json.loads(path.read_text(encoding="utf-8"))
        system, precision, reads = said["system"], said["precision"], said["stages"]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise UsageError(f"{str(folder)!r}: not a run of perf-train, its {RECIPE_FILE} cannot be read; give the folder of --out") from error
    stages = {name: read_done(folder / name) for name in reads}
    if missing := [name for name, done in stages.items() if done is None]:
        raise UsageError(f"{str(folder)!r}: stage {missing[0]!r} is not done; run perf-train again, which goes on there")
    return Run(folder, system, precision, tuple(done for done in stages.values() if done), reads)
