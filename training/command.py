"""``perf-train``: run the stages of a recipe, from a corpus to what perf-export turns into ONNX files."""

import json
import sys
from collections.abc import Mapping, Sequence
from contextlib import redirect_stdout
from pathlib import Path
from typing import Annotated

import torch
import typer
from rich.console import Console
from rich.table import Table

from engine.base.command_line import run, single_command
from engine.base.errors import PerfLiveError, UsageError
from engine.base.files import make_folder
from engine.base.on_demand import load_object
from engine.systems import parts
from training.datasets.folds import FoldsBy, begin_folds
from training.runs.processes import first_alone, join, process, wait_for_all
from training.runs.report import REPORT, repeating, write_report
from training.stages import RECIPE_FILE, Done, Stage, Work, begin, done_as, read_done, stage_hash, write_json
from training.stages.recipe import PlannedStage, Recipe, read_recipe


def load_stages(system: str) -> Mapping[str, Stage]:
    """Return the stages of a system, by task."""
    stages: Mapping[str, Stage] = load_object(parts("task")[system])
    return stages


def train(
    recipe: Annotated[Path, typer.Argument(help="recipe, as configs/dexter/shipped.yaml, or YAML file of one stage")],
    data: Annotated[Path, typer.Option("--data", help="folder of the unpacked corpus")],
    out: Annotated[Path, typer.Option("--out", help="folder of the run: a folder a stage; what is done there is not done again")],
    threads: Annotated[int, typer.Option("--threads", min=1, help="processor threads")] = 1,
    cache: Annotated[
        Path | None, typer.Option("--cache", help="folder for what is read from the corpus (default: the one that --out is in)")
    ] = None,
    folds: Annotated[
        FoldsBy | None,
        typer.Option("--folds", help="run it five times, each without a fifth of the works, or composers, in folders of --out"),
    ] = None,
) -> None:
    """Run the stages of a recipe that are not done. Given again, an interrupted command goes on from its last checkpoint."""
    planned = read_recipe(recipe, parts("task"), load_stages)
    if not data.is_dir():
        raise UsageError(f"--data {str(data)!r}: there is no such folder; give that of the unpacked corpus")
    torch.set_num_threads(threads)
    join()
    cache = cache or out.absolute().parent
    for folder in (out, cache):
        make_folder(folder)
    stages = load_stages(planned.system)
    options = ["--data", data, "--out", out, *(["--threads", threads] if threads > 1 else []), *(["--folds", folds] if folds else [])]
    command = repeating([recipe, *options])
    if folds is None:
        report(out, command, planned.system, run_stages(planned, stages, data, out, cache, threads))
        return
    with first_alone():
        begun = begin_folds(data, out, folds, recipe).folds
    for fold in begun:
        if not process():
            print(f"fold {fold.number} of {len(begun)}", file=sys.stderr)
        make_folder(fold.run)
        report(fold.run, command, planned.system, run_stages(planned, stages, fold.corpus, fold.run, cache, threads))


def report(out: Path, command: str, system: str, done: Sequence[Done]) -> None:
    """Write the report of a run, in the first process."""
    if not process():
        write_report(out, system, command, done)
        print(f"report: {out / REPORT}", file=sys.stderr)


def run_stages(recipe: Recipe, stages: Mapping[str, Stage], data: Path, out: Path, cache: Path, threads: int) -> list[Done]:
    """Run what is not done in the run ``out``, and print a table of all of it.

    Of several processes all train the networks, and the first one alone does and prints the rest.
    """
    with first_alone():
        _check_same_system(out, recipe.system)
        told = {"system": recipe.system, "precision": recipe.precision, "stages": {stage.name: stage.reads for stage in recipe.stages}}
        write_json(out / RECIPE_FILE, told)
    console, finished = Console(stderr=True, quiet=process() > 0), dict[str, Done]()
    for number, planned in enumerate(recipe.stages, start=1):
        reads = {role: tuple(_find(name, finished, planned, out) for name in names) for role, names in planned.reads.items()}
        hash_ = stage_hash(planned.kind, planned.config, reads)
        done = done_as(hash_, out / planned.name)
        console.print(f"stage {number} of {len(recipe.stages)}, {planned.name}: {'done before' if done else planned.kind}", highlight=False)
        if done is None:
            work = Work(data, out / planned.name, cache, {role: tuple(d.folder for d in each) for role, each in reads.items()}, threads)
            done = _run_stage(planned, stages[planned.kind], hash_, work)
        finished[planned.name] = done
    Console(quiet=process() > 0).print(_table(finished))
    return list(finished.values())


def _run_stage(planned: PlannedStage, stage: Stage, hash_: str, work: Work) -> Done:
    """Run a stage in the first process, and in the others as well when it trains a network."""
    wait_for_all()  # none finds the stage done that another begins
    if process() == 0:
        with begin(work.folder, planned.kind, planned.config, hash_) as finish:
            wait_for_all()  # the folder is prepared
            done = finish(stage.run(planned.config, work))
        wait_for_all()
        return done
    wait_for_all()
    if stage.is_network:
        with redirect_stdout(None):
            stage.run(planned.config, work)
    wait_for_all()
    noted = read_done(work.folder)
    if noted is None:
        raise PerfLiveError(f"{work.folder}: what the first process noted there is not to be seen; give an --out that all machines share")
    return noted


def networks_to_do(recipe: Recipe, stages: Mapping[str, Stage], out: Path) -> list[str]:
    """Return the names of the stages that train networks and are not done in the run ``out``."""
    finished, waiting = dict[str, Done](), list[str]()
    for planned in recipe.stages:
        if any(name in waiting for names in planned.reads.values() for name in names):
            found = None
        else:
            reads = {role: tuple(_find(name, finished, planned, out) for name in names) for role, names in planned.reads.items()}
            found = done_as(stage_hash(planned.kind, planned.config, reads), out / planned.name)
        if found:
            finished[planned.name] = found
        else:
            waiting.append(planned.name)
    return [planned.name for planned in recipe.stages if planned.name in waiting and stages[planned.kind].is_network]


def _check_same_system(out: Path, system: str) -> None:
    """Raise UsageError when the folder of a run is another system's."""
    path = out / RECIPE_FILE
    try:
        before = json.loads(path.read_text(encoding="utf-8"))["system"]
    except (OSError, ValueError, KeyError, TypeError):
        return
    if before != system:
        raise UsageError(f"--out {str(out)!r}: the run of {before!r} is there, and the recipe is {system!r}'s; give another folder")


def _find(name: str, finished: Mapping[str, Done], planned: PlannedStage, out: Path) -> Done:
    """Return the stage of this run, or of another one, that is called ``name``. Raises UsageError when that is not done."""
    if "/" not in name:
        return finished[name]
    done = read_done(out / name)
    if done is None:
        raise UsageError(f"stage {planned.name!r} reads {str(out / name)!r}, where no stage is done; run the recipe that makes it first")
    return done


def _table(finished: Mapping[str, Done]) -> Table:
    table = Table("stage", "seconds", "figure", "artefacts", title=None)
    for name, done in finished.items():
        table.add_row(name, f"{done.seconds:.1f}", done.figure, ", ".join(done.artefacts))
    return table


app = single_command(
    train,
    "perf-train configs/velocity/tiny.yaml --data asap --out runs/tiny",
    "perf-train configs/dexter/shipped.yaml --data asap --out runs/dexter --threads 2",
    "perf-train configs/dexter/mean.yaml --data asap --out runs/mean",
)


def main() -> int:
    return run(app, "perf-train")


if __name__ == "__main__":
    sys.exit(main())
