"""Matches performed notes with the notes of the score, with parangonar.

Source: Peter, Cancino-Chacon, Foscarin, McLeod, Henkel, Karystinaios, Widmer, "Automatic Note-Level Score-to-Performance Alignments in
the ASAP Dataset", TISMIR 6(1), 2023; the matcher is parangonar's DualDTWNoteMatcher. Its dynamic time warping is a loop over notes times
onsets in Python, minutes for a sonata; the engine's gives the same paths in a second.
"""

import warnings
from typing import Any

import numpy as np

from engine.base.errors import PerfLiveError
from engine.base.partitura_loader import load_partitura
from engine.score.estimation.pitch_warping import warp_pitches
from engine.score.tables import Score
from training.datasets.performances import Performance

MOST_CELLS = 400_000_000  # notes of the performance times onsets of the score, a byte each; a whole sonata has a tenth

SCORE_FIELDS = [("onset_beat", "f8"), ("duration_beat", "f8"), ("pitch", "i4"), ("is_grace", "?"), ("id", "U16")]
PERFORMANCE_FIELDS = [("onset_sec", "f8"), ("duration_sec", "f8"), ("pitch", "i4"), ("velocity", "i4"), ("id", "U16")]


class PitchWarping:
    """The engine's warping of pitches to sets of pitches as a ``dtw`` of parangonar's OnsetMatcherDTW; its steps have the same order."""

    def __call__(self, pitches: np.ndarray, sets: list[set[int]], return_path: bool = True) -> tuple[float, np.ndarray]:
        """Return the cost and the path (K, 2) from the first pitch and set to the last: index of the pitch, index of the set."""
        return warp_pitches(pitches, sets)


def match_notes(score: Score, performance: Performance) -> np.ndarray:
    """Return the pairs (K, 2) int of what belongs together: row of ``score.notes``, row of ``performance.notes``, in order of the score.

    No row stands in two pairs. Raises PerfLiveError when the two are too long together, or when either has no notes to match by.
    """
    full = score.notes[~score.notes["is_grace"]]
    if not len(performance.notes) or not len(full):
        what = "performance has no notes" if len(full) else "score has grace notes only"
        raise PerfLiveError(f"{performance.name}: cannot be aligned: the {what}; give the music and its performance")
    cells = len(performance.notes) * len(np.unique(full["onset_quarter"]))
    if cells > MOST_CELLS:
        raise PerfLiveError(
            f"{performance.name}: too long to be aligned: {len(performance.notes)} notes performed and "
            f"{len(score.notes)} in the score; align its movements one by one"
        )
    alignment = _matcher()(_score_array(score), _performance_array(performance))
    pairs = [(int(line["score_id"]), int(line["performance_id"])) for line in alignment if line["label"] == "match"]
    return np.array(sorted(pairs), dtype=np.int64).reshape(-1, 2)


def _matcher() -> Any:
    """Return a function from parangonar's note arrays to its list of dicts."""
    load_partitura()
    try:
        from parangonar import DualDTWNoteMatcher
        from parangonar.match.matchers import OnsetMatcherDTW
    except ImportError as error:
        raise PerfLiveError("aligning needs parangonar, which is not installed; install perf-live[train]") from error
    matcher = DualDTWNoteMatcher(onset_matcher=OnsetMatcherDTW(dtw=PitchWarping()))

    def match(score_notes: np.ndarray, performed_notes: np.ndarray) -> list[dict[str, Any]]:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # that numba is not there; of means of nothing
            return matcher(score_notes, performed_notes)

    return match


def _score_array(score: Score) -> np.ndarray:
    array = np.zeros(len(score.notes), dtype=SCORE_FIELDS)
    array["onset_beat"], array["duration_beat"] = score.notes["onset_quarter"], score.notes["duration_quarter"]
    array["pitch"], array["is_grace"] = score.notes["pitch"], score.notes["is_grace"]
    array["id"] = np.arange(len(array)).astype("U16")
    return array


def _performance_array(performance: Performance) -> np.ndarray:
    array = np.zeros(len(performance.notes), dtype=PERFORMANCE_FIELDS)
    for name in ("onset_sec", "duration_sec", "pitch", "velocity"):
        array[name] = performance.notes[name]
    array["id"] = np.arange(len(array)).astype("U16")
    return array
