"""Humans' tempos, from the annotated beats of (n)ASAP: what the rules of the engine are bounded by and fitted to."""

from collections import defaultdict
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from engine.midi.file import read_midi_file
from engine.performers.score_playing.shaping.texture import fitting_tempo, melody_octaves
from engine.score.midi import midi_score
from training.datasets.asap import Split, performance_rows
from training.metrics.expressiveness import LAST_BEATS

AROUND_BEATS = 8  # before and after a beat
LEAST_BEATS = 24  # of a performance that says something of its ending
LEAST_QUARTERS = 1e-3  # between two beats


class HumanPiece(NamedTuple):
    """``periods``: of each performance (B - 1,), log2 of the seconds a quarter from beat to beat. ``tempo``: log2 of the mean quarters a
    minute, over performances; ``fitting`` is log2 of ``fitting_tempo`` of the score, ``rhythm`` its ``melody_octaves``.
    """

    periods: list[np.ndarray]
    tempo: float
    fitting: float
    rhythm: float


def read_human_pieces(root: Path, split: Split) -> list[HumanPiece]:
    """Return the pieces of the folder ``root`` whose performances have as many beats as their scores. Raises PerfLiveError."""
    groups: dict[str, list[dict[str, str]]] = defaultdict(list)
    for row in performance_rows(root, split):
        groups[row["folder"]].append(row)
    pieces = (_read(root, rows) for rows in groups.values())
    return [piece for piece in pieces if piece.periods]


def _read(root: Path, rows: list[dict[str, str]]) -> HumanPiece:
    path = root / rows[0]["midi_score"]
    timeline = read_midi_file(path)
    beats = [timeline.tempo_map.to_tick(round(time * 1e9)) for time in _beat_times(root / rows[0]["midi_score_annotations"])]
    quarters = np.array(beats) / timeline.division
    played = [times for row in rows if len(times := _beat_times(root / row["performance_annotations"])) == len(quarters)]
    periods = [np.log2(np.diff(times) / np.maximum(np.diff(quarters), LEAST_QUARTERS)) for times in played]
    tempos = [np.log2(60 * (quarters[-1] - quarters[0]) / (times[-1] - times[0])) for times in played]
    score, tempo = midi_score(timeline, path).score, float(np.mean(tempos)) if played else np.nan
    return HumanPiece(periods, tempo, float(np.log2(fitting_tempo(score))), melody_octaves(score.notes))


def _beat_times(path: Path) -> np.ndarray:
    """Return the times in seconds of an annotation's beats, each later than the one before."""
    times = np.array([float(line.split("\t")[0]) for line in path.read_text(encoding="utf-8").splitlines()])
    return np.maximum.accumulate(times + np.arange(len(times)) * 1e-6)


def strayed(periods: np.ndarray) -> np.ndarray:
    """Return by how many octaves beats (B,) are slower than the median of those around them."""
    padding = np.full(AROUND_BEATS, np.nan)
    around = sliding_window_view(np.concatenate([padding, periods, padding]), 2 * AROUND_BEATS + 1)
    return np.asarray(periods - np.nanmedian(around, axis=1))


def slowest_beats(pieces: list[HumanPiece]) -> tuple[np.ndarray, np.ndarray]:
    """Return of each performance (P,) how many octaves slower than its surroundings the slowest of the last beats and of the others is."""
    slower = [strayed(periods) for piece in pieces for periods in piece.periods if len(periods) >= LEAST_BEATS]
    return np.array([each[-LAST_BEATS:].max() for each in slower]), np.array([each[:-LAST_BEATS].max() for each in slower])


def fit_fitting_tempo(pieces: list[HumanPiece]) -> tuple[float, float]:
    """Return log2 of the quarters a minute of a melody in quarters, and octaves that one in eighths is slower: least squares."""
    slope, level = np.polyfit([piece.rhythm for piece in pieces], [piece.tempo for piece in pieces], 1)
    return float(level), float(slope)
