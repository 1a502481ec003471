"""Scores and aligned performances as ScorePerformer's tokens, encoded once and kept in a cache folder."""

import hashlib
import json
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from rich.console import Console
from rich.progress import track

from engine.base.files import whole_file
from engine.midi.events import SUSTAIN_PEDAL
from engine.performers.score_performer.score import score_tokens
from engine.performers.score_playing.columns import score_columns
from engine.score.dynamics import with_playback_velocities
from engine.score.tables import Score
from models.performance.features import FEATURES, note_features
from models.performance.pedal import Pedal
from models.performance.representation import Performed
from models.score_performer.representation import REPRESENTATION_VERSION, encode_performance
from training.datasets import aligned
from training.datasets.aligned import AlignedPerformance, Alignment, asap_alignments, load_aligned
from training.datasets.asap import Split

CACHE_VERSION = 2


@dataclass(frozen=True)
class TokenPiece:
    """A score and performances of it: ``score`` (N, 16) and ``performances`` (P, N, 16) tokens int16, ``segments`` (N, 3) int32 (see
    models.score_performer.score_representation), ``features`` (N, F) float16 (see models.performance.features).
    """

    name: str
    score: np.ndarray
    segments: np.ndarray
    features: np.ndarray
    performances: np.ndarray


def load_token_pieces(root: Path, split: Split, cache: Path) -> list[TokenPiece]:
    """Return the pieces of a split of the (n)ASAP folder ``root``; what is slow to compute is kept in ``cache``.

    Each combination of repeats that is played makes a piece.
    """
    alignments = asap_alignments(root, split)
    names = [alignment.name for alignment in alignments if not alignment.refused]
    key = [CACHE_VERSION, REPRESENTATION_VERSION, aligned.CACHE_VERSION, FEATURES, names]
    path = cache / "score_performer_pieces" / f"{split}-{hashlib.sha256(json.dumps(key).encode()).hexdigest()[:16]}.npz"
    if not path.exists():
        groups = _by_score(alignments, cache)
        path.parent.mkdir(parents=True, exist_ok=True)
        _save(path, [token_piece(group) for group in track(groups, "encoding performances", console=Console(stderr=True))])
    return _load(path)


def load_scores(root: Path, split: Split, cache: Path) -> list[Score]:
    """Return the scores of the pieces that ``load_token_pieces`` returns."""
    return [group[0].score for group in _by_score(asap_alignments(root, split), cache)]


def _by_score(alignments: Sequence[Alignment], cache: Path) -> list[list[AlignedPerformance]]:
    groups: dict[int, list[AlignedPerformance]] = defaultdict(list)
    for item in load_aligned(alignments, cache / "aligned")[0]:
        groups[id(item.score)].append(item)
    return list(groups.values())


def token_piece(group: list[AlignedPerformance]) -> TokenPiece:
    """Return performances that share a score, whose notes have the velocities of its dynamics."""
    score = with_playback_velocities(group[0].score)
    tokens, segments = score_tokens(score)
    performances = [encode_performance(tokens, segments, score.notes, performed_notes(item)).tokens for item in group]
    features = note_features(score_columns(score)).astype(np.float16)
    return TokenPiece(group[0].piece, tokens.astype(np.int16), segments.astype(np.int32), features, np.stack(performances).astype(np.int16))


def performed_notes(item: AlignedPerformance) -> Performed:
    """Return a performance by note of its score."""
    pedal = item.pedals[item.pedals["number"] == SUSTAIN_PEDAL]
    table = item.performed
    return Performed(table["onset_sec"], table["duration_sec"], table["velocity"], Pedal(pedal["time_sec"], pedal["value"]))


_TABLES = ("score", "segments", "features", "performances")


def _save(path: Path, pieces: list[TokenPiece]) -> None:
    arrays: dict[str, Any] = {f"{number}/{name}": getattr(piece, name) for number, piece in enumerate(pieces) for name in _TABLES}
    with whole_file(path) as partial:
        np.savez(partial, names=np.array([piece.name for piece in pieces]), **arrays)


def _load(path: Path) -> list[TokenPiece]:
    with np.load(path) as stored:
        return [TokenPiece(str(name), *(stored[f"{number}/{table}"] for table in _TABLES)) for number, name in enumerate(stored["names"])]
