"""A performer and how it is to play: all that is decided before the first event."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from engine.base.errors import UsageError
from engine.base.files import check_readable
from engine.performers.controls import Control, find_control, parse_controller_map, parse_settings
from engine.performers.protocol import MOST_SEED, Performer
from engine.performers.registry import known_controls, load_performer
from engine.systems import Kind, Request, System, default_system, find_system, performers


@dataclass(frozen=True)
class Setup:
    """A loaded performer, and how it is to play. ``excluded_channels`` are 0 to 15."""

    performer: Performer
    seed: int = 0
    controls: Mapping[str, float] = field(default_factory=dict)
    controller_map: Mapping[int, Control] = field(default_factory=dict)
    excluded_channels: frozenset[int] = frozenset()
    request: Request = Request()


@dataclass(frozen=True)
class Wanted:
    """The same as a user says it, checked before anything is loaded. ``asked`` holds what is asked for besides controls, by question."""

    system: System
    seed: int = 0
    settings: Sequence[str] = ()  # control=value
    controllers: Sequence[str] = ()  # number=control
    excluded_channels: frozenset[int] = frozenset()
    model: Path | None = None
    lookahead_s: float | None = None
    asked: Mapping[str, Any] = field(default_factory=dict)

    def check(self) -> "Wanted":
        """Return itself. Raises UsageError for what the system does not know, is out of range or contradicts itself, PerfLiveError for
        a file that is not there.
        """
        if not 0 <= self.seed <= MOST_SEED:
            raise UsageError(f"seed {self.seed}: allowed: 0 to {MOST_SEED}")
        make_request(self.system, self.asked)
        for named in self.asked.values():
            if isinstance(named, Path):
                check_readable(named)
        if self.model is not None and not self.model.is_dir():
            check_readable(self.model, "an ONNX file or of a folder with those of the performer")
        controls = known_controls(self.system.name, self.model, self.lookahead_s)
        parse_settings(controls, self.settings)
        parse_controller_map(controls, self.controllers)
        return self

    def load(self) -> Setup:
        """Load the performer. Raises UsageError, and PerfLiveError for a model that is refused."""
        self.check()
        performer = load_performer(self.system.name, self.model, self.lookahead_s)
        request = make_request(self.system, self.asked)
        performer.check(request)
        return Setup(
            performer,
            self.seed,
            parse_settings(performer.controls, self.settings),
            parse_controller_map(performer.controls, self.controllers),
            self.excluded_channels,
            request,
        )


def choose_system(name: str | None, kind: Kind, asked: Iterable[str] = ()) -> System:
    """Return the system called ``name``, or without a name the one for ``kind`` that hears all that is ``asked``.

    Raises UsageError when it is unknown or plays nothing of the kind.
    """
    if name is None:
        return default_system(kind, frozenset(asked))
    system = find_system(name)
    if kind not in system.plays:
        does = {Kind.NOTES: "plays no live notes", Kind.SCORES: "plays no scores", Kind.IMPROVISES: "does not improvise"}[kind]
        raise UsageError(f"the performer {name!r} {does}; choose --performer {' or '.join(performers(kind))}")
    return system


def make_request(system: System, asked: Mapping[str, Any]) -> Request:
    """Return what is asked, as a request of the system's own type. Raises UsageError for what it does not hear."""
    questions = system.request.questions()
    if unheard := [name for name in asked if name not in questions]:
        others = [other for other in performers().values() if other.hears(unheard)]
        flags = ", ".join(others[0].request.questions()[name].flag for name in unheard) if others else ", ".join(unheard)
        heard = ", ".join(question.flag for question in questions.values()) or "nothing of the kind"
        instead = f"; choose --performer {' or '.join(other.name for other in others)}" if others else ""
        raise UsageError(f"the performer {system.name!r} does not hear {flags}; it hears {heard}{instead}")
    return system.request(**asked).check()


def settings_of(controls: Mapping[str, float | str]) -> list[str]:
    """Return values by control as settings."""
    return [f"{name}={value}" for name, value in controls.items()]


def checked_controls(known: Sequence[Control], controls: Mapping[str, float]) -> dict[str, float]:
    """Return ``controls``, each in its range. Raises UsageError."""
    return {name: find_control(known, name).check(value) for name, value in controls.items()}
