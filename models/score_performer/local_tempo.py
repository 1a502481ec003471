"""The tempo at an onset from a local window of earlier onsets, and the tempos of bars, beats and single onsets. NumPy only.

Tempos are in quarters a minute and take the values of the tempo field. Source: the paper in vocabulary.py.
"""

import numpy as np

from models.score_performer.vocabulary import FIELDS, SLOWEST_TEMPO, TEMPO, to_token, to_tokens, to_value, to_values

WINDOW_S = 8.0
LEAST_DISTANCE_S = 0.5  # nearer onsets say more of their notes' timing than of the tempo
LEAST_ONSETS = 8  # further ones are asked when the window has fewer
REACH_S = 4 * WINDOW_S
DEFAULT_TEMPO = 120.0  # of a performance with a single onset
FASTEST_TEMPO = float(FIELDS[TEMPO].values[-1])


class LocalTempo:
    """Follows a performance and predicts, after each onset, the tempo until the next.

    An onset d seconds back has the weight 1 - d / (D + 0.01), where D is the furthest. The first second has the initial tempo. After a
    silence with all onsets out of reach, the tempo stays; the paper then uses all earlier onsets, and would have to keep them.
    """

    def __init__(self, initial_tempo: float):
        self.tempo = nearest_tempo(initial_tempo)
        self._start_s: float | None = None
        self._passed = np.empty((2, 256))  # quarters and seconds of onsets, those in reach from the first to before the stop
        self._first = self._stop = 0

    def add(self, quarter: float, time_s: float) -> float:
        """Add an onset, later than all before, and return the tempo from then on."""
        if self._start_s is None:
            # An onset a quarter earlier, at the initial tempo. The paper's is a tick earlier, which says nothing.
            self._start_s = time_s
            self._append(quarter - 1, time_s - 60 / self.tempo)
        if time_s - self._start_s >= 2 * LEAST_DISTANCE_S:
            quarters, seconds = self._window(quarter, time_s)
            if len(seconds):
                self.tempo = nearest_tempo(weighted_tempo(quarters, seconds))
        self._append(quarter, time_s)
        while time_s - self._passed[1, self._first] > REACH_S:
            self._first += 1
        return self.tempo

    def _append(self, quarter: float, time_s: float) -> None:
        if self._stop == self._passed.shape[1]:
            kept = self._passed[:, self._first : self._stop]
            self._passed = np.empty((2, max(2 * kept.shape[1], 256)))
            self._passed[:, : kept.shape[1]] = kept
            self._first, self._stop = 0, kept.shape[1]
        self._passed[:, self._stop] = quarter, time_s
        self._stop += 1

    def _window(self, quarter: float, time_s: float) -> tuple[np.ndarray, np.ndarray]:
        """Return the distances of the window's onsets, in quarters and seconds, the latest first."""
        latest_first = self._passed[:, self._first : self._stop][:, ::-1]
        quarters, seconds = quarter - latest_first[0], time_s - latest_first[1]
        chosen = seconds >= LEAST_DISTANCE_S
        end = _first(seconds > WINDOW_S)
        if end < len(seconds) and np.count_nonzero(chosen[:end]) < LEAST_ONSETS:
            enough = chosen.cumsum() - chosen >= LEAST_ONSETS
            end = _first((seconds > REACH_S) | (seconds > WINDOW_S) & enough)
        return quarters[:end][chosen[:end]], seconds[:end][chosen[:end]]


def _first(places: np.ndarray) -> int:
    """Return the index of the first True, or the length if there is none."""
    first = int(places.argmax())
    return first if places[first] else len(places)


def weighted_tempo(quarters: np.ndarray, seconds: np.ndarray) -> float:
    """Return the mean tempo of spans (K,) that share one end; shorter spans weigh more. Spans last more than 0 s."""
    weights = 1 - seconds / (np.maximum.reduce(seconds) + 0.01)
    return max(SLOWEST_TEMPO, 60 * float(weights @ (quarters / seconds) / np.add.reduce(weights)))


def nearest_tempo(tempo: float) -> float:
    """Return the value of the tempo field nearest to ``tempo``."""
    return to_value(TEMPO, to_token(TEMPO, tempo))


def initial_tempo(quarters: np.ndarray, times_s: np.ndarray) -> float:
    """Return the tempo at the beginning of a performance with onsets (K,): the weighted tempo of the first 32 s or first onsets."""
    elapsed_s, elapsed_quarters = times_s[1:] - times_s[0], quarters[1:] - quarters[0]
    near = elapsed_s <= REACH_S
    if near.sum() < LEAST_ONSETS:
        near = np.arange(len(elapsed_s)) < LEAST_ONSETS
    for least_s in (LEAST_DISTANCE_S, 0.0):
        chosen = near & (elapsed_s > least_s)
        if chosen.any():
            return nearest_tempo(weighted_tempo(elapsed_quarters[chosen], elapsed_s[chosen]))
    return DEFAULT_TEMPO


def group_tempos(quarters: np.ndarray, times_s: np.ndarray, groups: np.ndarray) -> np.ndarray:
    """Return the tempo by onset (K,): from the first onset of its group to the first of the next. ``groups`` (K,) ascend.

    The last group has the tempo of its own onsets, or that of the group before it if it has only one.
    """
    first = np.flatnonzero(np.diff(groups, prepend=groups[0] - 1))
    edges = np.append(first, len(groups) - 1)
    spans, seconds = np.diff(quarters[edges]), np.diff(times_s[edges])
    tempos = np.divide(60 * spans, seconds, out=np.full(len(spans), FASTEST_TEMPO), where=seconds > 0)
    if spans[-1] <= 0:
        tempos[-1] = tempos[-2] if len(tempos) > 1 else DEFAULT_TEMPO
    tempos = to_values(TEMPO, to_tokens(TEMPO, tempos))
    return tempos[np.searchsorted(first, np.arange(len(groups)), side="right") - 1]
