"""Loads performers by name. Each is imported only when it is used, so the others cost nothing."""

import gc
from pathlib import Path
from typing import cast

from engine.base.arguments import number_of
from engine.base.errors import UsageError
from engine.base.on_demand import load_object
from engine.midi.routing import Routing
from engine.performers.controls import Control
from engine.performers.protocol import Drummer, Performer
from engine.systems import find_drummer, find_system
from engine.systems.combination import is_combination

COMBINED, WITH_DRUMS = "engine.performers.notes.combined", "engine.performers.notes.with_drums"
MOST_LOOKAHEAD_S = 3600  # nobody waits for longer, and times stay far from what 64 bits of nanoseconds hold


def load_performer(name: str, model: Path | None = None, lookahead_s: float | None = None) -> Performer:
    """Return the performer called ``name``, with ``model`` in place of the files that ship. A name may combine several performers.

    Raises UsageError for an unknown one and for a look-ahead out of range; the performer's own errors for what it refuses.
    """
    system = find_system(name)
    gc.collect()  # runs that ended hang together in circles: few objects, which would wait long for it, and models of many megabytes
    if is_combination(system.name):
        _check_combined(name, model)
        combined: Performer = load_object(f"{COMBINED}:combine")(name, load_performer, _checked(lookahead_s))
        return combined
    performer: Performer = load_object(system.performer)(model, _checked(lookahead_s))
    return performer


def known_controls(name: str, model: Path | None = None, lookahead_s: float | None = None) -> tuple[Control, ...]:
    """Return the controls of the performer called ``name`` without loading its model. Raises UsageError for an unknown one."""
    if is_combination(find_system(name).name):
        _check_combined(name, model)
        all_controls: tuple[Control, ...] = load_object(f"{COMBINED}:combined_controls")(name, known_controls, _checked(lookahead_s))
        return all_controls
    controls: tuple[Control, ...] = load_object(find_system(name).controls)(model, _checked(lookahead_s))
    return controls


def put_on_kit(performer: Performer, routing: Routing) -> Performer:
    """Return a performer that plays drums as it plays with this routing."""
    return cast(Drummer, performer).routed(routing)


def with_drums(performer: Performer, routing: Routing) -> Performer:
    """Return ``performer`` with a drummer beside it, who looks ahead as far as it does. Raises UsageError for one that improvises."""
    drummer = put_on_kit(load_performer(find_drummer().name, lookahead_s=performer.latency_ns / 1e9), routing)
    combined: Performer = load_object(f"{WITH_DRUMS}:WithDrums")(performer, drummer, routing)
    return combined


def controls_of_drums() -> tuple[Control, ...]:
    """Return the controls of a drummer beside another performer, without loading it."""
    drummer = find_drummer().name
    controls: tuple[Control, ...] = load_object(f"{WITH_DRUMS}:drum_controls")(drummer, known_controls(drummer))
    return controls


def _check_combined(name: str, model: Path | None) -> None:
    if model is not None:
        raise UsageError(f"--model {str(model)!r} is for one performer, and {name!r} are several; leave one of them out")


def _checked(lookahead_s: float | None) -> float | None:
    """Return the look-ahead, None for none. Raises UsageError for what is no number of seconds."""
    return None if lookahead_s is None else float(number_of("lookahead", lookahead_s, 0, MOST_LOOKAHEAD_S, "seconds"))
