"""What a manifest says of a system. Light: it imports neither NumPy nor any part of a system."""

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from enum import StrEnum
from pathlib import Path
from typing import Any, Self, get_args, get_origin, get_type_hints

from engine.base.arguments import number_of, path_of, texts_of, whole_number_of
from engine.base.errors import UsageError


class Kind(StrEnum):
    """What a system can play."""

    NOTES = "notes"  # that come one by one, live or from a take
    SCORES = "scores"  # that are known to their end
    IMPROVISES = "improvises"  # its own music
    SOUND = "sound"  # it makes sound of notes


@dataclass(frozen=True)
class Question:
    """How something that can be asked of a performance is shown to a user: an option of the command line."""

    flag: str
    help: str
    metavar: str | None = None
    least: float | None = None
    most: float | None = None

    def value(self, name: str, hint: Any, given: Any) -> Any:
        """Return ``given`` as a value of type ``hint``, the type of the field ``name``. Raises UsageError when it is none."""
        if get_origin(hint) is tuple:
            return texts_of(name, given, "texts")
        kind = next((each for each in get_args(hint) if each is not type(None)), hint)
        if issubclass(kind, StrEnum):
            if str(given) not in list(kind):
                raise UsageError(f"{name}: got {given!r}, expected one of: {', '.join(kind)}")
            return kind(str(given))
        if kind is Path:
            return path_of(name, given)
        if kind in (int, float) and not isinstance(given, bool):
            return (whole_number_of if kind is int else number_of)(name, given, self.least, self.most)
        if not isinstance(given, kind):
            raise UsageError(f"{name}: got {given!r}, expected {'True or False' if kind is bool else f'a value of type {kind.__name__}'}")
        return given


def asked(
    flag: str, help: str, *, default: Any = None, metavar: str | None = None, least: float | None = None, most: float | None = None
) -> Any:
    """Return a field of a request, with its option. Options of list type may be repeated."""
    return field(default=default, metadata={"question": Question(flag, help, metavar, least, most)})


@dataclass(frozen=True)
class Request:
    """What can be asked of a performance besides controls: nothing. Each system has a subclass whose fields are its questions."""

    def __bool__(self) -> bool:
        """Return whether anything is asked for at all."""
        return bool(self.said())

    def said(self) -> tuple[str, ...]:
        """Return the names of the fields that are not at their defaults."""
        return tuple(each.name for each in fields(self) if getattr(self, each.name) != each.default)

    def check(self) -> Self:
        """Return the request. Raises UsageError when it contradicts itself."""
        return self

    def files(self) -> tuple[Path, ...]:
        """Return the files that it names."""
        return tuple(value for name in self.said() if isinstance(value := getattr(self, name), Path))

    @classmethod
    def of(cls, asked: Mapping[str, Any]) -> Self:
        """Return the request for ``asked``, by question; None asks nothing. Raises UsageError for a value that is no answer."""
        hints, questions = get_type_hints(cls), cls.questions()
        given = {name: value for name, value in asked.items() if value is not None}
        return cls(**{name: questions[name].value(name, hints[name], value) for name, value in given.items()}).check()

    @classmethod
    def questions(cls) -> dict[str, Question]:
        """Return the questions by field."""
        return {each.name: each.metadata["question"] for each in fields(cls)}


class ExpressionController(StrEnum):
    """The MIDI controller of dynamics within notes (MIDI 1.0: 11 expression, 1 modulation, 2 breath)."""

    EXPRESSION = "11"
    MODULATION = "1"
    BREATH = "2"
    OFF = "off"

    @property
    def number(self) -> int | None:
        return None if self is ExpressionController.OFF else int(self)


@dataclass(frozen=True)
class ScoreRequest(Request):
    """What can be asked of every performer of scores."""

    expression_controller: ExpressionController = asked(
        "--expression-controller",
        "Controller of dynamics within notes, for strings, winds, voices, organ: 11 expression, 1 modulation, 2 breath. (default: 11)",
        default=ExpressionController.EXPRESSION,
    )


@dataclass(frozen=True)
class System:
    """One system. Everything else derives from this: options, help, lists, training, export, evaluation, benchmarks.

    Strings ``"module:name"`` are imported on demand; an empty one says that there is no such part.

    plays_drums: its notes are strokes on a kit; it may play channel 10 beside another performer, and is then a ``Drummer``.
    performer: ``(model, lookahead_s) -> Performer``, or for Kind.SOUND ``(instrument, or its ONNX file or folder, drums) -> Synthesizer``.
    controls: ``(model, lookahead_s) -> tuple[Control, ...]``, known before a model is loaded.
    task: the stages that ``perf-train`` knows by the names that configurations give them.
    exporter: what ``perf-export`` makes of a run.
    evaluation, bench: the commands of ``perf-eval`` and ``perf-bench``.
    """

    name: str
    summary: str
    plays: frozenset[Kind]
    files: Mapping[str, str] = field(default_factory=dict)  # ONNX file -> its system in the contract
    request: type[Request] = Request
    default_for: frozenset[Kind] = frozenset()
    plays_drums: bool = False
    performer: str = ""
    controls: str = ""
    task: str = ""
    exporter: str = ""
    evaluation: str = ""
    bench: str = ""

    def hears(self, names: Any) -> bool:
        """Return whether all of ``names`` are questions of this system."""
        return set(names) <= self.request.questions().keys()
