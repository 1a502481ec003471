"""A score as ScorePerformer's networks read it."""

from bisect import bisect_right
from concurrent.futures import Future
from typing import NamedTuple

import numpy as np

from engine.base.worker import Worker
from engine.performers.score_performer.networks import Networks, Window, windows_of
from engine.performers.score_playing.columns import score_columns
from engine.score.dynamics import with_playback_velocities
from engine.score.tables import Score
from engine.score.tempo import tempo_at
from models.performance.features import note_features
from models.performance.representation import BEAT_PERIOD, PERFORMANCE_COLUMNS, VELOCITY
from models.score_performer.score_representation import ONSET_LEVEL, encode_score, note_segments

MOST_EXPECTED = 24  # windows that are read before playing begins
READERS = 2  # threads: what is read before playing begins is waited for
PLAIN_VELOCITY = 64  # of a score whose notes have none


class Understood(NamedTuple):
    """What the decoder is told of notes, all float32: ``context`` (N, width), the expected ``style`` (N, style_width) and ``tempo`` (N,).

    The tempo is that since the onset before, in octaves above the notated one and the performance's mean.
    """

    context: np.ndarray
    style: np.ndarray
    tempo: np.ndarray


class ScoreReading:
    """A score as ScorePerformer's networks read it. One thread at a time may ask.

    ``score`` has the velocities of its dynamics. By note: ``tokens`` (N, 16) and ``segments`` (N, 3), see
    models.score_performer.score_representation, and ``before`` (N,), the last note of the onset before. The networks read it window by
    window when they are asked (see engine.performers.score_performer.networks), and the window after that in the background.
    """

    def __init__(self, networks: Networks, score: Score):
        self.score = with_playback_velocities(score)
        self.tokens, self.segments = score_tokens(self.score)
        self._networks, self._features = networks, note_features(score_columns(self.score))
        self.before = _note_before(self.segments[:, ONSET_LEVEL])
        self._windows = list(windows_of(len(self.tokens), networks.window))
        self._ends = [window.kept.stop for window in self._windows]
        chosen = np.linspace(0, len(self._windows) - 1, min(len(self._windows), MOST_EXPECTED)).round().astype(int)
        self._spread = [self._windows[index].kept for index in np.unique(chosen).tolist()]
        self._read: dict[int, Future[Understood]] = {}
        self._readers = [Worker("score reader") for _ in range(READERS)]

    @property
    def expected(self) -> np.ndarray:
        """The expected style (N, style_width) of all notes."""
        return self.understand(slice(0, len(self.tokens))).style

    def expected_periods(self) -> np.ndarray:
        """Return the expected log2 of seconds a quarter (N,) from each note on, of a performance with the notated tempo as its mean.

        Of a long piece MOST_EXPECTED windows are read, spread evenly; the notes of the others are expected at the others' mean.
        """
        octaves = np.full(len(self.tokens), np.nan)
        for rows in self._spread:
            self._reading(rows)  # so that no reader waits for what another one reads
        for rows in self._spread:
            octaves[rows] = self._understand(rows).tempo
        return self.written()[:, BEAT_PERIOD] - np.where(np.isnan(octaves), np.nanmean(octaves), octaves)

    @property
    def is_expected(self) -> bool:
        """Whether ``expected_periods`` would answer at once; if not, what it needs is being read from now on."""
        return all([each.done() for rows in self._spread for each in self._reading(rows)[1]])

    def is_read(self, rows: slice) -> bool:
        """Return whether ``understand`` would answer for the notes ``rows`` at once; if not, they are being read from now on."""
        return all(each.done() for each in self._reading(slice(int(self.before[rows.start]), rows.stop))[1])

    def understand(self, rows: slice) -> Understood:
        """Return how the networks read the notes ``rows``, of which there is at least one."""
        begin = int(self.before[rows.start])
        context, style, tempo = self._understand(slice(begin, rows.stop))
        own = slice(rows.start - begin, None)
        return Understood(context[own], style[own], tempo[self.before[rows] - begin])

    def _understand(self, rows: slice) -> Understood:
        """Return the same, but with the tempo from each onset on, as the networks expect it."""
        begin, windows = self._reading(rows)
        parts = zip(*(each.result() for each in windows), strict=True)
        return Understood(*(np.concatenate(part)[rows.start - begin : rows.stop - begin] for part in parts))

    def _reading(self, rows: slice) -> tuple[int, list[Future[Understood]]]:
        """Return the windows that cover the notes ``rows`` and the first note that counts in them; let the next window be read, too."""
        first, last = bisect_right(self._ends, rows.start), bisect_right(self._ends, rows.stop - 1)
        for index in range(first, min(last + 2, len(self._windows))):
            if index not in self._read:
                self._read[index] = self._readers[len(self._read) % READERS].submit(self._read_window, self._windows[index])
        return self._windows[first].kept.start, [self._read[index] for index in range(first, last + 1)]

    def written(self) -> np.ndarray:
        """Return the performance columns (N, 8) of the score as it is written: tempo and velocities, full lengths, no pedal."""
        notes = self.score.notes
        columns = np.zeros((len(notes), len(PERFORMANCE_COLUMNS)))
        columns[:, BEAT_PERIOD] = np.log2(60 / tempo_at(self.score, notes["onset_quarter"]))
        columns[:, VELOCITY] = _velocities(self.score) / 127
        return columns

    def _read_window(self, window: Window) -> Understood:
        return Understood(*self._networks.read_score_window(self.tokens, self._features, window))


def score_tokens(score: Score) -> tuple[np.ndarray, np.ndarray]:
    """Return a score's tokens (N, 16), which are also those of a performance without expression, and its notes' segments (N, 3)."""
    notes = score.notes
    tokens = encode_score(notes, score.measures, score.time_signatures, tempo_at(score, notes["onset_quarter"]), _velocities(score))
    return tokens, note_segments(notes, score.measures, score.time_signatures)


def _note_before(onsets: np.ndarray) -> np.ndarray:
    """Return for each note (N,) the last one of the onset before; for those of the first onset, the first."""
    return np.maximum(np.searchsorted(onsets, onsets) - 1, 0)


def _velocities(score: Score) -> np.ndarray:
    return np.where(score.notes["velocity"] > 0, score.notes["velocity"], PLAIN_VELOCITY)
