"""Presets: what ``--preset FILE.yaml`` sets; anything given on the command line as well wins."""

import difflib
from pathlib import Path
from typing import Annotated, Any

import yaml
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError
from pydantic_core import ErrorDetails

from engine.errors import UsageError


def _as_text(value: Any) -> Any:
    """YAML reads ``off`` and ``on`` as truth values; controls know them as words."""
    if isinstance(value, bool):
        return "on" if value else "off"
    return str(value) if isinstance(value, int | float) else value


class Preset(BaseModel):
    """A preset file's content; what it leaves out is left to the command line."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    performer: str | None = None
    seed: Annotated[int, Field(ge=0)] | None = None
    set: dict[str, Annotated[str, BeforeValidator(_as_text)]] = {}  # control: value
    cc: dict[Annotated[int, Field(ge=0, le=119)], str] = {}  # controller number: control
    lookahead: Annotated[float, Field(ge=0)] | None = None  # seconds
    exclude: tuple[Annotated[int, Field(ge=1, le=16)], ...] = ()  # channels, counted from one


def load_preset(path: Path) -> Preset:
    """Read a preset. Raises UsageError, one line that names the file and the entry, when it is missing or wrong."""
    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"preset {str(path)!r}: {getattr(error, 'strerror', None) or 'not a text file'}; see configs/presets") from None
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        where = f" in line {mark.line + 1}" if mark else ""
        raise UsageError(f"preset {str(path)!r}: not YAML{where}: {getattr(error, 'problem', None) or 'unreadable'}") from None
    if not isinstance(content, dict):
        raise UsageError(f"preset {str(path)!r}: expected 'name: value' lines; allowed: {', '.join(Preset.model_fields)}")
    try:
        return Preset.model_validate(content)
    except ValidationError as error:
        raise UsageError(f"preset {str(path)!r}: {_describe(error.errors()[0])}") from None


def _describe(error: ErrorDetails) -> str:
    entry = ".".join(str(part) for part in error["loc"])
    if error["type"] != "extra_forbidden":
        return f"{entry}: got {error['input']!r}: {error['msg'].lower()}"
    near = difflib.get_close_matches(entry, Preset.model_fields, n=1)
    hint = f"; did you mean {near[0]!r}?" if near else ""
    return f"nothing is called {entry!r}; allowed: {', '.join(Preset.model_fields)}{hint}"
