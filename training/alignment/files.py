"""A score's file aligned to a performance: with the repeats that fit."""

from pathlib import Path

import numpy as np

from engine.base.files import MIDI_SUFFIXES
from engine.score.files import read_score
from engine.score.tables import Score
from training.alignment.matching import match_notes
from training.alignment.quality import AlignmentQuality, alignment_quality
from training.datasets.performances import Performance


def align_files(score: Path, played: Performance) -> tuple[Score, np.ndarray, AlignmentQuality]:
    """Align with the repeats played and, where that differs, left out; return the reading that fits better, its pairs, its quality.

    Raises PerfLiveError when the score cannot be read or the two cannot be aligned.
    """
    readings = [read_score(score, "play")]
    if score.suffix.lower() not in MIDI_SUFFIXES:
        once = read_score(score, "skip")
        if len(once.notes) < len(readings[0].notes):
            readings.append(once)
    judged = []
    for reading in readings:
        pairs = match_notes(reading, played)
        judged.append((reading, pairs, alignment_quality(reading, played, pairs)))
    return max(judged, key=lambda each: each[2].coverage + each[2].precision)
