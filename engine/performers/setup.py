"""A performer and how it is to play: all that is decided before the first event."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from engine.base.arguments import whole_number_of
from engine.base.errors import UsageError
from engine.base.files import check_readable
from engine.midi.performed_mark import performed_mark
from engine.midi.routing import Routing
from engine.performers.controls import KEPT, Control, consumed_controllers, parse_controller_map, parse_settings
from engine.performers.protocol import MOST_SEED, Performer
from engine.performers.registry import controls_of_drums, known_controls, load_performer, put_on_kit, with_drums
from engine.systems import Kind, Request, System, default_system, find_system, performers


@dataclass(frozen=True)
class Setup:
    """A loaded performer, and how it is to play."""

    performer: Performer
    seed: int = 0
    controls: Mapping[str, float] = field(default_factory=dict)
    controller_map: Mapping[int, Control] = field(default_factory=dict)
    consumed: frozenset[int] = frozenset()  # the controllers that are kept from the output
    routing: Routing = Routing()
    request: Request = Request()

    @property
    def mark(self) -> str:
        """What a MIDI file says of its having been performed so; "" for a performer that can be told nothing, as it changes nothing."""
        return performed_mark(self.performer.name, self.seed) if self.performer.controls else ""


@dataclass(frozen=True)
class Wanted:
    """A ``Setup`` in the user's words, which is checked before anything is loaded. ``asked`` holds the answers to the system's questions
    by name. ``more`` are controls beside the performer's own.
    """

    system: System
    seed: int = 0
    settings: Sequence[str] = ()  # control=value
    controllers: Sequence[str] = ()  # number=control, or number=control! to keep the controller from the output
    routing: Routing = Routing()
    model: Path | None = None
    lookahead_s: float | None = None
    asked: Mapping[str, Any] = field(default_factory=dict)
    more: tuple[Control, ...] = ()

    @property
    def plays_scores(self) -> bool:
        """Whether it performs even a MIDI file as a score. With look-ahead a performer of scores plays notes."""
        return Kind.SCORES in self.system.plays and not self.lookahead_s

    def files(self) -> tuple[Path, ...]:
        """Return the files that the request names. Raises UsageError as ``make_request``."""
        return make_request(self.system, self.asked).files()

    def check(self) -> "Wanted":
        """Return itself. Raises UsageError for what the system does not know, is out of range or contradicts itself, PerfLiveError for
        a file that is not there.
        """
        whole_number_of("seed", self.seed, 0, MOST_SEED)
        for named in self.files():
            check_readable(named)
        if self.model is not None and not self.model.is_dir():
            check_readable(self.model, "an ONNX file or of a folder with those of the performer")
        controls = (*self._known_controls(), *self.more)
        self._check_controls([control.name for control in controls])
        parse_settings(controls, self.settings)
        parse_controller_map(controls, self.controllers)
        return self

    def _known_controls(self) -> tuple[Control, ...]:
        controls = known_controls(self.system.name, self.model, self.lookahead_s)
        return (*controls, *controls_of_drums()) if self._has_drummer_beside else controls

    @property
    def _has_drummer_beside(self) -> bool:
        return self.routing.perform_drums and not self.system.plays_drums

    def _load_performer(self, routing: Routing) -> Performer:
        """Load the performer, and a drummer beside it where one is asked for."""
        performer = load_performer(self.system.name, self.model, self.lookahead_s)
        if self.system.plays_drums:
            return put_on_kit(performer, routing)
        return with_drums(performer, routing) if self._has_drummer_beside else performer

    def _check_controls(self, own: Collection[str]) -> None:
        """Raise UsageError for a control that is another performer's; what nobody has is refused where it is parsed."""
        named = [text.partition("=")[0] for text in self.settings]
        for name in named + [text.partition("=")[2].removesuffix(KEPT) for text in self.controllers]:
            if name in own:
                continue
            if self.lookahead_s and any(name == each.name for each in known_controls(self.system.name, self.model)):
                raise UsageError(f"control {name!r}: {self.system.name!r} has it for scores, not with --lookahead; leave one of them out")
            having = [other for other in performers() if any(name == each.name for each in known_controls(other, None, self.lookahead_s))]
            if having:
                what = f"the performer {self.system.name!r} has no control {name!r}, only {', '.join(own) or 'none'}"
                raise UsageError(f"{what}; choose --performer {' or '.join(having)}")

    def exchanged(self, name: str, lookahead_s: float | None) -> Setup:
        """Load another performer of live notes in place of this one, with its controls at their defaults. Raises as ``load``."""
        system = choose_system(name, Kind.NOTES)
        model = self.model if name == self.system.name else None
        other = replace(self, system=system, settings=(), controllers=(), model=model, lookahead_s=lookahead_s, asked={})
        if other.plays_scores:
            raise UsageError(f"it must know what follows; give it a look-ahead in seconds, as in performer {name} 2")
        return other.load()

    def load(self) -> Setup:
        """Load the performer. Raises UsageError, and PerfLiveError for a model that is refused."""
        self.check()
        routing = replace(self.routing, perform_drums=self.routing.perform_drums or self.system.plays_drums)
        performer = self._load_performer(routing)
        request = make_request(self.system, self.asked)
        performer.check(request)
        controls = (*performer.controls, *self.more)
        return Setup(
            performer,
            self.seed,
            parse_settings(controls, self.settings),
            parse_controller_map(controls, self.controllers),
            consumed_controllers(self.controllers),
            routing,
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
    """Return what is asked, as a request of the system's own type. Raises UsageError for what it does not hear, or not so."""
    questions = system.request.questions()
    if unheard := [name for name in asked if name not in questions]:
        others = [other for other in performers().values() if other.hears(unheard)]
        flags = ", ".join(others[0].request.questions()[name].flag if others else str(name) for name in unheard)
        heard = ", ".join(question.flag for question in questions.values()) or "nothing of the kind"
        instead = f"; choose --performer {' or '.join(other.name for other in others)}" if others else ""
        raise UsageError(f"the performer {system.name!r} does not hear {flags}; it hears {heard}{instead}")
    return system.request.of(asked)


def settings_of(controls: Mapping[str, float | str]) -> list[str]:
    """Return values by control as settings; truth values are on and off."""
    return [f"{name}={('off', 'on')[value] if isinstance(value, bool) else value}" for name, value in controls.items()]


def improvisation_settings(seconds: float) -> list[str]:
    """Return the settings of an improvisation that is rendered. While its primer lasts it only listens, however long the rests are."""
    return settings_of({"seconds": seconds, "pause": 0})
