"""ScorePerformer's three graphs in a few kilobytes, with the real interface, so that runtime tests need no weights.

Each performed field is likely near a value that depends on the score, on the style and on how loud the last notes were.
"""

from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from engine.onnx.contract import Contract, StateSpec, TensorSpec
from engine.performers.score_performer.networks import DECODER_SYSTEM, SCORE_SYSTEM, STEM, STYLE_SYSTEM, SUFFIXES
from models.performance.features import FEATURES
from models.score_performer.representation import REPRESENTATION_VERSION
from models.score_performer.sampling import VALUES
from models.score_performer.vocabulary import FIELD_NAMES, FIELDS, PERFORMED_FIELDS, TEMPO, VELOCITY

WIDTH, LATENTS, WINDOW, REMEMBERED = 6, (3, 2, 2, 1), 16, 4
STYLE, TOKENS = sum(LATENTS), len(FIELDS)
TYPES = {"float32": TensorProto.FLOAT, "int64": TensorProto.INT64, "bool": TensorProto.BOOL}
# Of each field the value that is likely on average, by how much that moves, and the deviation around it.
LIKELY = {
    "velocity": (64, 30, 4),
    "tempo": (100, 10, 3),
    "onset_deviation": (0, 0.1, 0.02),
    "performed_duration": (0.8, 0.3, 0.05),
    "pedal": (0.5, 0.4, 0.1),
    "pedal_between": (0.3, 0.3, 0.1),
    "pedal_change": (0.3, 0.2, 0.1),
    "pedal_return": (0.8, 0.2, 0.1),
}


def write_models(folder: Path) -> Path:
    """Write the graphs into ``folder``; return it."""
    folder.mkdir(exist_ok=True)
    random = np.random.default_rng(0)
    _write_score_reader(folder, random)
    _write_style_reader(folder, random)
    _write_decoder(folder, random)
    return folder


def _write_score_reader(folder, random):
    weights = {"pick": random.normal(0, 0.3, (len(FEATURES), WIDTH)), "expect": random.normal(0, 0.3, (WIDTH, STYLE))}
    weights |= {"quicken": np.full((WIDTH, 1), 0.1)}
    nodes = [
        helper.make_node("MatMul", ["features", "pick"], ["picked"]),
        helper.make_node("Tanh", ["picked"], ["felt"]),
        helper.make_node("Cast", ["tokens"], ["numbers"], to=TensorProto.FLOAT),
        helper.make_node("ReduceMean", ["numbers", "columns"], ["mean"], keepdims=1),
        helper.make_node("Mul", ["mean", "little"], ["touch"]),
        helper.make_node("Add", ["felt", "touch"], ["context"]),
        helper.make_node("MatMul", ["context", "expect"], ["expected_style"]),
        helper.make_node("MatMul", ["context", "quicken"], ["expected_tempo"]),
    ]
    weights |= {"columns": np.array([1]), "little": np.array([0.001])}
    inputs = [_by_note("tokens", TOKENS, "int64"), _by_note("features", len(FEATURES))]
    outputs = [_by_note("context", WIDTH), _by_note("expected_style", STYLE), _by_note("expected_tempo", 1)]
    _write(folder, SCORE_SYSTEM, inputs, outputs, [], nodes, weights, features=list(FEATURES))


def _write_style_reader(folder, random):
    nodes = [
        helper.make_node("Cast", ["tokens"], ["numbers"], to=TensorProto.FLOAT),
        helper.make_node("MatMul", ["numbers", "weights"], ["mixed"]),
        helper.make_node("Cast", ["segments"], ["places"], to=TensorProto.FLOAT),
        helper.make_node("MatMul", ["places", "by_place"], ["placed"]),
        helper.make_node("Add", ["mixed", "placed"], ["style"]),
    ]
    weights = {"weights": random.normal(0, 0.005, (TOKENS, STYLE)), "by_place": random.normal(0, 0.01, (3, STYLE))}
    inputs = [_by_note("tokens", TOKENS, "int64"), _by_note("segments", 3, "int64")]
    _write(folder, STYLE_SYSTEM, inputs, [_by_note("style", STYLE)], [], nodes, weights)


