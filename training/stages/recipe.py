"""A recipe: the stages from a corpus to everything that a system ships, in the order in which they run.

A recipe is a YAML file with the name of a system and its stages. Each stage has a name, which is that of its folder in the run, and either
``config``, the name of a YAML file beside the recipe, or ``stage`` and ``settings``. ``reads`` names, by role, the earlier stages whose
artefacts it needs; a name with a slash is the folder of another run's stage, seen from the run's own folder. A YAML file of one stage,
which says ``task``, is a recipe of that stage alone.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, NamedTuple

from pydantic import BaseModel, ConfigDict, Field

from engine.base.configuration import parse_config, read_yaml, validate_config
from engine.base.errors import UsageError
from training.stages import Precision, Stage

LoadStages = Callable[[str], Mapping[str, Stage]]  # a system's name -> its stages, by task


class StageEntry(BaseModel):
    """A stage as the recipe writes it."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str
    config: str | None = None
    stage: str | None = None
    settings: dict[str, Any] = {}
    reads: dict[str, str | tuple[str, ...]] = {}


class RecipeFile(BaseModel):
    """``precision``: of the weights of the graphs that perf-export writes, where it is not told another."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    system: str
    precision: Precision = "int8"
    stages: Annotated[tuple[StageEntry, ...], Field(min_length=1)]


class PlannedStage(NamedTuple):
    """A stage that is ready to run: ``kind`` is its task, ``reads`` are the names of earlier stages or folders, by role."""

    name: str
    kind: str
    config: BaseModel
    reads: dict[str, tuple[str, ...]]


@dataclass(frozen=True)
class Recipe:
    system: str
    precision: Precision
    stages: tuple[PlannedStage, ...]


def read_recipe(path: Path, systems: Mapping[str, str], load_stages: LoadStages) -> Recipe:
    """Return the recipe at ``path``; ``systems`` are those that can be trained. Raises UsageError that names the entry."""
    content = read_yaml(path)
    if "task" in content:
        return _single_stage(path, str(content["task"]), systems, load_stages)
    file = parse_config(path, RecipeFile)
    if file.system not in systems:
        raise UsageError(f"{path}: no system is called {file.system!r}; allowed: {', '.join(systems)}")
    known, planned = load_stages(file.system), list[PlannedStage]()
    for entry in file.stages:
        planned.append(_plan(path, entry, known, planned))
    return Recipe(file.system, file.precision, tuple(planned))


def _single_stage(path: Path, task: str, systems: Mapping[str, str], load_stages: LoadStages) -> Recipe:
    system = next((system for system in systems if task == system or task.startswith(f"{system}-")), None)
    known = load_stages(system) if system else {}
    if system is None or task not in known:
        every = [kind for name in systems for kind in load_stages(name)]
        raise UsageError(f"{path}: task {task!r} is not known; allowed: {', '.join(every)}")
    entry = StageEntry(name=path.stem, config=path.name)
    return Recipe(system, "int8", (_plan(path, entry, known, []),))


def _plan(path: Path, entry: StageEntry, known: Mapping[str, Stage], earlier: list[PlannedStage]) -> PlannedStage:
    where = f"{path}: stage {entry.name!r}"
    if entry.name in [stage.name for stage in earlier] or "/" in entry.name:
        raise UsageError(f"{where}: give each stage a name of its own, without a slash")
    if (entry.config is None) == (entry.stage is None):
        raise UsageError(f"{where}: give either 'config', a YAML file beside the recipe, or 'stage'")
    own = path.parent / entry.config if entry.config else path
    kind = str(read_yaml(own).get("task")) if entry.config else str(entry.stage)
    if kind not in known:
        raise UsageError(f"{where}: {kind!r} is no stage of this system; allowed: {', '.join(known)}")
    stage = known[kind]
    if entry.config:
        if entry.settings:
            raise UsageError(f"{where}: the settings are those of {entry.config}; leave 'settings' out")
        config = parse_config(own, stage.config)
    else:
        config = validate_config(where, {"task": kind, **entry.settings}, stage.config)
    return PlannedStage(entry.name, kind, config, _check_reads(where, entry, stage, earlier))


def _check_reads(where: str, entry: StageEntry, stage: Stage, earlier: list[PlannedStage]) -> dict[str, tuple[str, ...]]:
    """Return the names that each role reads, after checking that they are there and of the right kind. Raises UsageError."""
    given = {role: (names,) if isinstance(names, str) else names for role, names in entry.reads.items()}
    kinds = {planned.name: planned.kind for planned in earlier}
    for role, names in given.items():
        if role not in stage.reads:
            raise UsageError(f"{where}: it reads no {role!r}; allowed: {', '.join(stage.reads) or 'nothing'}")
        wanted = stage.reads[role]
        if len(names) != 1 and not wanted.several:
            raise UsageError(f"{where}: {role!r} is one stage, got {len(names)}")
        for name in names:
            if "/" not in name and name not in kinds:
                raise UsageError(f"{where}: {role!r}: no earlier stage is called {name!r}; allowed: {', '.join(kinds) or 'none'}")
            if "/" not in name and kinds[name] not in wanted.kinds:
                raise UsageError(f"{where}: {role!r}: {name!r} is a {kinds[name]!r}; allowed: {', '.join(wanted.kinds)}")
    missing = [role for role, wanted in stage.reads.items() if role not in given and not wanted.optional]
    if missing:
        raise UsageError(f"{where}: it reads {', '.join(map(repr, missing))}, which 'reads' does not name; run it as part of a recipe")
    return given
