"""``--record``: what was sent, in a MIDI file that is complete on the disk all the time."""

from pathlib import Path

from engine.events import Event


class Recorder:
    """A sink (see engine/sinks.py) that a crash costs at most the last second."""

    def __init__(self, path: str | Path):
        """Raises PerfLiveError when ``path`` cannot be written."""

    def start(self, origin_ns: int) -> None: ...

    def send(self, event: Event) -> None: ...

    def close(self) -> None: ...

    def abort(self) -> None: ...
