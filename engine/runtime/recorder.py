"""``--record``: what was sent, in a MIDI file that is whole on the disk at every moment.

Until it is closed the recording stands beside its final name, as ``take.partial.mid`` for ``take.mid``. About twice a second a thread
of its own appends what has come, in an order that leaves a readable file whenever the power, the disk or the process fails.
"""

import os
import threading
from collections import deque
from collections.abc import Callable
from io import FileIO
from pathlib import Path

from engine.base.errors import PerfLiveError
from engine.base.files import check_writable, create_partial
from engine.base.saying import say
from engine.midi.chunks import END, NOTHING
from engine.midi.events import Event
from engine.midi.file import MidiTimeline, encode_delta, encode_message, encode_midi
from engine.midi.performed_mark import mark as add_mark
from engine.runtime.isolation import IsolatedSink

FLUSH_S = 0.5  # a crash costs what came since the last flush
MOST_WAITING = 100_000  # events, some 20 MB: a disk that has fallen this far behind has failed
_LENGTH_AT, _TRACK_AT = 18, 22  # in the file: the track's length, and the track
_END_EVENT = b"\x00" + END


class Recorder:
    """A sink (see engine/runtime/sinks.py). It never waits for its disk: when that fails, it says so once and the music goes on."""

    def __init__(self, path: str | Path, report: Callable[[str], None] = say, mark: str = ""):
        """``report`` is given the one line that says that the disk has failed. ``mark``: says in the file that it was performed.

        Raises PerfLiveError when ``path`` cannot be written.
        """
        self._path = self._partial = check_writable(path)
        self._report = report
        self._waiting: deque[Event] = deque()
        self._failed = False
        self._closing = threading.Event()
        self._writer = threading.Thread(target=self._write, name="recorder", daemon=True)
        self._file: FileIO | None = None
        self._ticks = MidiTimeline().tempo_map
        self._origin_ns = self._tick = 0
        self._empty = encode_midi([], add_mark(MidiTimeline(), mark))
        self._end = self._empty_end = len(self._empty) - len(_END_EVENT)  # where the end-of-track stands

    @property
    def kept(self) -> Path | None:
        """Where the take is: in the file or, until that is complete, beside it."""
        return self._partial if self._file is not None and self._partial.exists() else None

    def start(self, origin_ns: int) -> None:
        """Create the file, as yet empty. Raises PerfLiveError when that fails."""
        self._origin_ns = origin_ns
        try:
            self._partial, self._file = _create(self._path, self._empty)
        except OSError as error:
            raise PerfLiveError(f"cannot record to {str(self._path)!r}: {error.strerror}; choose another place") from error
        self._writer.start()

    def send(self, event: Event) -> None:
        if self._failed:
            return
        if len(self._waiting) >= MOST_WAITING:
            self._fail(f"the disk is {MOST_WAITING} events behind")
        self._waiting.append(event)

    def close(self) -> None:
        """Write the rest and give the file its name. Raises PerfLiveError, already reported, when the disk has failed."""
        if self._file is None:
            return
        self._stop_writing()
        if not self._failed:
            try:
                os.replace(self._partial, self._path)
                self._partial = self._path
            except OSError as error:
                self._fail(str(error.strerror))
        if self._failed:
            failure = PerfLiveError(f"the recording is incomplete: {str(self._partial)!r}")
            failure.reported = True
            raise failure

    def abort(self) -> None:
        """Do the same as ``close``, as a take that went wrong is still a take; but an empty one is removed."""
        if self._file is None:
            return
        self._stop_writing()
        if self._end == self._empty_end:
            self._partial.unlink(missing_ok=True)
        else:
            self.close()

    def _stop_writing(self) -> None:
        self._closing.set()
        self._writer.join()
        if self._file is not None:
            self._file.close()

    def _fail(self, reason: str) -> None:
        self._failed = True
        self._report(f"recording stopped: {reason}; the music goes on; what came before is in {str(self._partial)!r}")

    def _write(self) -> None:
        try:
            while not self._closing.wait(FLUSH_S):
                self._flush()
            self._flush()
        except OSError as error:
            if not self._failed:
                self._fail(str(error.strerror))
        if self._failed:
            self._waiting.clear()

    def _flush(self) -> None:
        """Append what waits. Only the last step makes it part of the track, and every step before leaves the file as it was.

        The end-of-track that stood in between becomes, by one byte, an event without content.
        """
        body = b"".join(self._encode(self._waiting.popleft()) for _ in range(len(self._waiting)))
        if not body or self._failed or self._file is None:
            return
        old_end, self._end = self._end, self._end + len(_END_EVENT) + len(body)
        _write_at(self._file, old_end + len(_END_EVENT), body + _END_EVENT)
        _write_at(self._file, _LENGTH_AT, (self._end + len(_END_EVENT) - _TRACK_AT).to_bytes(4, "big"))
        _write_at(self._file, old_end + 2, NOTHING[1:2])
        os.fsync(self._file.fileno())

    def _encode(self, event: Event) -> bytes:
        message = encode_message(event.message)
        if not message:
            return b""
        tick = max(self._tick, self._ticks.to_tick(event.time_ns - self._origin_ns))
        delta, self._tick = tick - self._tick, tick
        return encode_delta(delta) + message


class Recording(IsolatedSink):
    """A take that is recorded live."""

    def __init__(self, path: str | Path, mark: str = ""):
        """``mark``: says in the file that it was performed. Raises PerfLiveError when ``path`` cannot be written."""
        super().__init__(Recorder(path, mark=mark), str(path))


def _create(path: Path, empty: bytes) -> tuple[Path, FileIO]:
    """Create a recording, as yet ``empty``, beside ``path``. Raises OSError."""
    partial, file = create_partial(path)
    try:
        _write_at(file, 0, empty)
    except OSError:
        file.close()
        partial.unlink()
        raise
    return partial, file


def _write_at(file: FileIO, offset: int, data: bytes) -> None:
    """Write all of ``data``. Raises OSError when the disk does not take it (the next write, where it took a part)."""
    file.seek(offset)
    while data:
        data = data[file.write(data) :]
