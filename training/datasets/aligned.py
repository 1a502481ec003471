"""Performances aligned note by note to their scores, read from match files once and kept in a cache folder.

Sources: (n)ASAP and the Vienna 4x22 corpus, whose match files (Foscarin et al., "The match file format", MEC 2022) come in versions 1.0
and 5.0; partitura reads both, half a second a file. ATEPP's alignments (``datasets.atepp``) are tables. Positions and markings are not
taken from the alignments, whose time signatures can be wrong and whose beats follow the denominator, but from the MusicXML that they name
notes of: see ``played_score``.
"""

import hashlib
import json
import warnings
from collections import defaultdict
from collections.abc import Iterable, Sequence
from contextlib import redirect_stdout
from dataclasses import asdict, dataclass
from io import StringIO
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from rich.console import Console
from rich.progress import track

from engine.base.errors import PerfLiveError
from engine.base.files import whole_file
from engine.base.partitura_loader import load_partitura
from engine.midi.events import SOFT_PEDAL, SUSTAIN_PEDAL
from engine.score.files import read_score
from engine.score.tables import MARKING_DTYPE, Score, Word
from models.performance.representation import strokes
from training.datasets.asap import ROBUST, FoldSplit, performance_rows
from training.datasets.parangonada import midi_of, read_parangonada
from training.datasets.performances import PEDAL_DTYPE
from training.datasets.played_score import played_score

CACHE_VERSION = 4  # to be raised with every change of what is read here, or of how scores are
LEAST_COVERAGE = 0.5  # a performance with a smaller share of its score's notes is of another piece or edition
NOT_ROBUST = "metadata.csv does not call its alignment robust"

# One row a score note. A note that is not performed has NaN, NaN, 0. Durations are the key's; the sustain pedal does not lengthen them.
PERFORMED_DTYPE = np.dtype([("onset_sec", "f8"), ("duration_sec", "f8"), ("velocity", "i4")])
MATCH_DTYPE = np.dtype([("id", "U64"), ("onset_beat", "f8"), *PERFORMED_DTYPE.descr])


class Alignment(NamedTuple):
    """The files of an aligned performance: its ``name``, the folder of its ``piece``, the match file or ``align.csv``, the MusicXML.
    ``refused`` says why it is not to be read.
    """

    name: str
    piece: str
    match: Path
    score: Path
    refused: str = ""


@dataclass(frozen=True)
class AlignedPerformance:
    """``performed`` (PERFORMED_DTYPE) goes with ``score.notes`` row by row; ``pedals`` (PEDAL_DTYPE) holds controllers 64 and 67.

    ``score`` has the repeats as they were played; performances with the same ones share it. ``inserted`` counts performed notes that are
    not in the score.
    """

    name: str
    piece: str
    score: Score
    performed: np.ndarray
    pedals: np.ndarray
    inserted: int


@dataclass(frozen=True)
class AlignmentReport:
    """What was read, and ``left_out``: performance and reason."""

    pieces: int
    performances: int
    score_notes: int
    matched_notes: int
    inserted_notes: int
    left_out: tuple[tuple[str, str], ...]

    def __str__(self) -> str:
        """Return one line of figures, and one for each reason to leave performances out."""
        coverage = self.matched_notes / max(self.score_notes, 1)
        lines = [
            f"{self.performances} performances of {self.pieces} pieces: {self.matched_notes} of {self.score_notes} score notes "
            f"performed ({coverage:.1%}), {self.inserted_notes} performed notes beside the score"
        ]
        names = defaultdict(list)
        for name, reason in self.left_out:
            names[reason].append(name)
        lines += [f"left out: {named[0] if len(named) == 1 else len(named)}: {reason}" for reason, named in names.items()]
        return "\n".join(lines)


def asap_alignments(root: Path, split: FoldSplit) -> list[Alignment]:
    """Return the performances of the split's pieces in the order of ``metadata.csv``. Raises PerfLiveError for another folder."""
    found = []
    for row in performance_rows(root, split):
        refused = "" if row["robust_note_alignment"] == ROBUST else NOT_ROBUST
        found.append(Alignment(row["match_file"], row["folder"], root / row["match_file"], root / row["xml_score"], refused))
    return found


def vienna_alignments(root: Path) -> list[Alignment]:
    """Return the performances of ``root/match``, each of the score in ``root/musicxml`` that its name begins with.

    Raises PerfLiveError when there are none.
    """
    scores = sorted(root.glob("musicxml/*.musicxml"))
    found = [
        Alignment(match.name, score.stem, match, score)
        for match in sorted(root.glob("match/*.match"))
        for score in scores
        if match.stem.startswith(f"{score.stem}_p")
    ]
    if not found:
        raise PerfLiveError(f"{root}: not a Vienna 4x22 folder with match/*.match and musicxml/*.musicxml; give the corpus's own")
    return found


