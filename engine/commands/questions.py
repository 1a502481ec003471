"""What can be asked of the systems, as options of a command: derived from their manifests, so that a new system's appear by themselves."""

from collections.abc import Callable, Iterable
from functools import wraps
from inspect import Parameter, Signature, signature
from typing import Annotated, Any, TypeVar, get_args, get_origin, get_type_hints

import typer

from engine.commands.options import PERFORMING, SCORES
from engine.systems import Kind, default_system, performers
from engine.systems.manifest import Question

PANELS = {Kind.SCORES: SCORES, Kind.IMPROVISES: "Improvisations", Kind.NOTES: "Notes"}
Returned = TypeVar("Returned")


class PerformerName(str):
    """The name of a performer, or None: a parameter of this type becomes the option with those that there are."""


class Asked(dict[str, Any]):
    """What is asked of a system besides controls, by question: a parameter of this type stands for the systems' own options."""


def with_questions(*kinds: Kind) -> Callable[[Callable[..., Returned]], Callable[..., Returned]]:
    """Show Typer, in place of the parameter of type ``Asked``, an option for each question of the systems that play one of ``kinds``."""

    def decorate(command: Callable[..., Returned]) -> Callable[..., Returned]:
        options = {option.name: option for kind in kinds for option in _options(kind)}
        parameters: list[Parameter] = []
        asked_name = ""
        for name, parameter in signature(command, eval_str=True).parameters.items():
            if parameter.annotation is Asked:
                asked_name = name
                parameters += options.values()
            elif parameter.annotation is PerformerName:
                parameters.append(parameter.replace(annotation=_performer_option()))
            else:
                parameters.append(parameter)

        @wraps(command)
        def call(**given: Any) -> Returned:
            said = {name: given.pop(name) for name in options}
            asked = {name: tuple(value) if isinstance(value, list) else value for name, value in said.items() if value not in (None, False)}
            return command(**given, **{asked_name: Asked(asked)})

        call.__signature__ = Signature(parameters)  # type: ignore[attr-defined]
        call.__annotations__ = {parameter.name: parameter.annotation for parameter in parameters}
        return call

    return decorate


def flags_of(asked: Iterable[str]) -> str:
    """Return the options of questions as they are typed."""
    named = {name: question.flag for system in performers().values() for name, question in system.request.questions().items()}
    return ", ".join(named[name] for name in asked)


def _options(kind: Kind) -> Iterable[Parameter]:
    """Return an option for each question of the systems that play ``kind``. What is left out is None, or False."""
    for system in performers(kind).values():
        hints = get_type_hints(system.request)
        for name, question in system.request.questions().items():
            hint = hints[name]
            yield Parameter(name, Parameter.KEYWORD_ONLY, default=False if hint is bool else None, annotation=_option(hint, question, kind))


def _option(hint: Any, question: Question, kind: Kind) -> Any:
    """Return the annotation of an option whose value is of type ``hint``; a tuple is an option that may be repeated."""
    typed = hint if hint is bool else (list[get_args(hint)[0]] if get_origin(hint) is tuple else hint) | None  # type: ignore[misc]
    option = typer.Option(
        question.flag,
        help=question.help,
        metavar=question.metavar or ("NUMBER" if hint in (int | None, float | None) else None),
        min=question.least,
        max=question.most,
        rich_help_panel=PANELS[kind],
        show_default=False,
    )
    return Annotated[typed, option]


def _performer_option() -> Any:
    """Return the option that names a performer, with those that there are."""
    defaults = f"(default: {default_system(Kind.SCORES).name} for a score, else {default_system(Kind.NOTES).name})"
    names = ", ".join(performers())
    return Annotated[
        str | None,
        typer.Option(
            "--performer", metavar="NAME", help=f"{names}. {defaults}", autocompletion=_complete_performer, rich_help_panel=PERFORMING
        ),
    ]


def _complete_performer(begun: str) -> list[str]:
    return [name for name in performers() if name.startswith(begun)]
