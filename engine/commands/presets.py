"""Presets: what ``--preset FILE.yaml`` sets; anything given on the command line as well wins."""

import difflib
from dataclasses import replace
from importlib.resources import files
from pathlib import Path
from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

from engine.base.configuration import parse_config
from engine.base.errors import UsageError
from engine.midi.routing import Routing, parse_keys
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
    keyswitches: str = ""  # as in C-1-B0

    def routing(self, typed: Routing) -> Routing:
        """Return what is left alone: what was ``typed``, and of what was not, what this says. Raises UsageError."""
        channels = typed.excluded_channels or frozenset(channel - 1 for channel in self.exclude)
        keys = typed.keyswitches or (parse_keys(self.keyswitches) if self.keyswitches else frozenset())
        return replace(typed, excluded_channels=channels, keyswitches=keys)


def load_preset(named: Path) -> Preset:
    """Read a preset: a file, or one that ships, by its name. Raises UsageError, one line that names what is missing or wrong."""
    return parse_config(_find_preset(named), Preset)


def _find_preset(named: Path) -> Path:
    """Return the file. A name without a suffix that is no file is one of those that ship."""
    if named.suffix or named.exists():
        return named
    shipped = {Path(entry.name).stem: entry for entry in (files("configs") / "presets").iterdir() if entry.name.endswith(".yaml")}
    if str(named) not in shipped:
        near = difflib.get_close_matches(str(named), shipped, n=1)
        hint = f"; did you mean {near[0]!r}?" if near else ""
        raise UsageError(f"--preset {str(named)!r}: no file and no preset of this name; allowed: {', '.join(sorted(shipped))}{hint}")
    return Path(str(shipped[str(named)]))
