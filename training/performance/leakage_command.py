"""The command ``perf-eval leakage``."""

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import track
from rich.table import Table

from engine.base.errors import PerfLiveError, UsageError
from engine.base.files import MIDI_SUFFIXES, NOTATION_SUFFIXES
from training.performance.same_work import Work, find_alike, harmony_pieces, melody_pieces, read_notes

SCORE_AS_MIDI = "midi_score.mid"  # of (n)ASAP, beside what was performed


def leakage(
    corpora: Annotated[list[str], typer.Argument(metavar="NAME=FOLDER...", help="corpora, each with a name")],
    within: Annotated[bool, typer.Option("--within", help="works of one corpus beside each other as well")] = False,
) -> None:
    """The same works in two corpora, under whatever titles, found by melody and harmony: what was trained on must not be tested on.

    Of each sub folder the scores are read, a midi_score.mid before others; where there are none, the MIDI files.
    """
    works = []
    for name, folder in _named(corpora):
        paths = list(_scores(folder))
        if not paths:
            raise UsageError(f"{name}: {str(folder)!r} has neither scores nor MIDI files; give the folder of an unpacked corpus")
        read = [_read(name, folder, path) for path in track(paths, f"reading {name}", console=Console(stderr=True))]
        works += [work for work in read if work]
        print(f"{name}: {sum(work is not None for work in read)} of {len(paths)} works read")
    found = find_alike(works, corpora_apart=not within)
    table = Table("one", "the other", "melody", "harmony")
    for each in found:
        names = (f"{work.corpus}: {work.title}" for work in (each.first, each.second))
        table.add_row(*names, f"{each.melody:.0%}", f"{each.harmony:.0%}")
    print(f"{len(found)} pairs are the same work, or have passages in common:" if found else "no two are the same work")
    if found:
        Console(width=160 if not sys.stdout.isatty() else None).print(table)


def _named(corpora: list[str]) -> Iterator[tuple[str, Path]]:
    names = set()
    for given in corpora:
        name, _, folder = given.partition("=")
        if not folder or not Path(folder).is_dir():
            raise UsageError(f"{given!r}: not a name and a folder that is there; give them as asap=FOLDER")
        if name in names:
            raise UsageError(f"{given!r}: two corpora are called {name!r}; give each a name of its own")
        names.add(name)
        yield name, Path(folder)


def _scores(folder: Path) -> Iterator[Path]:
    for place in sorted({folder, *(path for path in folder.rglob("*") if path.is_dir())}):
        files = sorted(path for path in place.iterdir() if path.is_file())
        notations = [path for path in files if path.suffix.lower() in NOTATION_SUFFIXES]
        as_midi = [path for path in files if path.name == SCORE_AS_MIDI]
        yield from as_midi or notations or [path for path in files if path.suffix.lower() in MIDI_SUFFIXES]


def _read(corpus: str, folder: Path, path: Path) -> Work | None:
    """Return a work; None, said on standard error, when its file cannot be read."""
    try:
        notes = read_notes(path)
    except PerfLiveError as error:
        print(f"left out: {error}", file=sys.stderr)
        return None
    title = path.parent if path.name == SCORE_AS_MIDI else path
    return Work(corpus, title.relative_to(folder).as_posix(), melody_pieces(notes), harmony_pieces(notes))
