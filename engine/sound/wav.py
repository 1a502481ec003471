"""A sink that renders what it is sent to a WAV file: 44.1 kHz, 16 bit, stereo, faster than real time."""

import queue
import threading
import wave
from pathlib import Path

import numpy as np

from engine.errors import PerfLiveError
from engine.events import Event
from engine.output_file import check_writable, whole_file
from engine.sound.fluidsynth import BLOCK_FRAMES, Synthesizer

SAMPLE_RATE = 44100
CHUNK_FRAMES = 512 * BLOCK_FRAMES  # 0.7 s: what is in memory at a time
QUIET = 1e-4  # -80 dB: the tail ends here
LONGEST_TAIL_S = 12.0
MOST_FRAMES = (2**32 - 44) // 4  # 6 h 45 min: the format counts its bytes, four a frame, with 32 bits, and 44 are its header
QUEUE_LENGTH = 4096  # messages waiting for the renderer; only an offline run ever fills it, and then waits


class _Abandoned(Exception):
    """The file is not wanted any more."""


class WavSink:
    """Renders in a thread of its own, so that ``send`` returns at once and a live take is not held up (see engine/sinks.py).

    ``send`` and ``close`` raise PerfLiveError when the rendering has failed (a full disk). A file that is full is kept whole, and the music
    goes on without it: ``close`` then says so.
    """

    def __init__(self, path: Path, sound_font: Path | None = None):
        """Raises PerfLiveError when ``path`` cannot be written, or FluidSynth or a sound font is missing."""
        self._path = check_writable(path)
        self._synthesizer = Synthesizer(sound_font, SAMPLE_RATE)
        self._origin_ns = 0
        self._frames_written = 0
        self._abandoned = False
        self._ended = False  # whether the renderer has taken the last event
        self._error: PerfLiveError | None = None
        self._events: queue.Queue[Event | None] = queue.Queue(QUEUE_LENGTH)
        self._renderer = threading.Thread(target=self._run, name=f"render {self._path.name}", daemon=True)

    def start(self, origin_ns: int) -> None:
        self._origin_ns = origin_ns
        self._renderer.start()

    def send(self, event: Event) -> None:
        self._raise_error()
        self._events.put(event)

    def close(self) -> None:
        """Let the last notes ring out and finish the file."""
        if self._renderer.is_alive():
            self._events.put(None)
            try:
                self._renderer.join()
            except BaseException:  # whoever cannot wait for the rest still leaves no half-written file
                self._abandoned = True
                self._renderer.join()
                raise
        self._synthesizer.close()
        self._raise_error()
        if self._frames_written == MOST_FRAMES:
            raise PerfLiveError(f"{str(self._path)!r} holds 6 h 45 min, the most that a WAV file can; use --record, which keeps all notes")

    def abort(self) -> None:
        self._abandoned = True
        self.close()

    def _raise_error(self) -> None:
        if self._error is not None:
            raise self._error

    def _run(self) -> None:
        try:
            with whole_file(self._path) as temporary, wave.open(str(temporary), "wb") as file:
                file.setnchannels(2)
                file.setsampwidth(2)
                file.setframerate(SAMPLE_RATE)
                self._render(file)
            return
        except _Abandoned:
            pass
        except Exception as error:  # the thread must not die in silence: the next send raises this
            self._error = error if isinstance(error, PerfLiveError) else PerfLiveError(f"{str(self._path)!r} was not rendered: {error}")
        while not self._ended:  # nobody may wait for room in the queue
            self._receive()

    def _receive(self) -> Event | None:
        event = self._events.get()
        self._ended = event is None
        return event

    def _render(self, file: wave.Wave_write) -> None:
        while (event := self._receive()) is not None:
            self._render_until(file, (event.time_ns - self._origin_ns) * SAMPLE_RATE // 1_000_000_000)
            self._synthesizer.send(event.message)
        self._render_tail(file)

    def _render_until(self, file: wave.Wave_write, frame: int) -> None:
        frame = min(frame, MOST_FRAMES)
        while self._frames_written < frame:
            self._write(file, self._synthesizer.render(min(CHUNK_FRAMES, frame - self._frames_written)))

    def _render_tail(self, file: wave.Wave_write) -> None:
        end = min(self._frames_written + int(LONGEST_TAIL_S * SAMPLE_RATE), MOST_FRAMES)
        while self._frames_written < end:
            samples = self._synthesizer.render(min(CHUNK_FRAMES, end - self._frames_written))
            self._write(file, samples)
            if np.abs(samples).max() < QUIET:
                return

    def _write(self, file: wave.Wave_write, samples: np.ndarray) -> None:
        if self._abandoned:
            raise _Abandoned
        file.writeframesraw(np.rint(samples * 32767).astype("<i2").tobytes())
        self._frames_written += len(samples)
