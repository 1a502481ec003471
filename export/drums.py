"""What perf-export needs to know of the drummer's graphs: trees for whole grooves, for live pads, and for what is added; and of the
networks that draw strokes.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path

import lightgbm
import numpy as np

from engine.onnx.contract import UNCOUNTED, Contract, ControlRange, TensorSpec
from engine.performers.drums.controls import CONTROLS
from engine.performers.drums.networks import (
    ADDED_FILE,
    ADDED_SYSTEM,
    DRAWING_FILES,
    GROOVE_FILE,
    GROOVE_SYSTEM,
    LIVE_FILE,
    LIVE_SYSTEM,
)
from export.graph import DirectSpec
from export.trees import values_at_thresholds, write_trees
from models.drums import groove
from models.drums.added import ADDED_COLUMNS, AMOUNTS
from models.drums.drawing import DRAWN, FEATURES, Kind
from models.drums.representation import DRUMMERS, REPRESENTATION_VERSION, STYLES
from training.datasets.groove import LICENCE, TRAINING_DATA
from training.drums.added import read_added
from training.drums.boosting import predict
from training.drums.drawing import FITTED
from training.drums.stages import ADDED, DRAWING, DRUMS
from training.drums.task import kind_of, read_boosters
from training.stages import Done, Run

FILES: dict[Kind, tuple[str, str]] = {"groove": (GROOVE_FILE, GROOVE_SYSTEM), "live": (LIVE_FILE, LIVE_SYSTEM)}
TOLERANCE = 1e-4

Learnt = tuple[list[lightgbm.Booster], Mapping[str, list[float]]]  # trees by column, and what was fitted beside them


def build_specs(run: Run) -> dict[str, DirectSpec | Path]:
    """Return the graphs of a run, by file name: of the last trees and networks of each kind, and of what is added."""
    specs: dict[str, DirectSpec | Path] = {}
    for stage in run.all(DRUMS):
        kind = kind_of(stage.folder)
        learnt: Learnt = read_boosters(kind, stage.folder), {}
        specs[FILES[kind][0]] = trees_spec(stage, FILES[kind][1], FEATURES[kind], "likeliest", learnt, {"columns": list(DRAWN[kind])})
    for stage in run.all(DRAWING):
        specs |= {DRAWING_FILES[kind]: stage.folder / name for kind, name in FITTED.items() if name in stage.artefacts}
    for stage in run.all(ADDED):
        constants = {"columns": list(ADDED_COLUMNS), "amounts": list(AMOUNTS)}
        specs[ADDED_FILE] = trees_spec(stage, ADDED_SYSTEM, groove.FEATURES, "odds", read_added(stage.folder), constants)
    return specs


def trees_spec(
    stage: Done, system: str, features: Sequence[str], output: str, learnt: Learnt, constants: Mapping[str, object]
) -> DirectSpec:
    """Return the graph of a stage's trees, which is tried with values at their own thresholds and beside them."""
    boosters, fitted = learnt
    dumps = {column: booster.dump_model() for column, booster in enumerate(boosters)}
    contract = Contract(
        system=system,
        representation_version=REPRESENTATION_VERSION,
        inputs=(TensorSpec(name="features", shape=("strokes", len(features)), type="float32"),),
        outputs=(TensorSpec(name=output, shape=("strokes", len(boosters)), type="float32"),),
        controls=tuple(ControlRange(name=control.name, minimum=control.minimum, maximum=control.maximum) for control in CONTROLS),
        constants={
            "features": list(features),
            **constants,
            "styles": list(STYLES),
            "drummers": list(DRUMMERS),
            **{name: [round(each, 4) for each in numbers] for name, numbers in fitted.items()},
        },
        training_data=TRAINING_DATA,
        licence=LICENCE,
        configuration_hash=stage.hash,
        parameters=UNCOUNTED,
    )
    values = values_at_thresholds(dumps.values(), len(features))
    return DirectSpec(
        contract,
        write=lambda path: write_trees(dumps, contract, path),
        answer=lambda given: {output: predict(boosters, given["features"])},
        random_inputs=lambda rng, length: {"features": np.stack([rng.choice(each, length) for each in values], axis=1)},
        tolerance=TOLERANCE,
    )
