"""The performer that changes nothing: every event goes out as it came. Other performers follow its pattern; tests measure against it."""

from collections.abc import Mapping

from engine.performers.controls import Control
from engine.performers.passthrough.stream import PassthroughStream


class PassthroughPerformer:
    name = "passthrough"
    controls: tuple[Control, ...] = ()
    latency_ns = 0

    def create_stream(self, seed: int, controls: Mapping[str, float]) -> PassthroughStream:
        return PassthroughStream()
