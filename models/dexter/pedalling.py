"""When a foot lifts and presses the sustain pedal: which of many moments, so that lifts and presses alternate. NumPy only.

The mean of many pianists' pedals is half down most of the time, and passes half of its way at moments of its own. So what is predicted is
how many of them lift, or press, at each of some delays after each anchor; the moments are the alternating sequence that most of them agree
with, and in which the pedal is down where the mean has it deep. Depths stay what they are, but on the side on which the foot is.
"""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from models.performance.features import FEATURES, denormalise, normalise
from models.performance.harmony import HARMONY, harmony, onset_groups
from models.performance.pedal import Pedal, encode_pedal
from models.performance.representation import BEAT_PERIOD, PEDAL, PEDAL_BETWEEN, find_anchors
from models.performance.score_representation import SCORE_COLUMNS

DELAYS_S = (0.0, 0.04, 0.08, 0.12, 0.17, 0.23)  # after an anchor; as near as 60 ms counts as there
GESTURES = ("lift", "press")
PEDALLING = tuple(f"{gesture}_after_{1000 * delay_s:.0f}_ms" for gesture in GESTURES for delay_s in DELAYS_S)
INTERVALS = ("interval", "interval_before")  # log2 of seconds to the next anchor and from the one before, as performed
PEDALLING_FEATURES = (*FEATURES, *HARMONY, *(f"{name}_step" for name in HARMONY), *(f"{name}_next" for name in HARMONY), *INTERVALS)
LEAST_AGREEING = (0.18, 0.16)  # shares of pianists who lift, and press, at a moment, for it to be worth a gesture
LEAST_UP_S, LEAST_DOWN_S = 0.03, 0.1
MEAN_SHARE = 0.75  # of the mean's depth in where a drawn performance has the pedal down; what was drawn has the rest
UP_TO = 0.48  # of the way: the greatest depth of a pedal that is up; one that is down is as far from the bottom at most
SHORTEST_INTERVAL_S, LONGEST_INTERVAL_S = 0.01, 16.0
LAST_QUARTERS = 1.0  # how long the last anchor is taken to be


class Foot(NamedTuple):
    """Where the foot is after some notes; ``span`` (4,) are the pedal columns of the last anchor, in their own units, and ``length_s`` is
    how long it lasts.
    """

    is_down: bool
    span: np.ndarray
    length_s: float


class AnchorFeatures:
    """PEDALLING_FEATURES of the anchors of a piece. Rows are computed when asked for, to save memory.

    ``edges`` (K + 1,) are their quarters and the end, ``groups`` (N,) says which is a note's.
    """

    def __init__(self, score_columns: np.ndarray, features: np.ndarray):
        """``score_columns`` (N, 37) and their ``note_features`` (N, F), N at least 1."""
        score = {name: score_columns[:, SCORE_COLUMNS.index(name)] for name in ("onset_quarter", "pitch", "is_grace")}
        anchors, self.groups = find_anchors(score["onset_quarter"])
        self.edges = np.append(anchors, anchors[-1] + LAST_QUARTERS)
        order = np.lexsort((score["pitch"], score["onset_quarter"], score["is_grace"], self.groups))
        self._lowest = order[np.searchsorted(self.groups[order], np.arange(len(anchors)))]
        self._features = features
        self._harmony = harmony(score_columns).astype(np.float32)
        self._onset = onset_groups(score_columns)[1][self._lowest]

    def rows(self, anchors: np.ndarray, lengths_s: np.ndarray, before_s: float | None) -> np.ndarray:
        """Return (k, len(PEDALLING_FEATURES)) float32 of consecutive ``anchors`` (k,) that last ``lengths_s`` (k,).

        ``before_s``: how long the one before lasts; None where there is none, which counts as being as long as the first.
        """
        onset, lowest = self._onset[anchors], self._lowest[anchors]
        at, before = self._harmony[onset], self._harmony[np.maximum(onset - 1, 0)]
        following = self._harmony[np.minimum(onset + 1, len(self._harmony) - 1)]
        lengths_s = np.concatenate([lengths_s[:1] if before_s is None else [before_s], lengths_s])
        intervals = np.log2(np.clip(lengths_s, SHORTEST_INTERVAL_S, LONGEST_INTERVAL_S))
        found = [self._features[lowest], at, at - before, following, np.stack([intervals[1:], intervals[:-1]], axis=1)]
        return np.concatenate(found, axis=1).astype(np.float32)


