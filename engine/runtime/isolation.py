"""A sink that may have to wait, for a disk or for its own computing, behind a queue and a thread of its own: it keeps no other waiting."""

import queue
import threading
from pathlib import Path

from engine.base.errors import PerfLiveError, one_line
from engine.base.saying import say
from engine.midi.events import Event
from engine.runtime.sinks import FileSink

MOST_WAITING = 100_000  # events, some 20 MB: what is so far behind will not catch up
LOOK_S = 0.05  # how often whoever waits for the end looks whether there is no time for it


class IsolatedSink:
    """Writes a file beside the music (see engine/runtime/sinks.py).

    When the file fails it says so once, keeps what was written and takes nothing more. ``send`` never waits and never fails; ``close`` and
    ``abort`` wait until the file is complete, or until ``hurry``.
    """

    def __init__(self, sink: FileSink, name: str):
        self.name = name
        self._sink = sink
        self._waiting: queue.SimpleQueue[Event | None] = queue.SimpleQueue()
        self._aborting = self._hurried = self._failed = False
        self._ended = threading.Event()
        self._failure: PerfLiveError | None = None
        self._thread = threading.Thread(target=self._run, name=f"write {name}", daemon=True)

    @property
    def kept(self) -> Path | None:
        """Where what was sent is found: in the file or, while that is not complete, in what stands for it."""
        return self._sink.kept

    @property
    def complete(self) -> bool:
        """Whether the file is as it was asked for."""
        return self._ended.is_set() and not self._failed

    def start(self, origin_ns: int) -> None:
        self._sink.start(origin_ns)
        self._thread.start()

    def send(self, event: Event) -> None:
        if self._failed:
            return
        if self._waiting.qsize() >= MOST_WAITING:
            self._fail(PerfLiveError(f"its disk is {MOST_WAITING:,} events behind"))
        self._waiting.put(event)

    def close(self) -> None:
        """Complete the file. Raises PerfLiveError, already said, when it has failed."""
        if self._thread.ident is None:
            return self._sink.close()
        self._waiting.put(None)
        while not self._hurried and not self._ended.wait(LOOK_S):
            pass
        if self._failure:
            raise self._failure

    def abort(self) -> None:
        if self._thread.ident is None:
            return self._sink.abort()
        self._aborting = True
        self.close()

    def hurry(self) -> None:
        """Wait for nothing more. Safe from any thread and from a signal handler."""
        self._hurried = True

    def _run(self) -> None:
        try:
            while (event := self._waiting.get()) is not None:
                self._sink.send(event)
        except Exception as error:  # the thread must not die in silence
            self._fail(error)
        try:
            (self._sink.abort if self._aborting else self._sink.close)()
        except Exception as error:
            self._fail(error)
        self._ended.set()

    def _fail(self, error: Exception) -> None:
        """Say once that the file has failed, unless the sink has said so itself; ``close`` raises it."""
        if self._failed:
            return
        self._failed = True
        reason = error.strerror if isinstance(error, OSError) and error.strerror else one_line(error)
        kept = f"what came before is in {str(self.kept)!r}" if self.kept else "nothing of it is kept"
        self._failure = PerfLiveError(f"{self.name!r} is not complete: {reason}; the music goes on; {kept}")
        if not getattr(error, "reported", False):
            say(str(self._failure))
        self._failure.reported = True
