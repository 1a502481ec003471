"""Presets: what ``--preset FILE.yaml`` sets; anything given on the command line as well wins."""

from pathlib import Path
from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

from engine.base.configuration import parse_config
from engine.performers.protocol import MOST_SEED


def _as_text(value: Any) -> Any:
    """YAML reads ``off`` and ``on`` as truth values; controls know them as words."""
    if isinstance(value, bool):
        return "on" if value else "off"
    return str(value) if isinstance(value, int | float) else value


class Preset(BaseModel):
    """A preset file's content; what it leaves out is left to the command line."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    performer: str | None = None
    seed: Annotated[int, Field(ge=0, le=MOST_SEED)] | None = None
    set: dict[str, Annotated[str, BeforeValidator(_as_text)]] = {}  # control: value
    cc: dict[Annotated[int, Field(ge=0, le=119)], str] = {}  # controller number: control
    lookahead: Annotated[float, Field(ge=0)] | None = None  # seconds
    exclude: tuple[Annotated[int, Field(ge=1, le=16)], ...] = ()  # channels, counted from one


def load_preset(path: Path) -> Preset:
    """Read a preset. Raises UsageError, one line that names the file and the entry, when it is missing or wrong."""
    return parse_config(path, Preset)
