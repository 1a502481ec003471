"""Presets: what ``--preset NAME`` sets, as the command line would say it; anything given on the command line as well wins.

An entry has the name of its option, ``exclude_track`` for ``--exclude-track``, so that whatever can be said can be kept.
"""

import difflib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import fields, replace
from enum import Enum
from importlib.resources import files
from pathlib import Path
from typing import Annotated, Any, NamedTuple, TypeVar, get_args, get_origin, get_type_hints

import platformdirs
import yaml
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, create_model

from engine.base.configuration import parse_config, validate_config
from engine.base.errors import UsageError
from engine.base.files import make_folder, whole_file
from engine.commands.device_options import DeviceOptions
from engine.commands.options import Mode, PlayingOptions
from engine.commands.routing_options import RoutingFlags
from engine.commands.sound_options import SoundFlags

GROUPS = (DeviceOptions, PlayingOptions, RoutingFlags, SoundFlags)
SUFFIX = ".yaml"
Flags = TypeVar("Flags")


def _as_text(value: Any) -> Any:
    """YAML reads ``off`` and ``on`` as truth values; controls know them as words."""
    if isinstance(value, bool):
        return "on" if value else "off"
    return str(value) if isinstance(value, int | float) else value


def _as_list(value: Any) -> Any:
    return [_as_text(each) for each in value] if isinstance(value, list) else [_as_text(value)]


class PerformingEntries(BaseModel):
    """The entries that are not spelt as their options are. What is left out is left to the command line."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    performer: str | None = None
    mode: Mode | None = None
    model: Path | None = None
    set: dict[str, Annotated[str, BeforeValidator(_as_text)]] = {}  # control: value
    cc: dict[Annotated[int, Field(ge=0, le=119)], str] = {}  # controller number: control
    exclude: tuple[Annotated[int, Field(ge=1, le=16)], ...] = ()  # channels, counted from one

    def under(self, typed: Flags) -> Flags:
        """Return options with what this says in place of what was not ``typed``; of lists of settings, before it."""
        values = {option.field: getattr(self, option.entry, None) for option in _options(type(typed))}
        said = {name: value for name, value in values.items() if value not in (None, False)}
        if isinstance(typed, PlayingOptions):
            own = [f"{name}={value}" for name, value in self.set.items()]
            moved = [f"{number}={name}" for number, name in self.cc.items()]
            return replace(
                typed,
                **{name: value for name, value in said.items() if getattr(typed, name) is None},
                settings=[*own, *(typed.settings or ())],
                controllers=[*moved, *(typed.controllers or ())],
            )
        if isinstance(typed, RoutingFlags) and self.exclude:
            said["exclude"] = ",".join(map(str, self.exclude))
        untyped = {name: value for name, value in said.items() if getattr(typed, name) in (None, False)}
        return replace(typed, **untyped)  # type: ignore[type-var]  # groups of options are dataclasses


class Option(NamedTuple):
    """An option as an entry: the field of its group, its name in a preset, the type of its value."""

    field: str
    entry: str
    kind: Any


def _options(group: type) -> Iterator[Option]:
    """Return the options of a group that are spelt in a preset as on the command line."""
    hints = get_type_hints(group, include_extras=True)
    for each in fields(group):
        kind, option = get_args(hints[each.name])
        flag = str(option.default)  # where Typer keeps it: with Annotated the default is the field's
        entry = flag.removeprefix("--").replace("-", "_")
        if entry not in (*PerformingEntries.model_fields, "preset"):
            bounds = {name: bound for name, bound in (("ge", option.min), ("le", option.max)) if bound is not None}
            yield Option(each.name, entry, Annotated[kind, *_validators(kind), Field(**bounds)])


def _validators(kind: Any) -> list[BeforeValidator]:
    """Return what makes of YAML's values those that would have been typed."""
    kinds = [kind, *get_args(kind)]
    if any(get_origin(each) is list for each in kinds):
        return [BeforeValidator(_as_list)]
    return [BeforeValidator(_as_text)] if any(isinstance(each, type) and issubclass(each, str) for each in kinds) else []


def _entries() -> dict[str, Any]:
    return {option.entry: (option.kind, None) for group in GROUPS for option in _options(group)}


Preset = create_model("Preset", __base__=PerformingEntries, **_entries())


def load_preset(named: Path) -> PerformingEntries:
    """Read a preset: a file, or by its name one of the user's or one that ships. Raises UsageError, one line that names what is missing or
    wrong.
    """
    return parse_config(_find_preset(named), Preset)


def user_folder() -> Path:
    """Return where the user's presets are kept."""
    return platformdirs.user_config_path("perf-live", appauthor=False) / "presets"


def save_preset(name: str, groups: Iterable[Any], entries: Mapping[str, Any]) -> str:
    """Keep a preset of this name: all that was said in ``groups`` of options, and ``entries``, which win. Return the line that says so.

    Raises UsageError for what is no name, PerfLiveError where it cannot be written.
    """
    if not name or Path(name).name != name or Path(name).suffix or name.startswith("."):
        raise UsageError(f"{name!r} is no name for a preset; give a word, without a folder and without a suffix")
    content = {option.entry: _plain(value) for group in groups for option, value in _said(group)}
    content |= {entry: value for entry, value in entries.items() if value not in (None, 0, (), [], {})}
    path = user_folder() / f"{name}{SUFFIX}"
    make_folder(path.parent)
    validate_config(repr(str(path)), content, Preset)
    with whole_file(path) as temporary:
        temporary.write_text(yaml.safe_dump(content, allow_unicode=True, sort_keys=False), encoding="utf-8")
    return f"saved; start it again with --preset {name}"


def _said(group: Any) -> Iterator[tuple[Option, Any]]:
    for option in _options(type(group)):
        if (value := getattr(group, option.field)) not in (None, False, []):
            yield option, value


def _plain(value: Any) -> Any:
    """Return a value as YAML knows it. A file is named from the root, so that a preset can be started from anywhere."""
    if isinstance(value, Path):
        return str(value.absolute())
    return str(value.value) if isinstance(value, Enum) else value


def _find_preset(named: Path) -> Path:
    """Return the file. A name without a suffix that is no file is one of the user's, or of those that ship."""
    if named.suffix or named.is_file():
        return named
    known = _known_presets()
    if str(named) not in known:
        near = difflib.get_close_matches(str(named), known, n=1)
        hint = f"; did you mean {near[0]!r}?" if near else ""
        raise UsageError(f"--preset {str(named)!r}: no file and no preset of this name; allowed: {', '.join(sorted(known))}{hint}")
    return known[str(named)]


def preset_names() -> list[str]:
    """Return the names of the presets that there are: the user's, and those that ship."""
    return sorted(_known_presets())


def _known_presets() -> dict[str, Path]:
    return {path.stem: path for folder in (_shipped_folder(), user_folder()) if folder.is_dir() for path in folder.glob(f"*{SUFFIX}")}


def _shipped_folder() -> Path:
    return Path(str(files("configs") / "presets"))
