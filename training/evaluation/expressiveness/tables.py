"""The figures of ``perf-eval expressiveness`` as tables for people, and as plain values for JSON."""

import math
from collections.abc import Sequence

from rich.console import Console
from rich.table import Table

from training.evaluation.expressiveness import classic_attributes
from training.evaluation.expressiveness.figures import HUMANS, Figures, Row
from training.metrics.expressiveness import AMOUNTS, CURVES, DISTRIBUTIONS
from training.metrics.pedal_gestures import GESTURES

Summary = dict[str, dict[str, Figures]]


def print_summary(summary: Summary) -> None:
    with_one_human = summary[HUMANS]["with_one_human"]
    rows = {f"{HUMANS}, one with the others' mean": summary[HUMANS]["correlation"], f"{HUMANS}, one with one other": with_one_human}
    rows |= {label: row["correlation"] for label, row in summary.items() if label != HUMANS}
    print_rows("correlation with the humans' mean, the mean over pieces", rows, CURVES)
    ratios = {label: row["amount_ratio"] for label, row in summary.items() if label != HUMANS}
    print_rows("amount of expression: humans, and ratio to them", {HUMANS: summary[HUMANS]["amount"]} | ratios, AMOUNTS)
    for group, title in (("distance", "Jensen-Shannon distance to humans (0 is best)"), ("overlap", "overlap with humans (1 is best)")):
        print_rows(f"distributions, all pieces together: {title}", {label: row[group] for label, row in summary.items()}, DISTRIBUTIONS)
    sampled = {label: row for label, row in summary.items() if "apart" in row and label != HUMANS}
    if sampled:
        rows = {label: row["share_of_human"] for label, row in sampled.items()}
        print_rows("correlation with one human, as a share of one human's with one other", rows, CURVES)
        rows = {label: row["apart_ratio"] for label, row in sampled.items()}
        print_rows("how far apart seeds are, as a share of how far apart humans are", rows, CURVES)
    rows = {label: row["gesture"] for label, row in summary.items()}
    title = "pedal: presses and lifts within 60 ms of one human's (F-measure), and the share of time between up and down"
    print_rows(title, rows, GESTURES)
    columns = (*classic_attributes.CURVES, *classic_attributes.AGREEMENTS)
    rows = {label: row["attributes"] for label, row in summary.items()}
    print_rows("attributes of the DExter paper: correlation with one human; agreement within a performance", rows, columns)
    deviations = [f"{name}_deviation" for name in classic_attributes.CURVES]
    print_rows("attributes of the DExter paper: mean absolute difference from one human, in standard deviations", rows, deviations)


def print_pieces(names: Sequence[str], pieces: Sequence[dict[str, Row]]) -> None:
    for label in dict.fromkeys(label for piece in pieces for label in piece):
        rows = {name: piece[label].figures["correlation"] for name, piece in zip(names, pieces, strict=True) if label in piece}
        print_rows(f"{label}: correlation with the humans' mean", rows, CURVES)


def print_rows(title: str, rows: dict[str, Figures], columns: Sequence[str]) -> None:
    table = Table(title=title, title_justify="left")
    table.add_column("")
    for column in columns:
        table.add_column(column.replace("_", " "), justify="right")
    for label, figures in rows.items():
        table.add_row(label, *(_shown(figures[column]) for column in columns))
    Console(width=max(Console().width, 150)).print(table)


def _shown(figure: float) -> str:
    return "" if math.isnan(figure) else f"{figure:.3f}"


def as_plain(names: Sequence[str], pieces: Sequence[dict[str, Row]], summary: Summary) -> dict[str, object]:
    """Return values for JSON: figures that are not known are null."""
    by_piece = {name: {label: _without_nan(row.figures) for label, row in piece.items()} for name, piece in zip(names, pieces, strict=True)}
    return {"overall": {label: _without_nan(row) for label, row in summary.items()}, "pieces": by_piece}


def _without_nan(groups: dict[str, Figures]) -> dict[str, dict[str, float | None]]:
    return {group: {name: None if math.isnan(value) else value for name, value in figures.items()} for group, figures in groups.items()}
