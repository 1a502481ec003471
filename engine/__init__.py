"""perf-live: notes in, a performance out.

    import engine

    engine.render("piece.musicxml", "piece.mid", performer="dexter", seed=7)
    engine.play("Keyboard", "Module", performer="velocity")

``list_performers`` says who there is, ``load_performer`` loads one for streams of one's own. The runtime never imports torch and opens no
network connection. Importing this package imports nothing heavy: names are looked up when they are used.
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from engine.base.errors import PerfLiveError, UsageError
    from engine.interface import list_performers, load_performer, play, render
    from engine.midi.events import Event
    from engine.performers.protocol import Performer, PerformerStream
    from engine.runtime.loop import Report
    from engine.systems import Kind, System

__all__ = [
    "Event",
    "Kind",
    "PerfLiveError",
    "Performer",
    "PerformerStream",
    "Report",
    "System",
    "UsageError",
    "list_performers",
    "load_performer",
    "play",
    "render",
]

_HOMES = {
    "Event": "engine.midi.events",
    "Kind": "engine.systems",
    "PerfLiveError": "engine.base.errors",
    "Performer": "engine.performers.protocol",
    "PerformerStream": "engine.performers.protocol",
    "Report": "engine.runtime.loop",
    "System": "engine.systems",
    "UsageError": "engine.base.errors",
}


def __getattr__(name: str) -> Any:
    """Import a public name when it is first used."""
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(_HOMES.get(name, "engine.interface")), name)
