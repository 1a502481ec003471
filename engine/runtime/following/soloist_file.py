"""A soloist whose part is a file."""

from engine.base.clock import Clock
from engine.midi.file import MidiTimeline
from engine.performers.score_playing.stream import ScoreStream
from engine.runtime.sources import FileSource


class SoloistFile(FileSource):
    """What a soloist plays, from a file; the accompaniment begins with it."""

    def __init__(self, stream: ScoreStream, timeline: MidiTimeline, clock: Clock):
        super().__init__(timeline, clock)
        self._stream = stream

    def start(self, start_ns: int) -> None:
        super().start(start_ns)
        self._stream.start(start_ns)
