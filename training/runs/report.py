"""The report of a run: the command that repeats it, what each stage took and reached, and the curves of the networks as pictures."""

import shlex
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path

from engine.base.files import whole_file
from engine.base.matplotlib_loader import load_matplotlib
from training.runs.curves import Curve, read_curves
from training.runs.processes import processes, processes_here
from training.stages import Done

REPORT, PICTURE = "report.md", "curves.png"
MOST_NAMED = 10  # curves in one panel that the legend names


def repeating(arguments: Sequence[object]) -> str:
    """Return the command line of perf-train with these arguments, as it is given to as many processes as now."""
    machines = processes() // processes_here()
    nodes = ["--nnodes", machines] if machines > 1 else []
    torchrun = ["torchrun", *nodes, "--nproc-per-node", processes_here(), "-m", "training.command"]
    return shlex.join(str(each) for each in [*(torchrun if processes() > 1 else ["perf-train"]), *arguments])


def write_report(run_folder: Path, system: str, command: str, stages: Sequence[Done]) -> None:
    """Write ``report.md`` into a run, and ``curves.png`` into the folder of each of its stages that trained a network."""
    lines = [f"# Training of {system}", "", "The command that repeats it:", "", "```sh", command, "```", ""]
    lines += ["| stage | what | seconds | figure | artefacts |", "|---|---|---|---|---|"]
    for stage in stages:
        folder, artefacts = stage.folder.name, ", ".join(stage.artefacts)
        lines.append(f"| [{folder}]({folder}/stage.json) | {stage.kind} | {stage.seconds:.1f} | {stage.figure} | {artefacts} |")
    for stage in stages:
        if curves := read_curves(stage.folder):
            draw_curves(curves, stage.figure.partition(" ")[0], stage.folder / PICTURE)
            last = max(int(curve.steps[-1]) for curve in curves.values())
            lines += ["", f"## {stage.folder.name}", "", f"![Curves over {last} steps]({stage.folder.name}/{PICTURE})"]
    used = ", ".join(f"{name} {version(name)}" for name in ("perf-live", "torch", "lightning", "lightgbm", "numpy"))
    lines += ["", f"The settings of each stage stand in its `stage.json`. Made with {used}."]
    with whole_file(run_folder / REPORT) as partial:
        partial.write_text("\n".join(lines) + "\n", encoding="utf-8")


def draw_curves(curves: dict[str, Curve], main: str, path: Path) -> None:
    """Draw losses and other figures, each in a panel, over steps; the ``main`` figure is drawn thick."""
    load_matplotlib()
    from matplotlib.figure import Figure

    losses = {name: curve for name, curve in curves.items() if "loss" in name}
    others = {name: curve for name, curve in curves.items() if name not in losses}
    panels = [(title, found) for title, found in (("losses", losses), ("other figures", others)) if found]
    figure = Figure(figsize=(9, 3.6 * len(panels)), layout="constrained")
    for axes, (title, found) in zip(figure.subplots(len(panels), squeeze=False)[:, 0], panels, strict=True):
        for number, (name, curve) in enumerate(found.items()):
            label = name if number < MOST_NAMED or name == main else None
            marker = "." if len(curve.steps) < 40 else ""
            axes.plot(curve.steps, curve.values, label=label, linewidth=2.4 if name == main else 1.0, marker=marker)
        axes.set(title=title, xlabel="step")
        axes.grid(alpha=0.3)
        axes.legend(fontsize="small", loc="center left", bbox_to_anchor=(1, 0.5))
    with whole_file(path) as partial:
        figure.savefig(partial, format="png", metadata={"Software": None})
