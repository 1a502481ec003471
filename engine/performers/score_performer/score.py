"""A score as ScorePerformer's networks read it."""

from bisect import bisect_right
from concurrent.futures import Future, ThreadPoolExecutor
from typing import NamedTuple

import numpy as np

from engine.performers.score_performer.networks import Networks, Window, windows_of
from engine.performers.score_playing.columns import score_columns
from engine.score.dynamics import with_playback_velocities
from engine.score.tables import Score
from engine.score.tempo import tempo_at
from models.performance.features import note_features
from models.performance.representation import BEAT_PERIOD, PERFORMANCE_COLUMNS, VELOCITY
from models.score_performer.score_representation import ONSET_LEVEL, encode_score, note_segments

PLAIN_VELOCITY = 64  # of a score whose notes have none


class Understood(NamedTuple):
    """What the decoder is to know of notes: ``context`` (N, width); the ``style`` (N, style_width) and the ``tempo`` (N,) since the onset
    before, in octaves above the notated one and the performance's mean, that are to be expected of them; all float32.
    """

    context: np.ndarray
    style: np.ndarray
    tempo: np.ndarray


class ScoreReading:
    """By note of ``score``, whose notes have the velocities of its dynamics: ``tokens`` (N, 16) and ``segments`` (N, 3), see
    models.score_performer.score_representation; ``before`` (N,), the last note of the onset before; and what the networks make of them,
    read where it is asked for, window by window (see score_performer_networks), the window after that beside. May be asked by one thread
    at a time.
    """

    def __init__(self, networks: Networks, score: Score):
        self.score = with_playback_velocities(score)
        self.tokens, self.segments = score_tokens(self.score)
        self._networks, self._features = networks, note_features(score_columns(self.score))
        self.before = _note_before(self.segments[:, ONSET_LEVEL])
        self._windows = list(windows_of(len(self.tokens), networks.window))
        self._ends = [window.kept.stop for window in self._windows]
        self._read: dict[int, Future[Understood]] = {}
        self._reader = ThreadPoolExecutor(1, "score reader")

    @property
    def expected(self) -> np.ndarray:
        """The style (N, style_width) to be expected of all notes."""
        return self.understand(slice(0, len(self.tokens))).style

    def is_read(self, rows: slice) -> bool:
        """Return whether ``understand`` would answer for the notes ``rows`` without waiting; if not, they are being read from now on."""
        return all(each.done() for each in self._reading(slice(int(self.before[rows.start]), rows.stop))[1])

    def understand(self, rows: slice) -> Understood:
        """Return what the networks make of the notes ``rows``, of which there are some."""
        begin = int(self.before[rows.start])
        context, style, tempo = self._understand(slice(begin, rows.stop))
        own = slice(rows.start - begin, None)
        return Understood(context[own], style[own], tempo[self.before[rows] - begin])

    def _understand(self, rows: slice) -> Understood:
        """Return the same with the tempo from each onset on, as the networks expect it."""
        begin, windows = self._reading(rows)
        parts = zip(*(each.result() for each in windows), strict=True)
        return Understood(*(np.concatenate(part)[rows.start - begin : rows.stop - begin] for part in parts))

    def _reading(self, rows: slice) -> tuple[int, list[Future[Understood]]]:
        """Return the windows in which the notes ``rows`` are read, and the first note that counts in them; have the next one read, too."""
        first, last = bisect_right(self._ends, rows.start), bisect_right(self._ends, rows.stop - 1)
        for index in range(first, min(last + 2, len(self._windows))):
            if index not in self._read:
                self._read[index] = self._reader.submit(self._read_window, self._windows[index])
        return self._windows[first].kept.start, [self._read[index] for index in range(first, last + 1)]

    def written(self) -> np.ndarray:
        """Return DExter's columns (N, 8) of the score as it is written: tempo and velocities, full lengths, no pedal."""
        notes = self.score.notes
        columns = np.zeros((len(notes), len(PERFORMANCE_COLUMNS)))
        columns[:, BEAT_PERIOD] = np.log2(60 / tempo_at(self.score, notes["onset_quarter"]))
        columns[:, VELOCITY] = _velocities(self.score) / 127
        return columns

    def _read_window(self, window: Window) -> Understood:
        return Understood(*self._networks.read_score_window(self.tokens, self._features, window))


def score_tokens(score: Score) -> tuple[np.ndarray, np.ndarray]:
    """Return the tokens (N, 16) of a score, which are also those of it played without expression, and its notes' segments (N, 3)."""
    notes = score.notes
    tokens = encode_score(notes, score.measures, score.time_signatures, tempo_at(score, notes["onset_quarter"]), _velocities(score))
    return tokens, note_segments(notes, score.measures, score.time_signatures)


def _note_before(onsets: np.ndarray) -> np.ndarray:
    """Return for each note (N,) the last one of the onset before; for those of the first onset, the first."""
    return np.maximum(np.searchsorted(onsets, onsets) - 1, 0)


def _velocities(score: Score) -> np.ndarray:
    return np.where(score.notes["velocity"] > 0, score.notes["velocity"], PLAIN_VELOCITY)