class ReadPedalling:
    """The pedalling of one piece. It keeps no state between calls."""

    def __init__(self, score_columns: np.ndarray, features: np.ndarray, predict: Callable[[np.ndarray], np.ndarray]):
        """``score_columns`` (N, 37) and their ``note_features`` (N, F), N at least 1.

        ``predict`` returns the logarithms of odds (k, len(PEDALLING)) of anchors with these PEDALLING_FEATURES (k, G).
        """
        self._score_columns, self._predict = score_columns, predict
        self._features = AnchorFeatures(score_columns, features)

    def pedal(self, columns: np.ndarray, mean: np.ndarray, rows: slice, foot: Foot | None) -> tuple[np.ndarray, Foot]:
        """Return normalised ``columns`` (n, 8) of the notes ``rows`` with a foot's pedal, and where the foot is then.

        ``mean`` (n, 8) are the same without what was drawn. ``foot`` is where it was before the first of them; None: nowhere yet.
        """
        score_columns, groups = self._score_columns[rows], self._features.groups[rows]
        performed, expected = denormalise(columns, score_columns), _depths(denormalise(mean, score_columns))
        begun = 0
        if foot and groups[0] == self._features.groups[rows.start - 1]:  # these notes go on with an anchor
            begun = int(np.searchsorted(groups, groups[0], side="right"))
            performed[:begun, PEDAL:] = foot.span
        if begun < len(groups) or not foot:
            firsts = begun + np.flatnonzero(np.diff(groups[begun:], prepend=-1))
            foot, spans = self._spans(groups[firsts], performed[firsts], expected[firsts], foot)
            performed[begun:, PEDAL:] = spans[groups[begun:] - groups[begun]]
        pedalled = columns.copy()
        pedalled[:, PEDAL:] = normalise(performed, score_columns)[:, PEDAL:]
        return pedalled, foot

    def _spans(self, anchors: np.ndarray, performed: np.ndarray, expected: np.ndarray, foot: Foot | None) -> tuple[Foot, np.ndarray]:
        """Return where the foot is after consecutive ``anchors`` (k,), and their pedal columns (k, 4).

        The anchors have the columns ``performed`` (k, 8), and in the mean the depth ``expected`` (k,).
        """
        lengths_s = np.diff(self._features.edges[anchors[0] : anchors[-1] + 2]) * np.exp2(performed[:, BEAT_PERIOD])
        edges = np.concatenate([[0.0], np.cumsum(lengths_s)])
        odds = self._predict(self._features.rows(anchors, lengths_s, foot.length_s if foot else None))
        shares = (1 / (1 + np.exp(-odds))).reshape(len(anchors), len(GESTURES), len(DELAYS_S))
        depths = _depths(performed)
        moves, is_down = alternate(edges, shares, MEAN_SHARE * expected + (1 - MEAN_SHARE) * depths, foot.is_down if foot else None)
        spans = _encode(_pedal(edges, moves, is_down, depths), edges)
        return Foot(moves[-1][1] if moves else is_down, spans[-1], float(lengths_s[-1])), spans


def _depths(columns: np.ndarray) -> np.ndarray:
    """Return how deep the pedal is (n,), 0 to 1, from an anchor to the next, of columns (n, 8)."""
    return np.asarray(np.clip(columns[:, [PEDAL, PEDAL_BETWEEN]], 0, 1).mean(1))


