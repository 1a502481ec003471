"""YAML files, loaded into frozen strict types. A wrong file is one line that names the entry and, for a typo, what was meant."""

import difflib
from collections.abc import Mapping
from pathlib import Path
from typing import TypeVar, get_args, get_origin

import yaml
from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from engine.base.errors import UsageError

Config = TypeVar("Config", bound=BaseModel)


def read_yaml(path: Path) -> dict[str, object]:
    """Return the mapping in a YAML file. Raises UsageError when there is none."""
    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"{str(path)!r}: {getattr(error, 'strerror', None) or 'not a text file'}; expected a YAML file") from None
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        where = f" in line {mark.line + 1}" if mark else ""
        raise UsageError(f"{str(path)!r}: not YAML{where}: {getattr(error, 'problem', None) or 'unreadable'}") from None
    if not isinstance(content, dict):
        raise UsageError(f"{str(path)!r}: expected 'name: value' lines, as in the files of configs")
    return content


def parse_config(path: Path, kind: type[Config]) -> Config:
    """Load ``path`` into ``kind``. Raises UsageError that names the file, the entry, what was given and what is allowed."""
    return validate_config(repr(str(path)), read_yaml(path), kind)


def validate_config(source: str, content: Mapping[str, object], kind: type[Config]) -> Config:
    """Return ``content`` as ``kind``. Raises UsageError that begins with ``source`` and names the entry, what was given and what is
    allowed.
    """
    try:
        return kind.model_validate(content)
    except ValidationError as error:
        raise UsageError(f"{source}: {_describe(error, kind)}") from None


RANGES = {"greater_than_equal": "{ge:g} or more", "greater_than": "more than {gt:g}", "less_than_equal": "{le:g} or less"}
KINDS = {
    "int": "a whole number",
    "float": "a number",
    "string": "a text",
    "bool": "true or false",
    "tuple": "a list, as in [1, 2]",
    "dict": "'name: value' lines",
    "model": "'name: value' lines",
}  # of values, by the beginning of pydantic's names for what is wrong


def _describe(error: ValidationError, kind: type[BaseModel]) -> str:
    errors = error.errors()
    first = next((each for each in errors if each["type"] == "extra_forbidden"), errors[0])  # a typo is missing as well
    entry = ".".join(str(part) for part in first["loc"] if part != "[key]") or "the file"
    if first["type"] != "extra_forbidden":
        return _describe_value(entry, first)
    known = _fields(kind, first["loc"][:-1])
    near = difflib.get_close_matches(str(first["loc"][-1]), known, n=1)
    hint = f"; did you mean {near[0]!r}?" if near else ""
    return f"nothing is called {entry!r}; allowed: {', '.join(known)}{hint}"


def _describe_value(entry: str, error: ErrorDetails) -> str:
    """Return what is wrong with the value of an entry, in words that say nothing of pydantic where the mistake is a common one."""
    limits, what = error.get("ctx", {}), error["type"].partition("_")[0]
    if error["type"] == "missing":
        return f"{entry} is missing; add it"
    if error["type"] in RANGES:
        return f"{entry}: got {error['input']!r}, allowed: {RANGES[error['type']].format(**limits)}"
    if error["type"] == "literal_error":
        return f"{entry}: got {error['input']!r}, allowed: {limits['expected']}"
    if what in KINDS:
        return f"{entry}: got {error['input']!r}, expected {KINDS[what]}"
    return f"{entry}: got {error['input']!r}: {error['msg'].lower()}"


def _fields(kind: type[BaseModel], path: tuple[int | str, ...]) -> list[str]:
    """Return the names allowed at ``path``, an entry's place in the file."""
    for part in path:
        if isinstance(part, int):  # a place in a list, whose items ``kind`` is of
            continue
        annotation = kind.model_fields[part].annotation if part in kind.model_fields else None
        if get_origin(annotation) is tuple:
            annotation = get_args(annotation)[0]
        if not (isinstance(annotation, type) and issubclass(annotation, BaseModel)):
            return []
        kind = annotation
    return list(kind.model_fields)
