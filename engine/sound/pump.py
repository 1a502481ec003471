"""Writes sound to a device's stream from a thread of its own, instead of from the device's callback.

The device calls back from a thread that may not wait, and Python may have to: for the interpreter, while a network's thread has it. What
is written waits in the stream, from where the device takes it without Python.
"""

import threading
import time
from collections.abc import Callable
from typing import Any

import numpy as np

from engine.base.errors import PerfLiveError
from engine.runtime.real_time import real_time

STREAM_S = 0.04  # that the stream is asked to hold
WRITTEN_FRAMES = 256  # at a time
SETTLING_S = 0.02
PATIENCE_S = 1.0  # for a device that no longer takes anything


class Pump:
    """Writes what ``render`` gives of as many frames, (frames, 2) float32, to a sounddevice.OutputStream without callback, which it starts.

    ``latency_frames``: what the stream holds when it is full, as it is while sound is ready in time. ``underruns``: how often it ran dry.
    """

    def __init__(self, stream: Any, render: Callable[[int], np.ndarray]):
        self.underruns = 0
        self.error: PerfLiveError | None = None
        self._stream, self._render = stream, render
        self._ending = False
        stream.start()
        self.latency_frames = _room_when_empty(stream)
        self._thread = threading.Thread(target=self._run, name="pump", daemon=True)
        self._thread.start()

    def end(self) -> None:
        """Write no more; what was written is left to the stream."""
        self._ending = True
        self._thread.join(PATIENCE_S)

    def _run(self) -> None:
        try:
            with real_time():
                self._stream.write(self._render(WRITTEN_FRAMES))
                while not self._ending:
                    sound = self._render(WRITTEN_FRAMES)
                    dry = self._stream.write_available >= self.latency_frames
                    self.underruns += self._stream.write(sound) or dry
        except Exception as error:  # the thread must not die in silence: the sink raises this
            self.error = error if isinstance(error, PerfLiveError) else PerfLiveError(f"the audio device takes no more sound: {error}")


def _room_when_empty(stream: Any) -> int:
    """Wait until the stream has nothing to play; return how many frames can be written then."""
    room = -1
    while room != (now := stream.write_available):
        room = now
        time.sleep(SETTLING_S)
    return room
