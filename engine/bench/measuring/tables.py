"""What the tables of several benchmarks have in common."""

from collections.abc import Mapping

from rich.console import Console
from rich.table import Table

from engine.bench.measuring.figures import Distribution
from engine.bench.measuring.machine import Machine
from engine.bench.measuring.timing import Cost, Timed

DISTRIBUTION = ("number", "median", "99th percentile", "largest")  # columns


def new_table(first: str, *columns: str) -> Table:
    """Return a table whose columns are set to the right, but for the first."""
    table = Table(first)
    for column in columns:
        table.add_column(column, justify="right")
    return table


def add_distribution(table: Table, title: str, figures: Distribution | None, otherwise: str = "none", last: str = "") -> None:
    """Add a row with the columns of DISTRIBUTION, and ``last`` in one more; ``otherwise`` says why there are no figures."""
    if figures is None:
        table.add_row(title, otherwise)
        return
    values = (f"{value:.3f}" for value in (figures.median_ms, figures.p99_ms, figures.maximum_ms))
    table.add_row(title, str(figures.count), *values, *([last] if last else []))


def add_timed(table: Table, title: str, timed: Timed) -> None:
    if timed.paced is None:
        add_distribution(table, title, timed.hot)
        return
    add_distribution(table, f"{title}, hot", timed.hot)
    add_distribution(table, f"{title}, paced", timed.paced)


def print_head(console: Console, machine: Machine, system: str = "", precision: str = "", parameters: int = 0) -> None:
    """Say what was measured, a model of a system or several, and on which machine."""
    if system:
        console.print(f"{system}, {precision}, {parameters} parameters", soft_wrap=True)
    load = "unknown" if machine.load is None else f"{machine.load:g}"
    told = f"{machine.processor}, {machine.cores} cores, {machine.system}, Python {machine.python}; load before: {load}"
    console.print(told, soft_wrap=True)


def print_cost(console: Console, cost: Cost, on_one_core: bool, others: Mapping[str, Timed | None] | None = None) -> None:
    """Print what a note or an event costs, beside ``others`` that were timed, by name."""
    unit, run = cost.unit, cost.long_run
    table = new_table(f"one {unit}, {cores(on_one_core)}, milliseconds", *DISTRIBUTION)
    add_timed(table, "model step", cost.step)
    add_timed(table, unit, cost.whole)
    for name, timed in (others or {}).items():
        if timed:
            add_timed(table, name, timed)
    console.print(table)
    music = "" if run.minutes is None else f", {run.minutes:g} minutes"
    tenths = f"{run.first_tenth_ms:.3f} ms a {unit} in the first tenth, {run.last_tenth_ms:.3f} in the last: ratio {run.last_to_first:g}"
    console.print(f"{run.count} {unit}s{music}: {tenths}; memory grew by {run.memory_growth_mb:g} MB", soft_wrap=True)


def cores(on_one_core: bool) -> str:
    return "on one core" if on_one_core else "on any core"


def share(part: float | None) -> str:
    """Return a share, 0 to 1, in percent; None is one that the system does not tell."""
    return "unknown" if part is None else f"{part:.2%}"


def megabytes(size_mb: float | None) -> str:
    """Return a size in words, "unknown" where the system does not tell."""
    return "unknown" if size_mb is None else f"{size_mb:.0f} MB"


def word(value: int | bool) -> str:
    return ("yes" if value else "no") if isinstance(value, bool) else str(value)
