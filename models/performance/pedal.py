"""The sustain pedal between two anchors of a score: four columns of a performance, and back. NumPy only.

A span lasts from one anchor to the next. Its columns are ``pedal``, ``pedal_between``, ``pedal_change`` and ``pedal_return``;
models.performance.representation defines them.
"""

from typing import NamedTuple

import numpy as np

SAME_TIME_S = 1e-6


class Pedal(NamedTuple):
    """The sustain pedal: ``time_sec`` ascending, ``value`` 0 to 127 from then on. It is up before the first."""

    time_sec: np.ndarray
    value: np.ndarray


def encode_pedal(pedal: Pedal, edges: np.ndarray) -> np.ndarray:
    """Return the pedal columns (K, 4) of the spans between ``edges`` (K + 1,)."""
    times, depths = np.asarray(pedal.time_sec, dtype=float), np.asarray(pedal.value) / 127
    lasts = np.append(np.diff(times) > 0, np.ones(min(len(times), 1), dtype=bool))  # a depth that lasts for no time is none
    times, depths = times[lasts], depths[lasts]
    at_edges = np.append(0.0, depths)[np.searchsorted(times, edges + SAME_TIME_S, side="right")]
    at_edges[-1] = 0.0  # the pedal is up after the end
    begin = np.searchsorted(times, edges[:-1] + SAME_TIME_S, side="right")
    end = np.maximum(np.searchsorted(times, edges[1:] - SAME_TIME_S, side="left"), begin)
    encoded = np.zeros((len(edges) - 1, 4))
    encoded[:, 0] = encoded[:, 1] = at_edges[:-1]
    encoded[:, 3] = 1.0
    for span in np.flatnonzero(end > begin):  # in the others nothing moves
        first, last = begin[span], end[span]
        before, after = at_edges[span], at_edges[span + 1]
        values = np.concatenate([[before], depths[first:last]])
        shares = np.concatenate([[0.0], (times[first:last] - edges[span]) / (edges[span + 1] - edges[span])])
        lift = max(min(before, after) - values.min(), 0.0)
        if values.max() - max(before, after) > lift:  # a press is a lift upside down
            low, change, back = _encode_lift(1 - values, shares, 1 - after)
            encoded[span] = before, 1 - low, change, back
        else:
            encoded[span] = before, *_encode_lift(values, shares, after)
    return encoded


def _encode_lift(depths: np.ndarray, shares: np.ndarray, after: float) -> tuple[float, float, float]:
    """Return the lowest of the ``depths`` that are in force from ``shares`` of a span on, when it is reached, and when it is left."""
    low = depths.min()
    lifted = np.flatnonzero(depths <= (depths[0] + low) / 2)[0] if low < depths[0] else 0
    middle = (low + after) / 2
    risen = np.flatnonzero((depths[lifted:-1] <= middle) & (depths[lifted + 1 :] > middle)) + lifted + 1
    return low, shares[lifted], shares[risen[-1]] if after > low and len(risen) else 1.0


def decode_pedal(encoded: np.ndarray, edges: np.ndarray) -> Pedal:
    """Return the pedal steps that ``encoded`` (K, 4) describes between ``edges`` (K + 1,).

    Steps that change nothing are left out, and the pedal is up from the last edge on.
    """
    encoded = np.clip(encoded, 0, 1)
    begins, lengths, depths_after = edges[:-1].tolist(), np.diff(edges).tolist(), [*encoded[1:, 0].tolist(), 0.0]
    times, depths = [], []
    for begin, length, (depth, between, change, back), after in zip(begins, lengths, encoded.tolist(), depths_after, strict=True):
        for share, value in ((0.0, depth), *span_steps(between, change, back, after)):
            times.append(begin + share * length)
            depths.append(value)
    times_sec, values = np.array([*times, edges[-1]]), np.round(127 * np.array([*depths, 0.0])).astype(np.int64)
    last_at_time = np.append(np.diff(times_sec) > 0, True)
    times_sec, values = times_sec[last_at_time], values[last_at_time]
    changes = np.diff(values, prepend=0) != 0
    return Pedal(times_sec[changes], values[changes])


def span_steps(between: float, change: float, back: float, after: float) -> list[tuple[float, float]]:
    """Return the pedal's moves within one span as (share of the span, depth): to ``between``, and to the next anchor's ``after`` if any.

    ``between``, ``change`` and ``back`` are the columns pedal_between, pedal_change and pedal_return, each from 0 to 1.
    """
    return [(change, between), (max(back, change), after)] if back < 1 else [(change, between)]
