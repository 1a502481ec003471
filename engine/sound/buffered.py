"""A synthesizer that computes ahead in a thread of its own, so that rendering never waits."""

import threading
from collections import deque

import numpy as np

from engine.base.errors import PerfLiveError
from engine.sound.synthesizer import Synthesizer


class BufferedSynthesizer:
    """Keeps ``ahead_frames`` rendered, up to ``block_frames`` more, and plays messages as much later (see engine/sound/synthesizer.py).

    A message is placed after the frames that were given when it was sent, not where a block begins. ``render`` never waits: what is not
    ready is silence, and is counted in ``underruns``.
    """

    def __init__(self, synthesizer: Synthesizer, block_frames: int, ahead_frames: int):
        self._synthesizer = synthesizer
        self._block_frames, self._ahead_frames = block_frames, ahead_frames
        self.sample_rate = synthesizer.sample_rate
        self._late_frames = ahead_frames + block_frames
        self.latency_frames = synthesizer.latency_frames + self._late_frames
        self.underruns = 0
        self.error: PerfLiveError | None = None
        self._blocks: deque[np.ndarray] = deque()
        self._frames_ready = 0
        self._given = self._rendered = 0  # frames
        self._messages: deque[tuple[int, bytes]] = deque()  # with the frame that each is due before
        self._wanted = threading.Condition()
        self._closing = False
        while self._frames_ready < ahead_frames:  # the first sound must not wait for what is only now loaded
            self._fill_once()
        self._worker = threading.Thread(target=self._run, name="render ahead", daemon=True)
        self._worker.start()

    def send(self, message: bytes) -> None:
        with self._wanted:
            self._messages.append((self._given + self._late_frames, message))

    def render(self, frames: int) -> np.ndarray:
        rendered = np.zeros((frames, 2), np.float32)
        filled = 0
        with self._wanted:
            while filled < frames and self._blocks:
                block = self._blocks.popleft()
                taken = min(len(block), frames - filled)
                rendered[filled : filled + taken] = block[:taken]
                filled += taken
                if taken < len(block):
                    self._blocks.appendleft(block[taken:])
            self._frames_ready -= filled
            self._given += filled
            if filled < frames:
                self.underruns += 1
            self._wanted.notify()
        return rendered

    def close(self) -> None:
        with self._wanted:
            self._closing = True
            self._wanted.notify()
        self._worker.join()
        self._synthesizer.close()

    def _run(self) -> None:
        try:
            while self._wait():
                self._fill_once()
        except Exception as error:  # the thread must not die in silence: the sink raises this
            self.error = error if isinstance(error, PerfLiveError) else PerfLiveError(f"the sound cannot go on: {error}")

    def _wait(self) -> bool:
        with self._wanted:
            self._wanted.wait_for(lambda: self._closing or self._frames_ready < self._ahead_frames)
            return not self._closing

    def _fill_once(self) -> None:
        end = self._rendered + self._block_frames
        while self._rendered < end:
            with self._wanted:
                due = min(max(self._messages[0][0], self._rendered), end) if self._messages else end
                message = self._messages.popleft()[1] if due < end else b""
            if due > self._rendered:
                block = self._synthesizer.render(due - self._rendered)
                with self._wanted:
                    self._blocks.append(block)
                    self._frames_ready += len(block)
                self._rendered = due
            if message:
                self._synthesizer.send(message)
