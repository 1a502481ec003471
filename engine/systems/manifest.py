"""What a manifest says of a system. Light: it imports neither NumPy nor any part of a system."""

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from enum import StrEnum
from typing import Any, Self


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

    @classmethod
    def questions(cls) -> dict[str, Question]:
        """Return the questions by field."""
        return {each.name: each.metadata["question"] for each in fields(cls)}


@dataclass(frozen=True)
class System:
    """One system. Everything else derives from this: options, help, lists, training, export, evaluation, benchmarks.

    Strings ``"module:name"`` are imported on demand; an empty one says that there is no such part.

    performer: ``(model, lookahead_s) -> Performer``, or for Kind.SOUND ``(instrument) -> Synthesizer``.
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
    performer: str = ""
    controls: str = ""
    task: str = ""
    exporter: str = ""
    evaluation: str = ""
    bench: str = ""

    def hears(self, names: Any) -> bool:
        """Return whether all of ``names`` are questions of this system."""
        return set(names) <= self.request.questions().keys()
