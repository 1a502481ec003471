"""Running the command lines in this process, and a performer to run them with."""

import dataclasses
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
import typer

from engine import examples
from engine.base.command_line import run
from engine.midi.events import Event, channel_of, is_note_on, note_on
from engine.performers.controls import Control, with_defaults
from engine.performers.notes.performer import NotesPerformer
from engine.performers.passthrough.stream import PassthroughStream
from engine.systems import Kind, System, systems

EXAMPLES = Path(examples.__file__).parent
PRELUDE, ELISE, GYMNOPEDIE = sorted(EXAMPLES.glob("*.mid"))


@dataclasses.dataclass(frozen=True)
class Ended:
    status: int
    output: str
    error: str


Command = Callable[..., Ended]


def command(app: typer.Typer, name: str, capfd: pytest.CaptureFixture[str]) -> Command:
    """Return a function that runs the command line with its arguments and says how it ended."""

    def call(*arguments: object) -> Ended:
        capfd.readouterr()
        status = run(app, name, [str(argument) for argument in arguments])
        return Ended(status, *capfd.readouterr())

    return call


def assert_refused(ended: Ended, status: int, *fragments: str) -> None:
    """Check the status, and that standard error holds exactly one line, with ``fragments`` and without a traceback."""
    assert ended.error.count("\n") == 1 and ended.error.endswith("\n"), ended.error
    assert "Traceback" not in ended.error and "defect" not in ended.error
    for fragment in fragments:
        assert fragment in ended.error
    assert ended.status == status


class ScaledStream(PassthroughStream):
    """Multiplies velocities by ``gain`` and adds the seed."""

    def __init__(self, seed: int, controls: Mapping[str, float]):
        self._seed = seed
        self._controls = with_defaults(ScaledPerformer.controls, controls)

    def set_control(self, name: str, value: float) -> None:
        self._controls[name] = value

    def feed(self, event: Event, late: bool = False) -> list[Event]:
        if not is_note_on(event.message):
            return [event]
        velocity = round(event.message[2] * self._controls["gain"]) + self._seed
        return [event._replace(message=note_on(channel_of(event.message), event.message[1], max(1, min(velocity, 127))))]


class ScaledPerformer(NotesPerformer):
    name = "scaled"
    controls: tuple[Control, ...] = (
        Control("gain", 0, 2, 1, "x", "how loud"),
        Control("mood", 0, 1, 0, "", "a word", ("off", "on")),
    )
    latency_ns = 0

    def create_stream(self, seed: int, controls: Mapping[str, float]) -> ScaledStream:
        return ScaledStream(seed, controls)


class BrokenPerformer(ScaledPerformer):
    name = "broken"

    def create_stream(self, seed: int, controls: Mapping[str, float]) -> Any:
        raise ZeroDivisionError("a defect\nof two lines")


def load_scaled(model: Path | None, lookahead_s: float | None) -> ScaledPerformer:
    return ScaledPerformer()


def load_broken(model: Path | None, lookahead_s: float | None) -> BrokenPerformer:
    return BrokenPerformer()


def known_controls(model: Path | None, lookahead_s: float | None) -> tuple[Control, ...]:
    return ScaledPerformer.controls


def add_systems(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let there be the performers ``scaled`` and ``broken`` while a test runs."""
    for name in ("scaled", "broken"):
        loader, controls = f"command_line:load_{name}", "command_line:known_controls"
        system = System(name, "made up", frozenset({Kind.NOTES}), performer=loader, controls=controls)
        monkeypatch.setitem(systems(), name, system)
