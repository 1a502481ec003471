"""What listeners say, as points with their intervals."""

from pathlib import Path

from engine.base.files import whole_file
from engine.base.matplotlib_loader import load_matplotlib
from training.evaluation.listening.analysis import Figures
from training.evaluation.listening.answers import QUESTIONS
from training.evaluation.listening.table import SHOWN


def draw_figures(path: Path, figures: Figures) -> None:
    """Write a picture of ratings and of who was taken for the human. Raises PerfLiveError when it cannot be written."""
    load_matplotlib()
    from matplotlib.figure import Figure

    sources = list(figures.taken)
    panels = {SHOWN[question]: [figures.ratings[question][source][:3] for source in sources] for question in QUESTIONS}
    panels["taken for the human"] = [figures.taken[source][1:4] for source in sources]
    figure = Figure(figsize=(11, 1.2 + 0.5 * len(sources)), layout="constrained")
    for axis, (title, values) in zip(figure.subplots(1, len(panels), sharey=True), panels.items(), strict=True):
        for place, (value, low, high) in enumerate(values):
            axis.errorbar(value, place, xerr=[[value - low], [high - value]], fmt="o", color="tab:blue", capsize=4)
        axis.set_title(title, fontsize=10)
        axis.set_xlim((1, 5) if title in SHOWN.values() else (0, 1))
        axis.grid(axis="x", alpha=0.3)
        axis.set_yticks(range(len(sources)), sources)
    axis.axvline(figures.chance, color="gray", linestyle="--", label="chance")
    axis.legend(fontsize=8)
    axis.invert_yaxis()
    with whole_file(path) as temporary:
        figure.savefig(temporary, dpi=110)
