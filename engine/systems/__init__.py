"""The systems by name. Each module of this package whose ``SYSTEM`` is a manifest adds one: a sixth needs no other list."""

import difflib
import functools
import importlib
import pkgutil

from engine.base.errors import UsageError
from engine.systems.combination import is_combination, parse_combination
from engine.systems.manifest import Kind, Request, System

__all__ = ["Kind", "Request", "System", "default_system", "find_drummer", "find_system", "parts", "performers", "systems"]


@functools.cache
def systems() -> dict[str, System]:
    """Return the manifests by name, in order of name. The dictionary is one and the same for all callers."""
    modules = [importlib.import_module(f"{__name__}.{module.name}") for module in pkgutil.iter_modules(__path__)]
    found = [module.SYSTEM for module in modules if hasattr(module, "SYSTEM")]
    return {system.name: system for system in sorted(found, key=lambda system: system.name)}


def performers(*kinds: Kind) -> dict[str, System]:
    """Return the systems that perform notes or scores or improvise; of ``kinds`` only, if any are given."""
    wanted = frozenset(kinds) or frozenset(Kind) - {Kind.SOUND}
    return {name: system for name, system in systems().items() if system.plays & wanted}


def parts(name: str) -> dict[str, str]:
    """Return by system the part ``name`` of its manifest, such as ``task``: ``"module:name"``, of those systems that have it."""
    return {system.name: getattr(system, name) for system in systems().values() if getattr(system, name)}


def find_system(name: str) -> System:
    """Return the performer called ``name``, or several that it combines. Raises UsageError that lists the known ones and a near miss."""
    known = performers()
    if not isinstance(name, str):
        raise UsageError(f"performer: got {name!r}, expected a name: {', '.join(known)}")
    if is_combination(name):
        return _combine(name)
    if name in known:
        return known[name]
    near = difflib.get_close_matches(name, known, n=1)
    hint = f"; did you mean {near[0]!r}?" if near else ""
    raise UsageError(f"no performer is called {name!r}; allowed: {', '.join(known)}{hint}")


def find_drummer() -> System:
    """Return the system that plays drums beside another performer."""
    return next(system for system in performers().values() if system.plays_drums)


def _combine(name: str) -> System:
    """Return several performers as a system of its own, which plays live notes. Raises UsageError for one that does not."""
    combined = [find_system(each) for part in parse_combination(name) for each in part.names]
    for system in combined:
        if Kind.NOTES not in system.plays:
            able = ", ".join(performers(Kind.NOTES))
            raise UsageError(f"the performer {name!r}: {system.name!r} plays no live notes; choose others of {able}")
    improvises = any(Kind.IMPROVISES in system.plays for system in combined)
    return System(name, "several performers", frozenset({Kind.NOTES, Kind.IMPROVISES} if improvises else {Kind.NOTES}))


def default_system(kind: Kind, asked: frozenset[str] = frozenset()) -> System:
    """Return the system that plays ``kind`` when nobody names one: the default one, or one that hears all that is ``asked`` of a score."""
    able = sorted(performers(kind).values(), key=lambda system: kind not in system.default_for)
    return next((system for system in able if kind is Kind.NOTES or system.hears(asked)), able[0])
