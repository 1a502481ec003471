"""The last stage before a file or the sound card: gain, and a limiter that lets nothing beyond full scale."""

import numpy as np

CEILING = 0.98
STEP_FRAMES = 64  # the limiter's gain is set so often, and goes in a straight line between
_RELEASE_DB_A_SECOND = 40.0


class Limiter:
    """Makes sound ``gain_db`` louder, and turns it down while a peak would exceed CEILING.

    Other sound is not changed. It looks ahead within a block only and so adds no latency: what is still too loud at the very beginning of a
    block is clipped. Its state is the gain; no two threads may use it at once.
    """

    def __init__(self, sample_rate: int, gain_db: float = 0.0):
        self._gain = np.float32(10 ** (gain_db / 20))
        self._reduction = 1.0  # at the end of the last block
        self._release = 10 ** (_RELEASE_DB_A_SECOND / 20 * STEP_FRAMES / sample_rate)

    def process(self, samples: np.ndarray) -> np.ndarray:
        """Return ``samples`` (frames, channels) float32 as they go out, from -CEILING to CEILING."""
        louder = samples * self._gain
        if not len(louder):
            return louder
        needed = self._needed(louder)
        if self._reduction == 1 and needed.min() == 1:
            return louder
        nodes = self._nodes(needed)
        steps = np.arange(len(louder)) / STEP_FRAMES
        louder *= np.interp(steps, np.arange(len(nodes)), nodes).astype(np.float32)[:, None]
        self._reduction = float(nodes[-1])
        return np.clip(louder, -CEILING, CEILING)

    def _needed(self, samples: np.ndarray) -> np.ndarray:
        """Return the reduction that each step needs by itself."""
        peaks = np.maximum.reduceat(np.abs(samples).max(axis=1), np.arange(0, len(samples), STEP_FRAMES))
        return np.minimum(1, CEILING / np.maximum(peaks, CEILING))

    def _nodes(self, needed: np.ndarray) -> np.ndarray:
        """Return the reductions between which each step goes: at its beginning, and after the last at its end."""
        nodes = [self._reduction]
        for before, after in zip(needed, [*needed[1:], needed[-1]], strict=True):
            nodes.append(min(before, after, nodes[-1] * self._release))
        return np.array(nodes)
