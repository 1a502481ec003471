"""What makes sound of MIDI messages: the protocol of every synthesizer."""

from typing import Protocol

import numpy as np


class Synthesizer(Protocol):
    """``send`` and ``render`` may be called from different threads. A message sounds ``latency_frames`` after the last frame rendered."""

    sample_rate: int
    latency_frames: int

    def send(self, message: bytes) -> None:
        """Take one complete MIDI message. Never waits."""

    def render(self, frames: int) -> np.ndarray:
        """Return the next samples, float32 of shape (frames, 2), however loud."""

    def close(self) -> None:
        """Free what it holds; it must not be used afterwards."""
