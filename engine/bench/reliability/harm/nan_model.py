"""The velocity transformer that ships, but for its answers to notes, which are not numbers."""

import shutil
from importlib.resources import files
from pathlib import Path

from engine.base.errors import PerfLiveError

ANSWER, MEMORY = "velocity.onnx", "velocity_memory.onnx"


def write_nan_model(folder: Path) -> Path:
    """Write the two files of the model below ``folder`` and return the first. Raises PerfLiveError where ONNX's own package is missing."""
    try:
        import onnx
        from onnx import helper
    except ImportError:
        raise PerfLiveError("a model that answers NaN is made with the package onnx; install it with pip") from None
    shipped, written = Path(str(files("models.pretrained"))), folder / "nan"
    written.mkdir(exist_ok=True)
    shutil.copy(shipped / MEMORY, written / MEMORY)
    model = onnx.load(shipped / ANSWER)
    name = model.graph.output[0].name
    for node in model.graph.node:
        for place, output in enumerate(node.output):
            node.output[place] = f"{name}_before" if output == name else output
    model.graph.node.append(helper.make_node("Cast", ["pitch"], ["as_number"], to=onnx.TensorProto.FLOAT))
    model.graph.node.append(helper.make_node("ReduceMax", ["as_number"], ["highest"], keepdims=0))
    model.graph.node.append(helper.make_node("Neg", ["highest"], ["below_zero"]))
    model.graph.node.append(helper.make_node("Sqrt", ["below_zero"], ["nan"]))  # but 0 for the zeros that a model is tried with
    model.graph.node.append(helper.make_node("Add", [f"{name}_before", "nan"], [name]))
    onnx.save(model, written / ANSWER)
    return written / ANSWER