def load_aligned(alignments: Sequence[Alignment], cache: Path) -> tuple[list[AlignedPerformance], AlignmentReport]:
    """Read the alignments that are not refused, or what is in ``cache`` if the same files were read before. Each score has a file of its
    own there, which all selections of pieces share.

    A performance that cannot be read is left out, and said to be in the report. Raises PerfLiveError when a file is missing.
    """
    by_score: dict[Path, list[Alignment]] = defaultdict(list)
    for alignment in alignments:
        if not alignment.refused:
            by_score[alignment.score].append(alignment)
    paths = {score: cache / f"aligned-{_digest(of_score)}.npz" for score, of_score in by_score.items()}
    if unread := [score for score in by_score if not paths[score].exists()]:
        cache.mkdir(parents=True, exist_ok=True)
        for score in track(unread, "reading alignments", console=Console(stderr=True)):
            with whole_file(paths[score]) as partial:
                _save(partial, *read_alignments(by_score[score]))
    read = [_load(path) for path in paths.values()]
    order = {alignment.name: number for number, alignment in enumerate(alignments)}
    performances = sorted((item for items, _ in read for item in items), key=lambda item: order[item.name])
    left_out = sorted((each for _, several in read for each in several), key=lambda each: order[each[0]])
    for item in performances:
        forget_second_strokes(item.score.notes, item.performed)
    return performances, _report(performances, left_out + [(item.name, item.refused) for item in alignments if item.refused])


def forget_second_strokes(notes: np.ndarray, performed: np.ndarray) -> None:
    """Make all but one of the notes that share a key and an onset not performed, in place.

    Where two voices meet on a key, it is struck once. An alignment that finds both notes has taken another stroke for one of them: the one
    that is further from what is struck with them, or if there is nothing, the later.
    """
    onset_sec, stroke = performed["onset_sec"], strokes(notes)
    for number in np.flatnonzero(np.bincount(stroke[np.isfinite(onset_sec)]) > 1).tolist():
        played = np.isfinite(onset_sec)
        rows = np.flatnonzero(played & (stroke == number))
        beside = played & (stroke != number) & (notes["onset_quarter"] == notes["onset_quarter"][rows[0]]) & ~notes["is_grace"]
        beat = np.median(onset_sec[beside]) if beside.any() else onset_sec[rows].min()
        performed[np.delete(rows, np.abs(onset_sec[rows] - beat).argmin())] = np.nan, np.nan, 0


def read_alignments(alignments: Iterable[Alignment]) -> tuple[list[AlignedPerformance], list[tuple[str, str]]]:
    """Return the performances that can be read, and of the others the name and the reason."""
    performances: list[AlignedPerformance] = []
    left_out: list[tuple[str, str]] = []
    printed: dict[Path, Score] = {}
    played: dict[tuple[Path, str], Score] = {}
    for alignment in alignments:
        try:
            match, pedals, inserted = read_match(alignment.match)
            if alignment.score not in printed:
                printed[alignment.score] = read_score(alignment.score, "printed")
            key = alignment.score, "\n".join(match["id"])
            if key not in played:
                played[key] = played_score(printed[alignment.score], match["id"], match["onset_beat"])
            performed = _performed(played[key], match)
        except (PerfLiveError, ValueError) as error:
            left_out.append((alignment.name, str(error)))
        else:
            performances.append(AlignedPerformance(alignment.name, alignment.piece, played[key], performed, pedals, inserted))
    return performances, left_out


def read_match(path: Path) -> tuple[np.ndarray, np.ndarray, int]:
    """Return the score notes of a match file (MATCH_DTYPE, in its order), its pedals (PEDAL_DTYPE), and how many notes are insertions.

    An ``align.csv`` is read with the tables beside it. Raises PerfLiveError when it cannot be read or has no notes.
    """
    rows, pedals, inserted = read_parangonada(path) if path.suffix == ".csv" else _read_match_lines(path)
    if not len(rows):
        raise PerfLiveError(f"cannot read {str(path)!r} as an alignment (no notes)")
    return np.array(rows, dtype=MATCH_DTYPE), pedals[np.argsort(pedals["time_sec"], kind="stable")], inserted


def _read_match_lines(path: Path) -> tuple[list[tuple[str, float, float, float, int]], np.ndarray, int]:
    partitura_io = load_partitura().io
    try:
        with warnings.catch_warnings(), redirect_stdout(StringIO()):  # it prints every line that it cannot read
            warnings.simplefilter("ignore")  # of duplicate lines, which it resolves
            file = partitura_io.importmatch.load_matchfile(str(path))
        seconds_a_tick = file.info("midiClockRate") / file.info("midiClockUnits") / 1e6
        rows: dict[str, tuple[float, float, float, int]] = {}
        for line in file.lines:
            if isinstance(line, partitura_io.matchfile_base.BaseSnoteNoteLine):
                onset_sec, offset_sec = line.note.Onset * seconds_a_tick, line.note.Offset * seconds_a_tick
                rows[str(line.snote.Anchor)] = (line.snote.OnsetInBeats, onset_sec, offset_sec - onset_sec, line.note.Velocity)
            elif isinstance(line, partitura_io.matchfile_base.BaseDeletionLine):
                if "leftOutTied" not in line.snote.ScoreAttributesList:
                    rows.setdefault(str(line.snote.Anchor), (line.snote.OnsetInBeats, np.nan, np.nan, 0))
        pedals = [(line.Time * seconds_a_tick, SUSTAIN_PEDAL, line.Value) for line in file.sustain_pedal]
        pedals += [(line.Time * seconds_a_tick, SOFT_PEDAL, line.Value) for line in file.soft_pedal]
        inserted = len(file.insertions)
    except Exception as error:  # whatever a parser meets in a file that is none
        raise PerfLiveError(f"cannot read {str(path)!r} as a match file ({type(error).__name__})") from error
    return [(name, *row) for name, row in rows.items()], np.array(pedals, dtype=PEDAL_DTYPE), inserted


