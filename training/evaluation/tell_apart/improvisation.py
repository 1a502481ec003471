"""Improvisations beside performances of humans, as windows of the notes that sound: statistics that need no score.

Humans are put on the improviser's grid of time and of velocity, so that the grid does not tell.
"""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from engine.performers.performance_rnn.networks import codec_of, open_model
from engine.performers.performance_rnn.voice import Preferences
from models.performance_rnn.representation import EventCodec
from models.pretrained import pretrained
from training.evaluation.performance_rnn.figures import improvise
from training.evaluation.tell_apart.statistics import Series
from training.evaluation.tell_apart.windows import Windows, cut, window_statistics
from training.performance_rnn.data import SoundingNotes

TOGETHER_S = 0.03  # onsets that are nearer are a chord's
SHORTEST_S = 0.01
COLUMNS = ("onset_sec", "interval", "key", "duration", "velocity", "overlap", "sounding", "leap")
PAIRS = (("velocity", "key"), ("velocity", "duration"), ("velocity", "interval"), ("duration", "key"), ("sounding", "velocity"))


def describe_notes(notes: np.ndarray) -> np.ndarray:
    """Return (notes, columns) in the order of COLUMNS: seconds, log2 of seconds since the onset before (NaN within chords), pitch, log2 of
    seconds, velocity, log2 of the length over the time to the next onset, notes sounding at the onset, semitones from the note before.
    """
    notes = notes[np.lexsort((notes["pitch"], notes["onset_sec"]))]
    onset, length = notes["onset_sec"], np.maximum(notes["duration_sec"], SHORTEST_S)
    intervals = np.diff(onset, prepend=onset[:1] - 1)
    following = np.append(onset, np.nan)[np.searchsorted(onset, onset + TOGETHER_S)] - onset
    begun, ended = np.arange(1, len(onset) + 1), np.searchsorted(np.sort(onset + length), onset, side="right")
    columns = {
        "onset_sec": onset,
        "interval": np.where(intervals >= TOGETHER_S, np.log2(np.maximum(intervals, SHORTEST_S)), np.nan),
        "key": notes["pitch"],
        "duration": np.log2(length),
        "velocity": notes["velocity"],
        "overlap": np.log2(length / following),
        "sounding": begun - ended,
        "leap": np.abs(np.diff(notes["pitch"], prepend=notes["pitch"][:1])),
    }
    return np.stack([columns[name].astype(float) for name in COLUMNS], axis=1)


def sounding_windows(notes: np.ndarray, piece: str) -> Windows:
    cuts = cut(describe_notes(notes))
    series: Series = {name: cuts[:, :, index] for index, name in enumerate(COLUMNS) if name != "onset_sec"}
    statistics, values = window_statistics(series, PAIRS, ())
    inputs = cuts.copy()
    inputs[:, :, 0] = np.diff(cuts[:, :, 0], axis=1, prepend=cuts[:, :1, 0])
    return Windows(statistics, values, inputs, np.full(len(cuts), piece), np.zeros(len(cuts), dtype=int))


def improvised(
    humans: SoundingNotes, given: Path | None, preferences: Preferences, seeds: int, seconds: float
) -> dict[str, tuple[list[Windows], list[Windows]]]:
    """Return windows of two sides, by contest: improvisations of the model that ships or of ``given``, and other humans, each beside as
    many humans' first ``seconds``; of ``seeds`` each, or of half of the humans where there are fewer.

    A "piece" is a pair of both, so that neither is on both sides of a fold.
    """
    model = open_model(pretrained("performance_rnn.onnx", given))
    count = min(seeds, len(humans) // 2)
    spread = np.linspace(0, len(humans) - 1, 2 * count).astype(int).tolist()  # of all pieces, as performances of one follow each other
    played = [_first(_on_the_grid(codec_of(model), humans.performance(index)), seconds) for index in spread]
    ours = [improvise(model, seed, seconds, preferences) for seed in range(count)]
    sides = {"one human, without a score": (played[1::2], played[::2]), "improvised": (ours, played[::2])}
    return {label: (_numbered(one), _numbered(other)) for label, (one, other) in sides.items()}


def _numbered(performances: Sequence[np.ndarray]) -> list[Windows]:
    return [sounding_windows(notes, str(number)) for number, notes in enumerate(performances)]


def _on_the_grid(codec: EventCodec, notes: np.ndarray) -> np.ndarray:
    return codec.decode(codec.encode(codec.quantise(notes))[0])


def _first(notes: np.ndarray, seconds: float) -> np.ndarray:
    return notes[notes["onset_sec"] < seconds]
