"""Cross-validation by work: the train and validation pieces of (n)ASAP together, divided into folds, each performed by what learnt from the
others.

    FOLDS/folds.json      what is kept together in a fold, and the recipe
    FOLDS/K/corpus        the corpus with a splits.json of its own: links to the files of the corpus that was given
    FOLDS/K/run           a run of perf-train on it
    FOLDS/K/model         what perf-export makes of the run

The pieces of a fold are its ``held_out`` split. A tenth of the other works or so are its ``validation`` split, which the trainings are
followed by, as the validation split is where there are no folds. Nothing of a fold is chosen by the pieces that it is measured on.
"""

import heapq
import json
import re
from collections import defaultdict
from collections.abc import Callable
from pathlib import Path
from typing import Literal, NamedTuple

from engine.base.errors import PerfLiveError, UsageError
from engine.base.files import make_folder, whole_file
from training.datasets.asap import ROBUST, SPLITS, SPLITS_FILE, FoldSplit, performance_rows

FoldsBy = Literal["work", "composer"]
FOLDS = 5
FOLLOWED = 10  # of the works that are learnt from, ordered by their performances, one of so many follows the trainings
LEAST_WORKS = 3  # one to learn from, one to follow by, one held out
FOLDS_FILE = "folds.json"

Pieces = dict[FoldSplit, list[str]]

_VERSION = re.compile("_((no|extra)_)?([0-9]_)?(repeat|trio)$")  # of a piece: which repeats are played
_MOVEMENT = (
    re.compile("^(.*Sonatas/[0-9]+)-[^/]*$"),  # Beethoven/Piano_Sonatas/17-1
    re.compile("^(.*(?:Sonata_[0-9]+|Kreisleriana))/[^/]*$"),  # Chopin/Sonata_2/1st
)
_PRELUDE_AND_FUGUE = re.compile("^(.*)/(?:Prelude|Fugue)/(bwv_[0-9]+)$")


class Fold(NamedTuple):
    """``corpus`` is the folder of the data, ``run`` and ``model`` those of what is made of it; numbers begin at 1."""

    number: int
    corpus: Path
    run: Path
    model: Path


class Folds(NamedTuple):
    by: FoldsBy
    recipe: Path
    folds: tuple[Fold, ...]


def whole_work(folder: str) -> str:
    """Return the work that the piece in a folder belongs to: all movements of a sonata or cycle, a prelude with its fugue."""
    piece = _VERSION.sub("", folder)
    if found := _PRELUDE_AND_FUGUE.match(piece):
        return f"{found[1]}/{found[2]}"
    return next((found[1] for pattern in _MOVEMENT if (found := pattern.match(piece))), piece)


def composer_of(folder: str) -> str:
    return folder.partition("/")[0]


_KEPT_TOGETHER: dict[FoldsBy, Callable[[str], str]] = {"work": whole_work, "composer": composer_of}


def divide(root: Path, by: FoldsBy) -> list[Pieces]:
    """Return the pieces of each fold, by split.

    Works or composers, those with the most performances first, go each to the fold that has the fewest so far, so that the same corpus
    is always divided in the same way. Raises UsageError when there are too few of them, PerfLiveError when ``root`` is no corpus.
    """
    performances: dict[str, int] = defaultdict(int)  # with a robust alignment, by piece
    for split in SPLITS:
        for row in performance_rows(root, split):
            performances[row["folder"]] += row["robust_note_alignment"] == ROBUST
    groups = _by_size(performances, _KEPT_TOGETHER[by])
    if len(_by_size(performances, whole_work)) < LEAST_WORKS or len(groups) < 2:
        raise UsageError(f"--folds {by}: {str(root)!r} has {len(groups)} of them; give a corpus of {LEAST_WORKS} works by two composers")
    count = min(FOLDS, len(groups))
    held_out: list[list[str]] = [[] for _ in range(count)]
    lightest = [(0, number) for number in range(count)]
    for group in groups:
        weight, number = heapq.heappop(lightest)
        held_out[number] += group
        heapq.heappush(lightest, (weight + sum(1 + performances[piece] for piece in group), number))
    return [_around(held, performances) for held in held_out]


def _by_size(performances: dict[str, int], group_of: Callable[[str], str]) -> list[list[str]]:
    """Return the pieces of each group, the group with the most performances first."""
    groups: dict[str, list[str]] = defaultdict(list)
    for piece in sorted(performances):
        groups[group_of(piece)].append(piece)
    return sorted(groups.values(), key=lambda group: (-sum(performances[piece] for piece in group), group))


def _around(held_out: list[str], performances: dict[str, int]) -> Pieces:
    learnt = {piece: count for piece, count in performances.items() if piece not in held_out}
    works = _by_size(learnt, whole_work)
    followed = works[FOLLOWED // 2 :: FOLLOWED] or works[-1:]
    validation = sorted(piece for work in followed for piece in work)
    return {"train": sorted(set(learnt) - set(validation)), "validation": validation, "held_out": sorted(held_out)}


def begin_folds(data: Path, folder: Path, by: FoldsBy, recipe: Path) -> Folds:
    """Prepare the folds of the corpus ``data`` in ``folder``, or find those that are there. Raises UsageError when they are others."""
    path = folder / FOLDS_FILE
    if path.exists() and (before := read_folds(folder)).by != by:
        raise UsageError(f"{str(folder)!r}: its folds are by {before.by}; give another folder, or --folds {before.by}")
    divided = divide(data, by)
    folds = tuple(_fold(folder, number) for number in range(1, len(divided) + 1))
    for fold, pieces in zip(folds, divided, strict=True):
        make_folder(fold.corpus)
        _link(data.absolute(), fold.corpus, pieces)
    with whole_file(path) as partial:
        partial.write_text(json.dumps({"by": by, "recipe": str(recipe.absolute()), "folds": len(folds)}, indent=1) + "\n")
    return Folds(by, recipe.absolute(), folds)


def _fold(folder: Path, number: int) -> Fold:
    place = folder / str(number)
    return Fold(number, place / "corpus", place / "run", place / "model")


def _link(data: Path, corpus: Path, pieces: Pieces) -> None:
    """Make ``corpus`` the same as ``data`` but for its splits. Raises UsageError when it had others, which its run has learnt from."""
    own = corpus / SPLITS_FILE
    text = json.dumps(pieces, indent=1) + "\n"
    try:
        if own.exists() and own.read_text(encoding="utf-8") != text:
            raise UsageError(f"{str(own)!r}: other pieces than {str(data)!r} gives; give another folder for the folds")
        for entry in sorted(data.iterdir()):
            link = corpus / entry.name
            if entry.name != SPLITS_FILE and not link.exists():
                link.unlink(missing_ok=True)  # to a corpus that has moved
                link.symlink_to(entry, target_is_directory=entry.is_dir())
        with whole_file(own) as partial:
            partial.write_text(text, encoding="utf-8")
    except OSError as error:
        raise PerfLiveError(f"cannot link the corpus in {str(corpus)!r}: {error.strerror}; give another folder for the folds") from error


def read_folds(folder: Path) -> Folds:
    """Return the folds that ``begin_folds`` prepared. Raises UsageError when there are none."""
    path = folder / FOLDS_FILE
    try:
        said = json.loads(path.read_text(encoding="utf-8"))
        return Folds(said["by"], Path(said["recipe"]), tuple(_fold(folder, number) for number in range(1, said["folds"] + 1)))
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise UsageError(f"--folds {str(folder)!r}: no folds are there ({path.name}); make them with perf-train --folds") from error
