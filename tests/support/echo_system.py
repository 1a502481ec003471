"""A sixth system, made up: it gives every note the velocity that is asked for. Tests add its manifest and look for it everywhere."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from engine.midi.events import Event, channel_of, is_note_on, note_on
from engine.performers.controls import Control
from engine.performers.notes.stateless import StatelessStream
from engine.systems.manifest import Kind, Request, System, asked

CONTROLS = (Control("brightness", 0, 1, 0.5, "x", "how bright the echo is"),)


@dataclass(frozen=True)
class EchoRequest(Request):
    level: int | None = asked("--echo-level", "The velocity of every note.", least=1, most=127)


class EchoStream(StatelessStream):
    def __init__(self, level: int):
        self._level = level

    def feed(self, event: Event, late: bool = False) -> list[Event]:
        if not is_note_on(event.message):
            return [event]
        return [event._replace(message=note_on(channel_of(event.message), event.message[1], self._level))]


class EchoPerformer:
    name = "echo"
    plays = Kind.NOTES
    controls = CONTROLS
    latency_ns = 0

    def check(self, request: EchoRequest) -> None: ...

    def perform(self, material: Any, request: EchoRequest, controls: Mapping[str, float], seed: int, live: bool) -> EchoStream:
        return EchoStream(request.level or 64)


def load_performer(model: Path | None, lookahead_s: float | None) -> EchoPerformer:
    return EchoPerformer()


def known_controls(model: Path | None, lookahead_s: float | None) -> tuple[Control, ...]:
    return CONTROLS


SYSTEM = System(
    name="echo",
    summary="gives every note one velocity",
    plays=frozenset({Kind.NOTES}),
    request=EchoRequest,
    performer="echo_system:load_performer",
    controls="echo_system:known_controls",
)
