"""A sink that renders what it is sent to a WAV file, stereo, faster than real time, and brings it to its loudness.

How loud a take is as a whole is known at its end. Until then the sound waits in a draft beside the file, however loud it is.
"""

import queue
import tempfile
import threading
from collections.abc import Iterator
from io import FileIO
from pathlib import Path

import numpy as np

from engine.base.errors import PerfLiveError
from engine.base.files import check_writable, create_partial, whole_file
from engine.midi.events import Event
from engine.sound.choice import open_synthesizer
from engine.sound.limiter import Limiter
from engine.sound.loudness import LoudnessMeter
from engine.sound.options import FILE_SAMPLE_RATE, SoundOptions
from engine.sound.wav_file import WavFile, most_frames

CHUNK_FRAMES = 32768  # 0.7 s: what is in memory at a time
QUIET = 1e-4  # -80 dB: the tail ends here
LONGEST_TAIL_S = 12.0
CHANNELS = 2
QUEUE_LENGTH = 4096  # messages waiting for the renderer; only an offline run ever fills it, and then waits


class _Abandoned(Exception):
    """The file is not wanted any more."""


class Draft:
    """Sound that is kept while its loudness is measured, in a WAV file of 32-bit floats. Its methods raise OSError."""

    def __init__(self, file: FileIO, sample_rate: int):
        self.meter = LoudnessMeter(sample_rate, CHANNELS)
        self._file, self._wav = file, WavFile(file, sample_rate, CHANNELS, 32)

    @property
    def frames(self) -> int:
        return self._wav.frames

    def write(self, samples: np.ndarray) -> None:
        """Append (frames, 2) samples; the file is then whole."""
        self.meter.hear(samples)
        self._wav.write(samples)
        self._wav.bring_up_to_date()

    def blocks(self) -> Iterator[np.ndarray]:
        """Yield what was written, CHUNK_FRAMES at a time, so that a limiter sees what is coming."""
        self._file.seek(self._wav.begin)
        while data := self._file.read(CHUNK_FRAMES * CHANNELS * 4):
            yield np.frombuffer(data, np.float32).reshape(-1, CHANNELS)

    def close(self) -> None:
        self._file.close()


class WavSink:
    """Renders in a thread of its own, beside the performer's computing. Follows ``FileSink`` of engine/runtime/sinks.py.

    ``send`` and ``close`` raise PerfLiveError when the rendering has failed (a full disk). A file that is full is kept whole, and the music
    goes on without it: ``close`` then says so.
    """

    def __init__(self, path: Path, options: SoundOptions | None = None, keeps: bool = False):
        """``keeps``: the draft, which is a take, has a name, and stays when the file fails: live, where it cannot be made again.

        Raises PerfLiveError when ``path`` cannot be written, or what makes the sound is missing.
        """
        self._path, self._keeps = check_writable(path), keeps
        self.kept: Path | None = None
        self._options = options = options or SoundOptions()
        self._most_frames = most_frames(CHANNELS, options.bits)
        self._synthesizer = open_synthesizer(options, options.sample_rate or FILE_SAMPLE_RATE)
        self._to_skip = self._synthesizer.latency_frames
        self._rendered: list[np.ndarray] = []  # not yet written, in all less than a chunk
        self._frames_rendered = 0
        self._origin_ns = 0
        self._full_at = 0  # frames: of a file that can take no more
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
        if self._full_at:
            held = f"{str(self._path)!r} holds {self._full_at / self._synthesizer.sample_rate / 3600:.2g} h"
            raise PerfLiveError(f"{held}, the most that a WAV file can; use --record, which keeps all notes")

    def abort(self) -> None:
        self._abandoned = True
        self.close()

    def _raise_error(self) -> None:
        if self._error is not None:
            raise self._error

    def _run(self) -> None:
        try:
            rate = self._synthesizer.sample_rate
            with self._draft_file() as file, whole_file(self._path) as temporary:
                draft = Draft(file, rate)
                self._render(draft)
                with WavFile(temporary, rate, CHANNELS, self._options.bits) as finished:
                    self._finish(draft, finished)
            self._forget_draft()
            self.kept = self._path
            return
        except _Abandoned:
            self._forget_draft()
        except Exception as error:  # the thread must not die in silence: the next send raises this
            self._error = error if isinstance(error, PerfLiveError) else PerfLiveError(f"{str(self._path)!r} was not rendered: {error}")
        while not self._ended:  # nobody may wait for room in the queue
            self._receive()

    def _draft_file(self) -> FileIO:
        """Raises OSError."""
        if self._keeps:
            self.kept, file = create_partial(self._path)
            return file
        return tempfile.TemporaryFile(dir=self._path.parent, buffering=0)  # without a buffer it is one

    def _forget_draft(self) -> None:
        if self.kept:
            self.kept.unlink(missing_ok=True)
            self.kept = None

    def _receive(self) -> Event | None:
        event = self._events.get()
        self._ended = event is None
        return event

    def _render(self, draft: Draft) -> None:
        """Render what is sent, each message after the frames before it; what comes before the first can sound is left out."""
        while (event := self._receive()) is not None:
            self._render_until(draft, (event.time_ns - self._origin_ns) * self._synthesizer.sample_rate // 1_000_000_000)
            self._synthesizer.send(event.message)
        self._render_until(draft, self._frames_rendered + self._synthesizer.latency_frames)
        self._render_tail(draft)
        self._write(draft)

    def _render_until(self, draft: Draft, frame: int) -> None:
        while self._frames_rendered < frame and not self._full_at:
            self._render_chunk(draft, frame - self._frames_rendered)

    def _render_tail(self, draft: Draft) -> None:
        end = self._frames_rendered + int(LONGEST_TAIL_S * self._synthesizer.sample_rate)
        while self._frames_rendered < end and not self._full_at:
            if np.abs(self._render_chunk(draft, end - self._frames_rendered)).max(initial=0) < QUIET:
                return

    def _render_chunk(self, draft: Draft, frames: int) -> np.ndarray:
        samples = self._synthesizer.render(min(CHUNK_FRAMES, frames))
        self._frames_rendered += len(samples)
        skipped = min(self._to_skip, len(samples))
        self._to_skip -= skipped
        self._rendered.append(samples[skipped:])
        if sum(map(len, self._rendered)) >= CHUNK_FRAMES:
            self._write(draft)
        return samples

    def _write(self, draft: Draft) -> None:
        """Write what is rendered, as far as the file has room."""
        if self._abandoned:
            raise _Abandoned
        samples = np.concatenate([np.zeros((0, CHANNELS), np.float32), *self._rendered])
        self._rendered = []
        room = self._most_frames - draft.frames
        draft.write(samples[:room])
        if room <= len(samples):
            self._full_at = draft.frames

    def _finish(self, draft: Draft, file: WavFile) -> None:
        """Write the file at its loudness; silence stays silence."""
        gain_db, wanted, measured = self._options.gain_db, self._options.loudness_lufs, draft.meter.integrated_lufs()
        if wanted is not None and np.isfinite(measured):
            gain_db += wanted - measured
        limiter = Limiter(self._synthesizer.sample_rate, gain_db)
        for samples in draft.blocks():
            if self._abandoned:
                raise _Abandoned
            file.write(limiter.process(samples))
