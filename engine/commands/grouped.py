"""Options that belong together, as one parameter of each command that has them."""

from collections.abc import Callable
from dataclasses import fields, is_dataclass
from functools import wraps
from inspect import Parameter, Signature, signature
from typing import Any, TypeVar, get_type_hints

Returned = TypeVar("Returned")


def grouped(command: Callable[..., Returned]) -> Callable[..., Returned]:
    """Show Typer, in place of each parameter of ``command`` that is a dataclass, its fields: options with names and defaults of their own.

    What is given is then one object again.
    """
    parameters: list[Parameter] = []
    groups: dict[str, type] = {}
    for name, parameter in signature(command, eval_str=True).parameters.items():
        if isinstance(parameter.annotation, type) and is_dataclass(parameter.annotation):
            groups[name] = parameter.annotation
            parameters += _fields(name, parameter.annotation).values()
        else:
            parameters.append(parameter)

    @wraps(command)
    def call(**given: Any) -> Returned:
        for name, group in groups.items():
            given[name] = group(**{field: given.pop(each.name) for field, each in _fields(name, group).items()})
        return command(**given)

    call.__signature__ = Signature(parameters)  # type: ignore[attr-defined]
    call.__annotations__ = {parameter.name: parameter.annotation for parameter in parameters}
    return call


def _fields(name: str, group: type) -> dict[str, Parameter]:
    """Return a parameter for each field of the group that is called ``name``."""
    hints = get_type_hints(group, include_extras=True)
    return {
        field.name: Parameter(f"{name}_{field.name}", Parameter.KEYWORD_ONLY, default=field.default, annotation=hints[field.name])
        for field in fields(group)
    }
