"""A folder of scores and one of performances, aligned side by side by several processes; ``quality.csv`` says how well each went.

What ``quality.csv`` has of files that are still the same is not done again, so that the same command goes on after a kill. A match file is
there whole or not at all.
"""

import csv
import hashlib
import sys
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from multiprocessing import get_context
from pathlib import Path
from typing import NamedTuple

from rich.console import Console
from rich.progress import track

from engine.base.errors import PerfLiveError, UsageError
from engine.base.files import MIDI_SUFFIXES, NOTATION_SUFFIXES, make_folder, whole_file
from training.alignment.files import align_files
from training.alignment.match_file import write_match
from training.alignment.quality import AlignmentQuality
from training.datasets.aligned import LEAST_COVERAGE
from training.datasets.performances import read_performance

QUALITY = "quality.csv"
NO_SCORE = "no score is called as it begins, and there is not just one beside it"


class Pair(NamedTuple):
    """A performance, seen from the folder of performances, and the path of its score; None where there is none."""

    take: Path
    score: Path | None


class Row(NamedTuple):
    """A line of ``quality.csv``: what was aligned, with a digest of both files, and how that went; shares are 0 to 1."""

    take: str
    score: str
    digest: str
    verdict: str
    coverage: str = ""
    precision: str = ""
    same_pitch: str = ""
    in_order: str = ""
    weak_measures: str = ""

    @property
    def kind(self) -> str:
        return self.verdict.partition(":")[0]


def find_pairs(scores: Path, takes: Path) -> list[Pair]:
    """Return each MIDI file below ``takes`` with its score below ``scores``: in the same sub folder, the one whose name its own begins
    with, the longest such, or the only one there. Raises UsageError when either folder has no files.
    """
    notations = [path for path in sorted(scores.rglob("*")) if path.is_file() and path.suffix.lower() in NOTATION_SUFFIXES]
    played = [path.relative_to(takes) for path in sorted(takes.rglob("*")) if path.is_file() and path.suffix.lower() in MIDI_SUFFIXES]
    for folder, found, suffixes in ((scores, notations, NOTATION_SUFFIXES), (takes, played, MIDI_SUFFIXES)):
        if not found:
            raise UsageError(f"{str(folder)!r} has no files to align; give a folder with files that end in {', '.join(suffixes)}")
    return [Pair(take, _score_of(take, [path for path in notations if path.parent == scores / take.parent])) for take in played]


def _score_of(take: Path, beside: Sequence[Path]) -> Path | None:
    named = [path for path in beside if take.stem.startswith(path.stem)]
    if named:
        return max(named, key=lambda path: len(path.stem))
    return beside[0] if len(beside) == 1 else None


def align_folder(scores: Path, takes: Path, out: Path, jobs: int) -> list[Row]:
    """Align what is not aligned yet, ``jobs`` at a time, into ``out``; return the rows of all. Raises PerfLiveError, UsageError."""
    pairs = find_pairs(scores, takes)
    make_folder(out)
    before = {row.digest: row for row in read_quality(out / QUALITY)}
    rows, to_do = list[Row](), list[tuple[Pair, str]]()
    for pair in pairs:
        digest = _digest(pair, takes)
        known = before.get(digest)
        if pair.score is None:
            rows.append(Row(str(pair.take), "", digest, f"not aligned: {NO_SCORE}"))
        elif known and (known.kind == "not aligned" or _match(out, pair).exists()):
            rows.append(known)
        else:
            to_do.append((pair, digest))
    to_do.sort(key=lambda each: -(takes / each[0].take).stat().st_size)  # the longest ones first, so that none is left over at the end
    done = _align_aside(to_do, takes, out, jobs) if jobs > 1 else (align_pair(*each, takes, out) for each in to_do)
    for row in track(done, "aligning", len(to_do), console=Console(stderr=True), disable=not sys.stderr.isatty()):
        rows.append(row)
        write_quality(rows, out / QUALITY)
    write_quality(rows, out / QUALITY)
    return sorted(rows)


def _align_aside(to_do: Sequence[tuple[Pair, str]], takes: Path, out: Path, jobs: int) -> Iterator[Row]:
    """Yield the rows in the order in which processes of their own are done with them."""
    with ProcessPoolExecutor(min(jobs, max(len(to_do), 1)), mp_context=get_context("spawn")) as pool:
        futures = [pool.submit(align_pair, pair, digest, takes, out) for pair, digest in to_do]
        try:
            for future in as_completed(futures):
                yield future.result()
        except BrokenProcessPool as error:
            raise PerfLiveError("a process that aligned was killed, perhaps for memory; do it again with fewer --jobs") from error
        finally:
            pool.shutdown(cancel_futures=True)


def align_pair(pair: Pair, digest: str, takes: Path, out: Path) -> Row:
    """Align a performance to its score and write its match file below ``out``, where it goes well enough; return its row."""
    score = pair.score
    assert score is not None  # noqa: S101 (pairs without one are not given)
    try:
        played = read_performance(takes / pair.take, pair.take.name, score.stem)
        reading, matched, quality = align_files(score, played)
        if quality.coverage >= LEAST_COVERAGE:
            make_folder((out / pair.take).parent)
            write_match(_match(out, pair), reading, played, matched)
    except PerfLiveError as error:
        return Row(str(pair.take), str(score), digest, f"not aligned: {error}")
    return _row(pair, score, digest, quality)


def _row(pair: Pair, score: Path, digest: str, quality: AlignmentQuality) -> Row:
    shares = (quality.coverage, quality.precision, quality.same_pitch, quality.in_order)
    coverage, precision, same_pitch, in_order = (f"{share:.4f}" for share in shares)
    verdict = quality.verdict if quality.coverage >= LEAST_COVERAGE else f"not aligned: {quality.verdict}"
    return Row(str(pair.take), str(score), digest, verdict, coverage, precision, same_pitch, in_order, "; ".join(quality.weak_measures))


def _match(out: Path, pair: Pair) -> Path:
    return out / pair.take.with_suffix(".match")


def _digest(pair: Pair, takes: Path) -> str:
    digest = hashlib.sha256(str(pair.take).encode())
    for path in (takes / pair.take, pair.score):
        try:
            digest.update(path.read_bytes() if path else b"")
        except OSError as error:
            raise PerfLiveError(f"cannot read {str(path)!r}: {error.strerror or error}") from error
    return digest.hexdigest()[:16]


def read_quality(path: Path) -> list[Row]:
    """Return the rows of a ``quality.csv``; none where there is no file. Raises PerfLiveError for another file."""
    if not path.exists():
        return []
    try:
        with path.open(encoding="utf-8", newline="") as file:
            return [Row._make(row[name] for name in Row._fields) for row in csv.DictReader(file)]
    except (OSError, ValueError, KeyError, csv.Error) as error:
        raise PerfLiveError(f"{path}: not a table of perf-align ({type(error).__name__}); give another -o") from error


def write_quality(rows: Iterable[Row], path: Path) -> None:
    with whole_file(path) as partial, partial.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerows([Row._fields, *sorted(rows)])


def summary(rows: Sequence[Row]) -> str:
    """Return how many went how well, and by name those that are not good."""
    counts = Counter(row.kind for row in rows)
    lines = [f"{len(rows)} performances: " + ", ".join(f"{count} {kind}" for kind, count in counts.most_common())]
    lines += [f"{row.take}: {row.verdict}" for row in rows if row.kind != "good"]
    return "\n".join(lines)
