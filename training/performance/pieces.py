"""Pieces with their human performances as DExter's columns, to train on and to compare with.

A piece is presented as notation, as a MIDI score, or both ways, each with the columns that the engine would see and with targets that
belong to its own durations and tempo, so that a network trained on either serves both.
"""

import hashlib
import json
from collections import defaultdict
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import numpy as np
from rich.console import Console
from rich.progress import track

from engine.base.errors import PerfLiveError
from engine.base.files import whole_file
from engine.midi.events import SUSTAIN_PEDAL
from engine.performers.score_playing.columns import score_columns
from engine.score.dynamics import with_playback_velocities
from engine.score.files import read_score
from engine.score.tables import Score
from models.performance.descriptors import DESCRIPTORS, describe
from models.performance.pedal import Pedal
from models.performance.representation import PERFORMANCE_COLUMNS, REPRESENTATION_VERSION, Performed, encode_performance
from training.datasets import aligned
from training.datasets.aligned import AlignedPerformance, asap_alignments, load_aligned
from training.datasets.asap import Split

CACHE_VERSION = 5
LEAST_MATCHED = 0.9  # of the notes of a MIDI score; others are of another edition
SAME_POSITION_QUARTERS = 1 / 32


@dataclass(frozen=True)
class Presentation:
    """A piece in one format: ``columns`` (P, N, 8) float32 are the performances, not normalised; NaN where a note is not played.

    ``descriptors`` (P, N, 7) float32 are those of the same performances.
    """

    kind: str  # "notation" or "midi"
    notes: np.ndarray
    score_columns: np.ndarray  # (N, 37)
    columns: np.ndarray
    descriptors: np.ndarray


@dataclass(frozen=True)
class PerformedPiece:
    name: str
    performances: tuple[str, ...]
    presentations: tuple[Presentation, ...]


def load_performed_pieces(root: Path, split: Split, cache: Path) -> list[PerformedPiece]:
    """Return the pieces of a split of the (n)ASAP folder ``root``; what is slow to compute is kept in ``cache``, a file a piece, which all
    splits share.
    """
    return encode_pieces(root, group_by_score(load_aligned(asap_alignments(root, split), cache / "aligned")[0]), cache)


def encode_pieces(root: Path, groups: list[list[AlignedPerformance]], cache: Path) -> list[PerformedPiece]:
    """Return the piece of each group of performances that play the same notes, or what is in ``cache`` of it."""
    return [_read_or_encode(root, group, cache / "expression") for group in track(groups, "encoding pieces", console=Console(stderr=True))]


def _read_or_encode(root: Path, group: list[AlignedPerformance], cache: Path) -> PerformedPiece:
    path = cache / f"piece-{_digest(root, group)}.npz"
    if not path.exists():
        cache.mkdir(parents=True, exist_ok=True)
        _save(path, encode_piece(root, group))
    return _load(path)


def _digest(root: Path, group: list[AlignedPerformance]) -> str:
    """Return a digest of what a piece is encoded from, and of the code's versions."""
    versions = [CACHE_VERSION, REPRESENTATION_VERSION, aligned.CACHE_VERSION, group[0].piece, *(item.name for item in group)]
    digest = hashlib.sha256(json.dumps(versions).encode() + group[0].score.notes.tobytes())
    for item in group:
        digest.update(item.performed.tobytes() + item.pedals.tobytes())
    midi = _midi_score(root, group)
    digest.update(midi.read_bytes() if midi.is_file() else b"")
    return digest.hexdigest()[:16]


def _midi_score(root: Path, group: list[AlignedPerformance]) -> Path:
    return root / group[0].piece / "midi_score.mid"


def group_by_score(performances: list[AlignedPerformance]) -> list[list[AlignedPerformance]]:
    """Group the performances that play the same notes of the same piece."""
    groups = defaultdict(list)
    for item in performances:
        groups[item.piece, item.score.notes["id"].tobytes()].append(item)
    return list(groups.values())


