"""What perf-export needs to know of the drummer's graphs: trees for whole grooves and for live pads."""

import numpy as np

from engine.onnx.contract import UNCOUNTED, Contract, ControlRange, TensorSpec
from engine.performers.drums.controls import CONTROLS
from engine.performers.drums.networks import GROOVE_SYSTEM, LIVE_SYSTEM
from export.graph import DirectSpec
from export.trees import values_at_thresholds, write_trees
from models.drums.representation import DRUMMERS, LEVELS, REPRESENTATION_VERSION, STYLES
from training.datasets.groove import LICENCE, TRAINING_DATA
from training.drums.data import Kind
from training.drums.stages import DRUMS
from training.drums.task import COLUMNS, FEATURES, kind_of, predict, read_boosters
from training.stages import Done, Run

FILES: dict[Kind, tuple[str, str]] = {"groove": ("drums_groove.onnx", GROOVE_SYSTEM), "live": ("drums_live.onnx", LIVE_SYSTEM)}
TOLERANCE = 1e-4


def build_specs(run: Run) -> dict[str, DirectSpec]:
    """Return the graphs of a run, by file name: of the last trees of each kind."""
    return {FILES[kind][0]: trees_spec(stage, kind) for stage in run.all(DRUMS) for kind in (kind_of(stage.folder),)}


def trees_spec(stage: Done, kind: Kind) -> DirectSpec:
    """Return the graph of a stage's trees, which is tried with values at their own thresholds and beside them."""
    boosters, noise = read_boosters(kind, stage.folder)
    dumps = {column: booster.dump_model() for column, booster in enumerate(boosters)}
    features = FEATURES[kind]
    contract = Contract(
        system=FILES[kind][1],
        representation_version=REPRESENTATION_VERSION,
        inputs=(TensorSpec(name="features", shape=("strokes", len(features)), type="float32"),),
        outputs=(TensorSpec(name="quantiles", shape=("strokes", len(COLUMNS[kind])), type="float32"),),
        controls=tuple(ControlRange(name=control.name, minimum=control.minimum, maximum=control.maximum) for control in CONTROLS),
        constants={
            "features": list(features),
            "columns": list(COLUMNS[kind]),
            "levels": list(LEVELS),
            "styles": list(STYLES),
            "drummers": list(DRUMMERS),
            **{name: [round(share, 4) for share in shares] for name, shares in noise.items()},
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
        answer=lambda given: {"quantiles": predict(boosters, given["features"])},
        random_inputs=lambda rng, length: {"features": np.stack([rng.choice(each, length) for each in values], axis=1)},
        tolerance=TOLERANCE,
    )
