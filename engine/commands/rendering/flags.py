"""The options of perf-render for many files."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer

from engine.commands.rendering.jobs import Job
from engine.commands.rendering.memory import check_bounded
from engine.commands.rendering.processes import do_here, worker_count
from engine.commands.rendering.work import Outcome, Work

PANEL = "Many files"
LEAST_MEMORY_GIB = 0.25


@dataclass(frozen=True)
class BatchFlags:
    """How many files are performed, and where."""

    jobs: Annotated[
        int | None,
        typer.Option(
            "--jobs",
            metavar="NUMBER",
            min=1,
            help="How many files are performed at a time. (default: as many as there are cores, for some files each)",
            rich_help_panel=PANEL,
            show_default=False,
        ),
    ] = None
    manifest: Annotated[
        Path | None,
        typer.Option(
            "--manifest",
            metavar="FILE.jsonl",
            help="What became of each file is written there, and what it says is done is left out.",
            rich_help_panel=PANEL,
        ),
    ] = None
    memory_gib: Annotated[
        float | None,
        typer.Option(
            "--memory",
            metavar="GIB",
            min=LEAST_MEMORY_GIB,
            help="What each of them may occupy; a file that needs more is named and left out. (Linux)",
            rich_help_panel=PANEL,
        ),
    ] = None
    ray: Annotated[
        str | None,
        typer.Option(
            "--ray",
            metavar="ADDRESS|local",
            help="Perform them on the Ray cluster at HOST:PORT, or on one of this machine's own.",
            rich_help_panel=PANEL,
        ),
    ] = None

    def check(self) -> None:
        """Raise UsageError for what this system cannot do."""
        check_bounded(self.memory_gib)

    def do(self, work: Work, jobs: Sequence[Job]) -> Iterator[Outcome]:
        """Perform the files and yield what became of each. Raises as ``do_here`` and ``do_on_cluster``."""
        if self.ray is None or not jobs:
            return do_here(work, jobs, worker_count(len(jobs), self.jobs))
        from engine.commands.rendering.cluster import do_on_cluster

        return do_on_cluster(work, jobs, self.ray, self.jobs)
