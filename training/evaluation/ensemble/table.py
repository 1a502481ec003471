"""Tables of percentiles, and of figures by row."""

from collections.abc import Mapping, Sequence

import numpy as np
from rich.console import Console
from rich.table import Table


def print_percentiles(title: str, rows: Mapping[str, Sequence[float]], percentiles: Sequence[int]) -> None:
    """Print how many values each row has and their percentiles; rows without values are left out."""
    shown = {
        name: [str(len(values)), *(f"{value:.0f}" for value in np.percentile(values, percentiles))]
        for name, values in rows.items()
        if len(values)
    }
    print_rows(title, ["n", *(f"{percentile}%" for percentile in percentiles)], shown)


def print_rows(title: str, columns: Sequence[str], rows: Mapping[str, Sequence[str]]) -> None:
    table = Table(title=title, title_justify="left")
    table.add_column("")
    for column in columns:
        table.add_column(column, justify="right")
    for name, cells in rows.items():
        table.add_row(name, *cells)
    Console(width=max(Console().width, 110)).print(table)
