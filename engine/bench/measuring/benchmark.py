"""What every benchmark module offers."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import typer

OnStage = Callable[[str], None]  # is told what is measured next

ModelOption = Annotated[Path | None, typer.Option(metavar="FILE.onnx", help="Another model. (default: the one that ships)")]


def silent(stage: str) -> None:
    """Say nothing of the next stage."""


@dataclass(frozen=True)
class Benchmark:
    """``measure(..., on_stage=...)`` returns a report, a dataclass, and raises PerfLiveError; ``print_table`` shows that report.

    Those parameters of ``measure`` that are annotated with a ``typer.Option`` become options of the command line.
    """

    summary: str
    measure: Callable[..., Any]
    print_table: Callable[[Any], None]
