"""YAML files loaded into frozen strict types: a wrong file is one line that says which field and, for a typo, what was meant."""

import difflib
from pathlib import Path
from typing import TypeVar

import yaml
from pydantic import BaseModel, ValidationError

from engine.errors import UsageError

Config = TypeVar("Config", bound=BaseModel)


def read_yaml(path: Path) -> dict[str, object]:
    """Return the mapping in a YAML file. Raises UsageError when there is none."""
    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise UsageError(f"{path}: cannot be read as YAML ({' '.join(str(error).split())})") from error
    if not isinstance(content, dict):
        raise UsageError(f"{path}: got {type(content).__name__}, expected a mapping of names to values")
    return content


def parse_config(path: Path, kind: type[Config]) -> Config:
    """Load ``path`` into ``kind``. Raises UsageError that names the file, the field, what was given and what is allowed."""
    content = read_yaml(path)
    try:
        return kind.model_validate(content)
    except ValidationError as error:
        raise UsageError(f"{path}: {_describe(error, kind)}") from error


def _describe(error: ValidationError, kind: type[BaseModel]) -> str:
    first = error.errors()[0]
    field = ".".join(str(part) for part in first["loc"]) or "the file"
    if first["type"] != "extra_forbidden":
        return f"{field}: got {first['input']!r}; {first['msg']}"
    known = _fields(kind, first["loc"][:-1])
    near = difflib.get_close_matches(str(first["loc"][-1]), known, n=1)
    hint = f"; did you mean {near[0]!r}?" if near else ""
    return f"{field} is not a setting; allowed: {', '.join(known)}{hint}"


def _fields(kind: type[BaseModel], path: tuple[int | str, ...]) -> list[str]:
    for part in path:
        annotation = kind.model_fields[str(part)].annotation if str(part) in kind.model_fields else None
        if not (isinstance(annotation, type) and issubclass(annotation, BaseModel)):
            return []
        kind = annotation
    return list(kind.model_fields)
