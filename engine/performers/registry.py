"""Performers by name. Each is imported only when it is asked for, so that none costs anything to those who use another."""

from pathlib import Path

from engine.base.on_demand import load_object
from engine.performers.controls import Control
from engine.performers.protocol import Performer
from engine.systems import find_system


def load_performer(name: str, model: Path | None = None, lookahead_s: float | None = None) -> Performer:
    """Return the performer called ``name``, with ``model`` in place of the files that ship.

    Raises UsageError for an unknown one; the performer's own errors for a model or a look-ahead that it refuses.
    """
    performer: Performer = load_object(find_system(name).performer)(model, lookahead_s)
    return performer


def known_controls(name: str, model: Path | None = None, lookahead_s: float | None = None) -> tuple[Control, ...]:
    """Return the controls of the performer called ``name`` without loading its model. Raises UsageError for an unknown one."""
    controls: tuple[Control, ...] = load_object(find_system(name).controls)(model, lookahead_s)
    return controls
