"""What learnt from the other folds performs the pieces of each fold: the model of a fold is made here, as far as that is quick.

The networks of a fold are trained by ``perf-train --folds``, which takes hours and goes on where it was. What is fitted beside them, trees,
profile and calibration, is run here where it is not done or its settings have changed, and exported, so that what is measured is what a
performer plays.
"""

import json
import subprocess  # noqa: S404 (perf-export, which nothing imports)
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

from rich.console import Console
from rich.progress import track

from engine.base.errors import PerfLiveError, UsageError
from engine.systems import parts
from training.command import load_stages, networks_to_do, run_stages
from training.datasets.folds import Fold, begin_folds, read_folds
from training.evaluation.expressiveness.figures import Render, evaluate_piece
from training.evaluation.expressiveness.pieces import load_held_out_pieces
from training.evaluation.expressiveness.pooled import PooledPiece
from training.evaluation.expressiveness.renderers import check_performs_scores
from training.stages import write_json
from training.stages.recipe import read_recipe

RenderOf = Callable[[str, Path], Render]  # of a system's model
EXPORTED_FILE = "stages.json"  # in the folder of a model: the hash of each stage that it was exported from


class FoldedModels(NamedTuple):
    """The system, the model of each fold that is complete, and of the others, by number, the first stage that is waited for."""

    system: str
    models: dict[Fold, Path]
    waiting: dict[int, str]

    def __str__(self) -> str:
        complete = ", ".join(str(fold.number) for fold in self.models) or "none"
        count = len(self.models) + len(self.waiting)
        waits = "".join(f"; fold {number} waits for {stage!r}" for number, stage in self.waiting.items())
        return f"complete folds of {count}: {complete}{waits}"


def complete_folds(data: Path, folder: Path) -> FoldedModels:
    """Make the models of the folds in ``folder`` whose networks are done. Raises UsageError when there are none."""
    by, path, _ = read_folds(folder)
    folds = begin_folds(data, folder, by, path).folds
    recipe = read_recipe(path, parts("task"), load_stages)
    check_performs_scores(recipe.system)
    stages = load_stages(recipe.system)
    found = FoldedModels(recipe.system, {}, {})
    for fold in folds:
        if to_do := networks_to_do(recipe, stages, fold.run):
            found.waiting[fold.number] = to_do[0]
            continue
        print(f"fold {fold.number} of {len(folds)}", file=sys.stderr)
        done = run_stages(recipe, stages, fold.corpus, fold.run, folder.absolute().parent, threads=1)
        found.models[fold] = _exported(fold, {each.folder.name: each.hash for each in done})
    if not found.models:
        raise UsageError(f"--folds {str(folder)!r}: {found}; go on with perf-train {path} --data {data} --out {folder} --folds {by}")
    return found


def _exported(fold: Fold, hashes: dict[str, str]) -> Path:
    """Return the folder of the fold's model, exported anew where the run has changed. Raises PerfLiveError."""
    written = fold.model / EXPORTED_FILE
    if written.exists() and json.loads(written.read_text(encoding="utf-8")) == hashes:
        return fold.model
    call = [sys.executable, "-m", "export.command", str(fold.run), "-o", str(fold.model)]
    ended = subprocess.run(call, capture_output=True, text=True, check=False)  # noqa: S603
    if ended.returncode:
        raise PerfLiveError(f"{fold.run}: it cannot be exported ({ended.stderr.strip().rpartition(chr(10))[2]})")
    write_json(written, hashes)
    return fold.model


def perform_folds(folded: FoldedModels, render_of: RenderOf, seeds: Sequence[int], cache: Path, containing: str) -> list[PooledPiece]:
    """Return the held-out pieces with ``containing`` in their names of all complete folds, performed by what has not seen them.

    Raises UsageError when there are none.
    """
    found = []
    for fold, model in folded.models.items():
        render = render_of(folded.system, model)
        pieces = [piece for piece in load_held_out_pieces(fold.corpus, "held_out", cache) if containing in piece.name]
        for piece in track(pieces, f"fold {fold.number}, performing", console=Console(stderr=True)):
            found.append(PooledPiece(fold.number, piece.name, evaluate_piece(piece, render, seeds)))
    if not found:
        raise UsageError(f"--pieces {containing!r}: no held-out piece of the {folded} has that in its name; give another text")
    return found