def encode_piece(root: Path, group: list[AlignedPerformance]) -> PerformedPiece:
    """Return the piece of performances that play the same notes; its MIDI score is looked for in the (n)ASAP folder ``root``."""
    score = group[0].score
    rows = np.arange(len(score.notes))
    presentations = [_present("notation", score, rows, group)]
    midi = _read_midi_score(_midi_score(root, group))
    if midi is not None:
        rows = match_notes(midi.notes, score.notes)
        if (rows >= 0).mean() >= LEAST_MATCHED:
            presentations.append(_present("midi", midi, rows, group))
    return PerformedPiece(group[0].piece, tuple(item.name for item in group), tuple(presentations))


def _read_midi_score(path: Path) -> Score | None:
    try:
        return read_score(path)
    except PerfLiveError:
        return None  # the notation alone serves


def match_notes(notes: np.ndarray, others: np.ndarray) -> np.ndarray:
    """Return for each note the row among ``others`` of the same pitch and position (the nearest, each once), or -1."""
    rows = np.full(len(notes), -1)
    for pitch in np.unique(notes["pitch"]):
        mine, theirs = np.flatnonzero(notes["pitch"] == pitch), np.flatnonzero(others["pitch"] == pitch)
        if not len(theirs):
            continue
        positions = others["onset_quarter"][theirs]
        after = np.searchsorted(positions, notes["onset_quarter"][mine]).clip(1, max(len(theirs) - 1, 1)).clip(max=len(theirs) - 1)
        before = np.maximum(after - 1, 0)
        onsets = notes["onset_quarter"][mine]
        nearest = np.where(np.abs(positions[after] - onsets) < np.abs(onsets - positions[before]), after, before)
        near = np.abs(positions[nearest] - onsets) <= SAME_POSITION_QUARTERS
        _, first = np.unique(np.where(near, nearest, -1 - np.arange(len(near))), return_index=True)
        first = first[near[first]]
        rows[mine[first]] = theirs[nearest[first]]
    return rows


def _present(kind: str, score: Score, rows: np.ndarray, group: list[AlignedPerformance]) -> Presentation:
    """``rows`` (N,) says which of a performance's rows each of the score's notes is, or -1."""
    columns = np.empty((len(group), len(rows), len(PERFORMANCE_COLUMNS)), dtype=np.float32)
    descriptors = np.empty((len(group), len(rows), len(DESCRIPTORS)), dtype=np.float32)
    for index, item in enumerate(group):
        performed = performed_notes(item, rows)
        columns[index], _ = encode_performance(score.notes, performed)
        descriptors[index] = describe(score.notes, performed)
    return Presentation(kind, score.notes, score_columns(with_playback_velocities(score)), columns, descriptors)


def performed_notes(item: AlignedPerformance, rows: np.ndarray) -> Performed:
    """Return the performance by note of a presentation; ``rows`` (N,) index the performance's own, -1 is not performed."""
    table, known = item.performed[rows], rows >= 0
    pedal = item.pedals[item.pedals["number"] == SUSTAIN_PEDAL]
    return Performed(
        np.where(known, table["onset_sec"], np.nan),
        np.where(known, table["duration_sec"], np.nan),
        np.where(known, table["velocity"], 0),
        Pedal(pedal["time_sec"], pedal["value"]),
    )


def _save(path: Path, piece: PerformedPiece) -> None:
    arrays: dict[str, Any] = {}
    for shown in piece.presentations:
        arrays |= {f"{shown.kind}/{part.name}": getattr(shown, part.name) for part in fields(shown)[1:]}
    description = piece.name, piece.performances, [shown.kind for shown in piece.presentations]
    with whole_file(path) as partial:
        np.savez(partial, description=np.array(json.dumps(description)), **arrays)


def _load(path: Path) -> PerformedPiece:
    with np.load(path) as stored:
        name, performances, kinds = json.loads(str(stored["description"]))
        shown = [Presentation(kind, *(stored[f"{kind}/{part.name}"] for part in fields(Presentation)[1:])) for kind in kinds]
    return PerformedPiece(name, tuple(performances), tuple(shown))
