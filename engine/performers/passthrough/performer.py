"""The performer that changes nothing: every event goes out as it came. The pattern for the others, and what tests measure against."""

from collections.abc import Mapping, Sequence

from engine.midi.events import Event
from engine.performers.controls import Control


class PassthroughStream:
    """Has no state, so its snapshots are empty."""

    def feed(self, event: Event, late: bool = False) -> list[Event]:
        return [event]

    def foresee(self, events: Sequence[Event]) -> None:
        pass

    def advance(self, now_ns: int) -> list[Event]:
        return []

    def next_due_ns(self) -> int | None:
        return None

    def finish(self) -> list[Event]:
        return []

    def rest(self) -> bool:
        return False

    def set_control(self, name: str, value: float) -> None:
        pass

    def snapshot(self) -> None:
        return None

    def restore(self, snapshot: None) -> None:
        pass

    def reset(self) -> None:
        pass


class PassthroughPerformer:
    name = "passthrough"
    controls: tuple[Control, ...] = ()
    latency_ns = 0

    def create_stream(self, seed: int, controls: Mapping[str, float]) -> PassthroughStream:
        return PassthroughStream()
