"""Checks of the arguments of Python callers: a wrong type is one line that names the argument, not a TypeError somewhere inside."""

import math
import operator
from collections.abc import Iterable, Mapping
from os import PathLike, fspath
from pathlib import Path
from typing import Any

from engine.base.errors import UsageError


def path_of(name: str, given: Any) -> Path:
    """Return the file that ``given`` names. Raises UsageError."""
    if isinstance(given, str | PathLike) and isinstance(fspath(given), str):
        return Path(given)
    raise _wrong(name, given, "the name of a file, a str or a Path")


def texts_of(name: str, given: Any, what: str) -> tuple[str, ...]:
    """Return the texts in a list. Raises UsageError, also for a single text, whose letters would else be taken one by one."""
    if isinstance(given, Iterable) and not isinstance(given, str | bytes | Mapping):
        texts = tuple(given)
        if all(isinstance(each, str) for each in texts):
            return texts
        given = list(texts)
    hint = f"; give [{given!r}]" if isinstance(given, str) else ""
    raise UsageError(f"{name}: got {given!r}, expected a list of {what}{hint}")


def text_of(name: str, given: Any) -> str:
    """Return a text, or a path as a text. Raises UsageError."""
    if isinstance(given, str | PathLike) and isinstance(fspath(given), str):
        return fspath(given)
    raise _wrong(name, given, "a text")


def names_of(name: str, given: Any, least: int = 1) -> tuple[str, ...]:
    """Return the names in ``given``: one, or a list of ``least`` or more. Raises UsageError."""
    several = given if isinstance(given, Iterable) and not isinstance(given, str | bytes | PathLike | Mapping) else [given]
    names = tuple(several)
    if len(names) >= least and all(isinstance(each, str | PathLike) for each in names):
        return tuple(text_of(name, each) for each in names)
    raise _wrong(name, given, "a name, or a list of one name or more")


def channels_of(name: str, given: Any) -> frozenset[int]:
    """Return channels, counted from one, as channels 0 to 15. Raises UsageError."""
    if not isinstance(given, Iterable) or isinstance(given, str | bytes | Mapping):
        raise _wrong(name, given, "a list of channels from 1 to 16")
    return frozenset(whole_number_of(name, channel, 1, 16) - 1 for channel in given)


def whole_number_of(name: str, given: Any, least: float | None = None, most: float | None = None) -> int:
    """Return a whole number in its range. Raises UsageError."""
    try:
        number = operator.index(given)
    except TypeError:
        raise _wrong(name, given, f"a whole number{_range(least, most)}") from None
    return int(number_of(name, number, least, most, "a whole number"))


def number_of(name: str, given: Any, least: float | None = None, most: float | None = None, what: str = "a number") -> Any:
    """Return a finite number in its range. Raises UsageError."""
    try:
        good = not isinstance(given, str | bytes) and math.isfinite(given)
    except (TypeError, OverflowError):
        good = isinstance(given, int)
    if good and (least is None or given >= least) and (most is None or given <= most):
        return given
    raise _wrong(name, given, f"{what}{_range(least, most)}")


def mapping_of(name: str, given: Any, example: str) -> dict[Any, Any]:
    """Return a mapping, {} for None, as a dictionary. Raises UsageError."""
    if given is None or isinstance(given, Mapping):
        return dict(given or {})
    raise _wrong(name, given, f"a dictionary, as in {example}")


def truth_of(name: str, given: Any) -> bool:
    """Return a truth value. Raises UsageError."""
    if isinstance(given, bool):
        return given
    raise _wrong(name, given, "True or False")


def instance_of(name: str, given: Any, kind: type) -> Any:
    """Return ``given``, an object of ``kind`` or None. Raises UsageError."""
    if given is None or isinstance(given, kind):
        return given
    raise _wrong(name, given, f"engine.{kind.__name__}(...)")


def request_of(given: Any, kind: type) -> Any:
    """Return a request of the performer's own ``kind``. Raises UsageError."""
    if isinstance(given, kind):
        return given
    raise _wrong("request", given, f"{kind.__module__}.{kind.__name__}(...)")


def _range(least: float | None, most: float | None) -> str:
    if least is None:
        return ""
    return f" of {least} or more" if most is None else f" from {least} to {most}"


def _wrong(name: str, given: Any, expected: str) -> UsageError:
    return UsageError(f"{name}: got {given!r}, expected {expected}")