def alternate(edges: np.ndarray, shares: np.ndarray, depths: np.ndarray, is_down: bool | None) -> tuple[list[tuple[float, bool]], bool]:
    """Return (time, whether it is a press), in seconds and ascending, of the alternating gestures that suit best, and whether the pedal is
    down before them.

    ``edges`` (k + 1,) are the anchors' times and the end, ``shares`` (k, 2, D) how many lift and press at each delay after each anchor,
    of which LEAST_AGREEING is taken off. To them comes, for each second that the pedal is down, by how much ``depths`` (k,) are nearer to 1
    than to 0, and for each that it is up, the opposite. ``is_down``: where the foot is before; None: where it suits.
    """
    times = (edges[:-1, None] + np.array(DELAYS_S)).ravel()
    inside = np.flatnonzero(times < edges[-1])
    order = inside[np.argsort(times[inside], kind="stable")]
    times = times[order]
    gains = (shares - np.array(LEAST_AGREEING)[:, None]).transpose(1, 0, 2).reshape(len(GESTURES), -1)[:, order].tolist()
    # Up to how many moments may have been before, for a gesture to follow one of the other kind
    before = [np.searchsorted(times, times - least_s, side="right").tolist() for least_s in (LEAST_DOWN_S, LEAST_UP_S)]
    suited = np.concatenate([[0.0], np.cumsum((2 * depths - 1) * np.diff(edges))])
    held = np.interp(np.append(edges[0], times), edges, suited).tolist()  # what being down gains until each moment
    sums = [[0.0 if is_down is not True else -np.inf], [0.0 if is_down is not False else -np.inf]]  # up, down: after so many moments
    moved: list[list[bool]] = [[], []]
    for moment in range(len(times)):
        for side, sign in enumerate((-1, 1)):  # up by a lift, down by a press
            since = min(before[side][moment], moment)
            by_move = sums[1 - side][since] - sign * (held[moment + 1] - held[since]) + gains[side][moment]
            as_before = sums[side][moment] + sign * (held[moment + 1] - held[moment])
            moved[side].append(by_move > as_before)
            sums[side].append(max(by_move, as_before))
    rest = float(suited[-1]) - held[-1]
    return _trace(times.tolist(), moved, before, int(sums[1][-1] + rest >= sums[0][-1] - rest))


def _trace(times: list[float], moved: list[list[bool]], before: list[list[int]], side: int) -> tuple[list[tuple[float, bool]], bool]:
    """Return what ``alternate`` does, from what led to each moment and the side, up or down, on which the foot ends."""
    moves, moment = [], len(times)
    while moment:
        if moved[side][moment - 1]:
            moves.append((times[moment - 1], side == 1))
            moment, side = min(before[side][moment - 1], moment - 1), 1 - side
        else:
            moment -= 1
    return moves[::-1], side == 1


def _encode(pedal: Pedal, edges: np.ndarray) -> np.ndarray:
    """Return the pedal columns (k, 4) of anchors that others may follow, of which nothing is known.

    What is encoded is up after the end. So where the pedal is down at the last anchor it is taken to stay as it ends: it may be lifted and
    pressed before that. Where it is up it is pressed at most.
    """
    at_last = pedal.value[np.searchsorted(pedal.time_sec, edges[-2], side="right") - 1]
    further = np.append(edges, edges[-1] + 1) if at_last > 127 / 2 else edges
    return encode_pedal(pedal, further)[: len(edges) - 1]


def _pedal(edges: np.ndarray, moves: list[tuple[float, bool]], is_down: bool, depths: np.ndarray) -> Pedal:
    """Return the pedal of a foot that is down or not at the first edge, and then moves. ``depths`` (k,), 0 to 1, are the anchors'."""
    times = np.concatenate([edges[:-1], [time for time, _ in moves]])
    order = np.argsort(times, kind="stable")
    times = times[order]
    count = np.searchsorted([time for time, _ in moves], times, side="right")  # of the moves until then
    down = np.array([is_down, *(press for _, press in moves)])[count]
    depth = depths[np.searchsorted(edges, times, side="right").clip(1, len(depths)) - 1]
    return Pedal(times, 127 * np.where(down, 1 - UP_TO * (1 - depth), UP_TO * depth))