def _performed(score: Score, match: np.ndarray) -> np.ndarray:
    """Return PERFORMED_DTYPE rows in the order of the score's notes. Raises ValueError when too few are performed."""
    row_of = {name: index for index, name in enumerate(match["id"].tolist())}
    rows = match[[row_of[name] for name in score.notes["id"].tolist()]]
    coverage = np.isfinite(rows["onset_sec"]).mean()
    if coverage < LEAST_COVERAGE:
        raise ValueError(f"{coverage:.0%} of the score's notes are performed; at least {LEAST_COVERAGE:.0%} are needed")
    performed = np.zeros(len(rows), PERFORMED_DTYPE)
    for name in ("onset_sec", "duration_sec", "velocity"):
        performed[name] = rows[name]
    return performed


def _report(performances: list[AlignedPerformance], left_out: list[tuple[str, str]]) -> AlignmentReport:
    return AlignmentReport(
        pieces=len({performance.piece for performance in performances}),
        performances=len(performances),
        score_notes=sum(len(performance.performed) for performance in performances),
        matched_notes=sum(int(np.isfinite(performance.performed["onset_sec"]).sum()) for performance in performances),
        inserted_notes=sum(performance.inserted for performance in performances),
        left_out=tuple(left_out),
    )


def _digest(alignments: Sequence[Alignment]) -> str:
    """Return a digest of the files' contents and of the code's version."""
    digest = hashlib.sha256(str(CACHE_VERSION).encode())
    scores: dict[Path, bytes] = {}
    try:
        for alignment in alignments:
            if alignment.score not in scores:
                scores[alignment.score] = hashlib.sha256(alignment.score.read_bytes()).digest()
            digest.update(f"{alignment.name}\n{alignment.piece}\n".encode() + alignment.match.read_bytes() + scores[alignment.score])
            if alignment.match.suffix == ".csv":
                digest.update(midi_of(alignment.match).read_bytes())
    except OSError as error:
        raise PerfLiveError(f"cannot read {str(error.filename)!r}: {error.strerror}; unpack the corpus again") from error
    return digest.hexdigest()[:16]


_SCORE_TABLES = ("notes", "measures", "time_signatures", "tempos", "markings")


def _save(path: Path, performances: list[AlignedPerformance], left_out: list[tuple[str, str]]) -> None:
    """Write each score once, each performance beside it, and all that is no table as JSON."""
    scores = {id(performance.score): performance.score for performance in performances}
    numbers = {identity: number for number, identity in enumerate(scores)}
    arrays: dict[str, Any] = {}
    for number, score in enumerate(scores.values()):
        arrays |= {f"score/{number}/{name}": getattr(score, name) for name in _SCORE_TABLES}
    for index, performance in enumerate(performances):
        arrays |= {f"performance/{index}/performed": performance.performed, f"performance/{index}/pedals": performance.pedals}
    description = {
        "scores": [{"has_markings": score.has_markings, "words": [asdict(word) for word in score.words]} for score in scores.values()],
        "performances": [(item.name, item.piece, numbers[id(item.score)], item.inserted) for item in performances],
        "left_out": left_out,
    }
    np.savez_compressed(path, description=np.array(json.dumps(description)), **arrays)


def _load(path: Path) -> tuple[list[AlignedPerformance], list[tuple[str, str]]]:
    with np.load(path) as stored:
        description = json.loads(str(stored["description"]))
        scores = []
        for number, other in enumerate(description["scores"]):
            words = tuple(Word(**word) for word in other["words"])
            tables = {name: stored[f"score/{number}/{name}"] for name in _SCORE_TABLES}
            tables["markings"] = _all_markings(tables["markings"])
            scores.append(Score(**tables, words=words, has_markings=other["has_markings"]))
        performances = [
            AlignedPerformance(
                name, piece, scores[number], stored[f"performance/{i}/performed"], stored[f"performance/{i}/pedals"], inserted
            )
            for i, (name, piece, number, inserted) in enumerate(description["performances"])
        ]
    return performances, [(name, reason) for name, reason in description["left_out"]]


def _all_markings(stored: np.ndarray) -> np.ndarray:
    """Return the table with markings that were added since as zeros: nothing is learnt from them, so that the cache stays valid."""
    markings = np.zeros(len(stored), MARKING_DTYPE)
    for name in stored.dtype.names or ():
        markings[name] = stored[name]
    return markings
