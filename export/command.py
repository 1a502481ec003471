"""``perf-export``: a checkpoint becomes a verified ONNX file, or no file."""

import importlib
import pickle
import sys
import tempfile
from contextlib import ExitStack
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import torch
import typer

from engine.base.command_line import run
from engine.base.configuration import read_yaml
from engine.base.errors import UsageError
from engine.base.files import whole_file
from export.four_bits import quantise_in_blocks
from export.graph import ExportSpec, write_graph
from export.quantise import quantise
from export.verify import Verification, verify_float, verify_quantised

# task -> module with ``build_specs(config, weights)``: the training configuration, and the checkpoint's tensors or None for random ones.
# It returns a system's graphs, each by what its file's name has at the end ("" and "_memory": velocity.onnx, velocity_memory.onnx).
SYSTEMS = {
    "velocity": "export.velocity",
    "dexter": "export.dexter",
    "dexter-denoiser": "export.dexter",
    "performance-rnn": "export.performance_rnn",
    "performance-net": "export.performance_net",
    "performance-net-solo": "export.performance_net",
    "score-performer": "export.score_performer",
}

app = typer.Typer(add_completion=False)


class Precision(StrEnum):
    float32 = "float32"
    int8 = "int8"


@app.command()
def export(
    source: Annotated[Path, typer.Argument(help="checkpoint of perf-train, or a configuration (.yaml) for random weights")],
    out: Annotated[Path, typer.Option("-o", "--out", help="ONNX file to write")],
    precision: Annotated[Precision, typer.Option(help="of the weights of matrix products")] = Precision.int8,
) -> None:
    """Export a model to ONNX, quantise it, verify it; a graph that does not verify leaves no file. Of several graphs each has its file."""
    torch.set_num_threads(1)
    with ExitStack() as stack:
        written = []
        for suffix, spec in _load(source).items():
            file = out.with_stem(out.stem + suffix)
            for line in export_verified(spec, stack.enter_context(whole_file(file)), precision.value):
                print(f"{file.name}: {line}")
            written.append(file)
    for file in written:
        print(f"{file}: {file.stat().st_size / 1e6:.2f} MB, {precision.value}, verified")


def export_verified(spec: ExportSpec, path: Path, precision: str) -> list[str]:
    """Write ``spec`` to ``path`` in ``precision``, or in float32 if it is to stay that, and verify it; return what was measured. Raises
    PerfLiveError when it does not verify.
    """
    if precision == "float32" or spec.quantised_difference is None:
        write_graph(spec, path)
        return [_describe("float32 against PyTorch", verify_float(spec, path))]
    with tempfile.TemporaryDirectory() as folder:
        float_path = Path(folder) / path.name
        write_graph(spec, float_path)
        float_line = _describe("float32 against PyTorch", verify_float(spec, float_path))
        if spec.in_four_bits is not None:
            quantise_in_blocks(float_path, path, spec.contract, spec.in_four_bits)
        else:
            quantise(float_path, path, spec.contract)
        return [float_line, _describe("int8 against float32", verify_quantised(spec, path, float_path))]


def _describe(pair: str, measured: Verification) -> str:
    return (
        f"{pair}, {measured.steps} steps: largest difference {measured.largest_difference:.2g}, "
        f"{measured.decision_agreement:.2%} of decisions equal, mean decision difference {measured.mean_decision_difference:.3f}"
    )


def _load(source: Path) -> dict[str, ExportSpec]:
    config, weights = (read_yaml(source), None) if source.suffix in (".yaml", ".yml") else _read_checkpoint(source)
    task = config.get("task")
    if task not in SYSTEMS:
        raise UsageError(f"{source}: task {task!r} cannot be exported; allowed: {', '.join(SYSTEMS)}")
    return importlib.import_module(SYSTEMS[task]).build_specs(config, weights)


def _read_checkpoint(source: Path) -> tuple[dict[str, Any], dict[str, torch.Tensor]]:
    try:
        checkpoint = torch.load(source, map_location="cpu", weights_only=True)
        return checkpoint["hyper_parameters"]["config"], checkpoint["state_dict"]
    except (OSError, RuntimeError, EOFError, KeyError, TypeError, pickle.UnpicklingError) as error:
        reason = getattr(error, "strerror", None) or type(error).__name__
        raise UsageError(f"{source}: not a checkpoint of perf-train ({reason}); give a .ckpt file, or a .yaml configuration") from error


def main() -> None:
    sys.exit(run(app, "perf-export"))
