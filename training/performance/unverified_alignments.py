"""Train pieces without an alignment that is marked as robust. Most of their notes are aligned correctly, so that velocity and
articulation can be learnt from them. Where an alignment is wrong the tempo is wrong too; it is left out there, and in the whole of a
performance whose tempo still jumps.
"""

from dataclasses import replace
from pathlib import Path

import numpy as np
from scipy.ndimage import maximum_filter1d, median_filter

from models.performance.features import normalise
from models.performance.representation import BEAT_PERIOD
from training.datasets.aligned import asap_alignments, load_aligned
from training.datasets.asap import work_of
from training.performance.pieces import LEAST_MATCHED, PerformedPiece, Presentation, encode_pieces, group_by_score

AROUND_NOTES = 41
ASTRAY = 1.5  # normalised beat periods from the median of the notes around
NEAR_NOTES = 4  # of one astray: not believed either
MOST_DEVIATION = 0.65  # of the tempo that is left, normalised


def load_unverified_pieces(root: Path, cache: Path) -> list[PerformedPiece]:
    """Return the train pieces of the (n)ASAP folder ``root`` that have no robust alignment in any version of theirs, nor are in the
    validation split in any. Performances must play LEAST_MATCHED of the notes. What is slow to read is kept in ``cache``.
    """
    train = asap_alignments(root, "train")
    others = {work_of(item.piece) for item in (*(item for item in train if not item.refused), *asap_alignments(root, "validation"))}
    unverified = [item for item in train if work_of(item.piece) not in others and item.match.is_file() and item.score.is_file()]
    performances, _ = load_aligned([item._replace(refused="") for item in unverified], cache / "aligned")
    whole = [item for item in performances if np.isfinite(item.performed["onset_sec"]).mean() >= LEAST_MATCHED]
    pieces = encode_pieces(root, group_by_score(whole), cache)
    return [replace(piece, presentations=tuple(without_astray(shown) for shown in piece.presentations)) for piece in pieces]


def without_astray(shown: Presentation) -> Presentation:
    """Return a presentation whose performances' tempo is NaN where it cannot be believed."""
    columns = shown.columns.copy()
    for performed in columns:
        tempo = normalise(performed, shown.score_columns)[:, BEAT_PERIOD].astype(np.float64)
        performed[_astray(tempo), BEAT_PERIOD] = np.nan
    return replace(shown, columns=columns)


def _astray(tempo: np.ndarray) -> np.ndarray:
    filled = np.nan_to_num(tempo)
    far = np.abs(filled - median_filter(filled, size=AROUND_NOTES, mode="nearest")) > ASTRAY
    near = maximum_filter1d(far.astype(np.uint8), 2 * NEAR_NOTES + 1) > 0
    rest = tempo[~near & np.isfinite(tempo)]
    return near | (len(rest) == 0 or rest.std() > MOST_DEVIATION)
