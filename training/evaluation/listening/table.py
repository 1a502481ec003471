"""What listeners say as tables for people, and as plain values for JSON."""

from typing import Any

from rich.console import Console
from rich.table import Table

from training.evaluation.listening.analysis import INSIDE, Estimate, Figures
from training.evaluation.listening.answers import QUESTIONS, Results

SHOWN = {"lifelike": "like a person, 1 to 5", "liking": "liked, 1 to 5"}
FEW = 12  # listeners


def print_figures(figures: Figures) -> None:
    listeners = "1 listener" if figures.listeners == 1 else f"{figures.listeners} listeners"
    title = f"{listeners}, {figures.excerpts} excerpts; {INSIDE}% intervals"
    table = _table(title, *(SHOWN[question] for question in QUESTIONS), f"taken for the human (chance {figures.chance:.0%})", "by chance")
    for source, taken in figures.taken.items():
        ratings = [_shown(figures.ratings[question][source]) for question in QUESTIONS]
        share = f"{taken.share:.0%} ({taken.low:.0%} to {taken.high:.0%})"
        table.add_row(source, *ratings, share, f"p = {taken.by_chance:.3f}")
    _print(table)
    table = _table("differences in the same excerpt by the same listener", *(SHOWN[question] for question in QUESTIONS))
    for pair in figures.differences[QUESTIONS[0]]:
        table.add_row(pair, *(_shown(figures.differences[question][pair], "+.2f") for question in QUESTIONS))
    _print(table)
    agreed = ", ".join(f"{question} {_known(figures.agreement[question])}" for question in QUESTIONS)
    sure = ", ".join(f"{name} {_known(value)}" for name, value in figures.confidence.items())
    print(f"agreement of listeners (Krippendorff's alpha, 1 is full): {agreed}; how sure, 1 to 5, where {sure}")
    if figures.listeners < FEW:
        print(f"Fewer than {FEW} listeners: the intervals say little about others.")


def _table(title: str, *columns: str) -> Table:
    table = Table(title=title, title_justify="left")
    table.add_column("")
    for column in columns:
        table.add_column(column, justify="right")
    return table


def _shown(estimate: Estimate, form: str = ".2f") -> str:
    return f"{estimate.mean:{form}} ({estimate.low:{form}} to {estimate.high:{form}})"


def _known(value: float | None) -> str:
    return "unknown" if value is None else f"{value:.2f}"


def _print(table: Table) -> None:
    Console(width=max(Console().width, 120)).print(table)


def as_plain(figures: Figures, results: Results, human: str) -> dict[str, Any]:
    """Return values for JSON: the figures, and of each listener the years of training and the share of humans that were found."""
    right = (results.person == results.sources.index(human)).mean(axis=1)
    rows = zip(results.listeners, results.years_of_training.tolist(), right.tolist(), strict=True)
    estimates = {
        name: {question: {source: each._asdict() for source, each in found.items()} for question, found in getattr(figures, name).items()}
        for name in ("ratings", "differences")
    }
    return {
        "listeners": [{"listener": name, "years_of_training": years, "share_right": share} for name, years, share in rows],
        "excerpts": figures.excerpts,
        "chance": figures.chance,
        **estimates,
        "taken": {source: each._asdict() for source, each in figures.taken.items()},
        "agreement": figures.agreement,
        "confidence": figures.confidence,
    }
