"""``perf-export``: a run of perf-train becomes the verified ONNX files of its system, or no file."""

import os
import shutil
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated

import torch
import typer

from engine.base.command_line import run, single_command
from engine.base.errors import UsageError
from engine.base.files import check_folder, check_writable, make_folder
from engine.base.on_demand import load_object
from engine.systems import parts
from export.four_bits import quantise_in_blocks
from export.graph import DirectSpec, Spec, write_graph
from export.quantise import quantise
from export.verify import Verification, verify_direct, verify_float, verify_quantised
from training.stages import Precision, read_run


def export(
    source: Annotated[Path, typer.Argument(metavar="RUN", help="folder of a run of perf-train")],
    out: Annotated[Path, typer.Option("-o", "--out", help="folder for the files")],
    precision: Annotated[Precision | None, typer.Option(help="of the weights of matrix products (default: what the recipe says)")] = None,
) -> None:
    """Export all graphs of a run to ONNX, quantise and verify them. Where one does not verify, no file is left."""
    torch.set_num_threads(1)
    trained = read_run(source)
    exporters = parts("exporter")
    if trained.system not in exporters:
        raise UsageError(f"{source}: the system {trained.system!r} cannot be exported; allowed: {', '.join(exporters)}")
    specs = load_object(exporters[trained.system])(trained)
    if not specs:
        raise UsageError(f"{source}: no stage of this run makes a file of {trained.system!r}; train one that does")
    export_all(specs, out, precision or trained.precision)


def export_all(specs: Mapping[str, Spec | Path], out: Path, precision: Precision) -> None:
    """Write what ``specs`` names into the folder ``out``: all of it, or nothing where one does not verify. Raises PerfLiveError."""
    make_folder(out)
    check_folder(out)
    for name in specs:
        check_writable(out / name)
    with tempfile.TemporaryDirectory(dir=out, prefix=".export-") as folder:
        for name, spec in specs.items():
            if isinstance(spec, Path):
                shutil.copyfile(spec, Path(folder) / name)
                continue
            for line in export_verified(spec, Path(folder) / name, precision):
                print(f"{name}: {line}", flush=True)
        for name in specs:
            os.replace(Path(folder) / name, out / name)
    for name in specs:
        print(f"{out / name}: {(out / name).stat().st_size / 1e6:.2f} MB")


def export_verified(spec: Spec, path: Path, precision: Precision) -> list[str]:
    """Write ``spec`` to ``path`` in ``precision``, or in float32 if it is to stay that, and verify it; return what was measured. Raises
    PerfLiveError when it does not verify.
    """
    if isinstance(spec, DirectSpec):
        spec.write(path)
        found = verify_direct(spec, path)
        return [f"float32 against what was fitted, {found.steps} steps: largest difference {found.largest_difference:.2g}"]
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
            quantise(float_path, path, spec.contract, spec.by_channel)
        return [float_line, _describe("int8 against float32", verify_quantised(spec, path, float_path))]


def _describe(pair: str, measured: Verification) -> str:
    return (
        f"{pair}, {measured.steps} steps: largest difference {measured.largest_difference:.2g}, "
        f"{measured.decision_agreement:.2%} of decisions equal, mean decision difference {measured.mean_decision_difference:.3f}"
    )


app = single_command(
    export,
    "perf-export runs/velocity -o my_velocity",
    "perf-export runs/dexter -o my_dexter",
    "perf-export runs/performance_rnn -o my_partner --precision float32",
)


def main() -> None:
    sys.exit(run(app, "perf-export"))


if __name__ == "__main__":
    main()