def _write_decoder(folder, random):
    """The cache has the velocity tokens of the last notes; the style's first number makes louder."""
    fields = {FIELD_NAMES[field]: FIELDS[field].values for field in PERFORMED_FIELDS}
    by_style = random.normal(0, 0.2, (STYLE, len(fields)))
    by_style[0, 0] = 1.0
    weights = {"by_context": random.normal(0, 0.4, (WIDTH, len(fields))), "by_style": by_style}
    weights |= {"velocity_token": np.eye(TOKENS, 1, -VELOCITY) / 64, "axis": np.array([0]), "last": np.array([-REMEMBERED])}
    weights |= {"end": np.array([2**31]), "axes": np.array([0, 1, 2]), "half": np.array([0.5]), "sizes": np.ones(len(fields), np.int64)}
    nodes = [
        helper.make_node("MatMul", ["context", "by_context"], ["of_score"]),
        helper.make_node("MatMul", ["style", "by_style"], ["of_style"]),
        helper.make_node("Add", ["of_score", "of_style"], ["both"]),
        helper.make_node("Cast", ["previous"], ["numbers"], to=TensorProto.FLOAT),
        helper.make_node("MatMul", ["numbers", "velocity_token"], ["loud"]),
        helper.make_node("Unsqueeze", ["loud", "axis"], ["row"]),
        helper.make_node("Concat", ["cache", "row"], ["longer"], axis=1),
        helper.make_node("Slice", ["longer", "last", "end", "one"], ["next_cache"]),
        helper.make_node("Cast", ["row"], ["true"], to=TensorProto.BOOL),
        helper.make_node("Reshape", ["true", "flat"], ["flags"]),
        helper.make_node("Concat", ["written", "flags"], ["more"], axis=0),
        helper.make_node("Slice", ["more", "last", "end"], ["next_written"]),
        helper.make_node("ReduceMean", ["next_cache", "axes"], ["memory"], keepdims=0),
        helper.make_node("Mul", ["memory", "half"], ["remembered"]),
        helper.make_node("Add", ["both", "remembered"], ["sum"]),
        helper.make_node("Tanh", ["sum"], ["moves"]),
        helper.make_node("Split", ["moves", "sizes"], [f"move_{name}" for name in fields], axis=1),
    ]
    weights |= {"one": np.array([1]), "flat": np.array([-1])}
    for name, values in fields.items():
        centre, reach, deviation = LIKELY[name]
        if name == FIELD_NAMES[TEMPO]:
            values = np.linspace(-1, 1, len(values)) * 100 + 100
        weights |= {f"values_{name}": values[None], f"centre_{name}": np.array([float(centre)])}
        weights |= {f"reach_{name}": np.array([float(reach)]), f"steep_{name}": np.array([-0.5 / deviation**2])}
        nodes += [
            helper.make_node("Mul", [f"move_{name}", f"reach_{name}"], [f"moved_{name}"]),
            helper.make_node("Add", [f"moved_{name}", f"centre_{name}"], [f"likely_{name}"]),
            helper.make_node("Sub", [f"values_{name}", f"likely_{name}"], [f"apart_{name}"]),
            helper.make_node("Mul", [f"apart_{name}", f"apart_{name}"], [f"square_{name}"]),
            helper.make_node("Mul", [f"square_{name}", f"steep_{name}"], [name]),
        ]
    nodes.append(helper.make_node("Concat", list(fields), ["logits"], axis=1))
    inputs = [_by_note("previous", TOKENS, "int64"), _by_note("context", WIDTH), _by_note("style", STYLE)]
    outputs = [_by_note("logits", VALUES)]
    state = [
        StateSpec(name="cache", shape=(1, REMEMBERED, 1), type="float32"),
        StateSpec(name="written", shape=(REMEMBERED,), type="bool"),
    ]
    _write(folder, DECODER_SYSTEM, inputs, outputs, state, nodes, weights)


def _write(folder, system, inputs, outputs, state, nodes, weights, **constants):
    contract = Contract(
        system=system,
        representation_version=REPRESENTATION_VERSION,
        inputs=tuple(inputs),
        outputs=tuple(outputs),
        state=tuple(state),
        constants={"window_notes": WINDOW, "latents": list(LATENTS)} | constants,
        training_data="none",
        licence="CC0-1.0",
        configuration_hash="0",
        parameters=0,
    )
    values = {name: value.astype(np.float32 if value.dtype.kind == "f" else np.int64) for name, value in weights.items()}
    graph = helper.make_graph(
        nodes,
        system,
        [helper.make_tensor_value_info(spec.name, TYPES[spec.type], list(spec.shape)) for spec in contract.graph_inputs()],
        [helper.make_tensor_value_info(spec.name, TYPES[spec.type], list(spec.shape)) for spec in contract.graph_outputs()],
        [numpy_helper.from_array(value, name) for name, value in values.items()],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=9)
    helper.set_model_props(model, contract.to_metadata())
    onnx.checker.check_model(model)
    (folder / f"{STEM}{SUFFIXES[system]}.onnx").write_bytes(model.SerializeToString())


def _by_note(name, width, type="float32"):
    return TensorSpec(name=name, shape=("notes", width), type=type)
