"""``perf-eval data``: what there is to learn from in the corpora, read into the cache that training uses."""

from pathlib import Path
from typing import Annotated

import typer

from engine.base.errors import UsageError
from training.datasets.aligned import Alignment, asap_alignments, load_aligned, vienna_alignments
from training.datasets.asap import Split
from training.datasets.atepp import atepp_alignments

SPLITS: tuple[Split, ...] = ("train", "validation")


def data(
    asap: Annotated[Path | None, typer.Option("--asap", help="folder of the unpacked (n)ASAP corpus")] = None,
    vienna: Annotated[Path | None, typer.Option("--vienna", help="folder of the unpacked Vienna 4x22 corpus")] = None,
    atepp: Annotated[Path | None, typer.Option("--atepp", help="folder with ATEPP-metadata-*.csv")] = None,
    splits: Annotated[Path | None, typer.Option("--splits", help="JSON file of ATEPP's train and validation movements")] = None,
    cache: Annotated[Path, typer.Option("--cache", help="folder to keep what was read in")] = Path("runs/aligned"),
) -> None:
    """The aligned performances: pieces, notes, coverage, and what was left out and why. The first time reads for minutes."""
    if splits and not atepp:
        raise UsageError("--splits is for --atepp; give both, or neither")
    corpora: list[tuple[str, list[Alignment]]] = []
    if asap:
        corpora += [(f"(n)ASAP, {split}", asap_alignments(asap, split)) for split in SPLITS]
    if vienna:
        corpora.append(("Vienna 4x22", vienna_alignments(vienna)))
    if atepp:
        corpora += [(f"ATEPP, {split}", atepp_alignments(atepp, split, splits)) for split in SPLITS]
    if not corpora:
        raise UsageError("no corpus given; give one or more of --asap, --vienna, --atepp")
    for name, alignments in corpora:
        _, report = load_aligned(alignments, cache)
        print(f"{name}: {report}")
