"""Performers of scores as functions from a score to a performance of its notes: what perf-render writes, read back note by note."""

from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from engine.base.clock import VirtualClock
from engine.base.errors import UsageError
from engine.midi.events import Event, channel_of, is_note_off, is_note_on
from engine.output.endpoints import Performance
from engine.output.score_sinks import read_performed
from engine.performers.controls import MODEL
from engine.performers.protocol import Performer
from engine.performers.registry import load_performer
from engine.performers.setup import Setup
from engine.runtime.sinks import CollectingSink
from engine.runtime.steering.conductor import ConductedSource
from engine.score.piece import Piece
from engine.session import Session, begin_performance
from engine.systems import Kind, find_system, performers
from models.performance.representation import Performed

# (score, seed or None for the mean rendering, controls by name) -> performance by note of ``piece.score``
Renderer = Callable[[Piece, int | None, Mapping[str, float]], Performed]

PUBLISHED = "-thousand-steps"  # after the name of a performer that can also sample as its paper does


def load_renderer(performer: str, model: Path | None) -> Renderer:
    """Return the renderer of a performer's ``model``, None for the one that ships.

    A name that ends in PUBLISHED is that of a performer that samples as its paper does. Raises UsageError for an unknown performer.
    """
    name = performer.removesuffix(PUBLISHED)
    check_performs_scores(name)
    loaded: Any = load_performer(name, model)
    if name == performer:
        return _renderer(loaded)
    if not hasattr(loaded, "sampling_as_published"):
        raise UsageError(f"--performer {performer!r}: {name!r} samples in one way only; leave {PUBLISHED!r} out")
    return _renderer(loaded.sampling_as_published())


def check_performs_scores(name: str) -> None:
    """Raise UsageError when no performer of scores is called ``name``."""
    if name not in performers(Kind.SCORES):
        raise UsageError(f"--performer {name!r}: allowed: {', '.join(performers(Kind.SCORES))}")


def setup_of(performer: Performer, seed: int | None, controls: Mapping[str, float]) -> Setup:
    return Setup(performer, seed or 0, all_controls(seed, controls), request=find_system(performer.name).request())


def all_controls(seed: int | None, controls: Mapping[str, float]) -> dict[str, float]:
    """Return what a rendering is made with: temperature 1, or 0 without a seed, the mean rendering. It is as loud as the model says."""
    return {"temperature": 0.0 if seed is None else 1.0, "level": MODEL} | dict(controls)


def _renderer(performer: Performer) -> Renderer:
    def render(piece: Piece, seed: int | None, controls: Mapping[str, float]) -> Performed:
        setup = setup_of(performer, seed, controls)
        return play(setup, begin_performance(setup, piece))

    return render


def play(setup: Setup, performance: Performance) -> Performed:
    """Play a performance of a score that is yet to be started. Return it by note of the printed score, as a file of it would have it.

    A note with an ornament begins with the ornament's first note and ends with its last, whose velocity it has.
    """
    clock, piece, sink = VirtualClock(), performance.piece, CollectingSink()
    Session(setup, ConductedSource(performance.stream, clock), [sink], clock, performance).run()
    played = read_performed(performance.stream, sink.sent)
    played = played._replace(duration_sec=sounding_end_sec(piece, played.onset_sec, sink.sent) - played.onset_sec)
    return _as_printed(piece.played.source, played)


def sounding_end_sec(piece: Piece, onset_sec: np.ndarray, sent: Iterable[Event]) -> np.ndarray:
    """Return when the notes (M,) of the score as it is played end in what was sent.

    A key that is struck again ends what sounded on it; two notes that begin on one key together end together.
    """
    rows: dict[tuple[int, int], list[int]] = {}
    keys = zip(piece.channels[piece.played.source].tolist(), piece.played.score.notes["pitch"].tolist(), strict=True)
    order = np.argsort(onset_sec, kind="stable").tolist()
    by_row = list(keys)
    for row in reversed(order):
        rows.setdefault(by_row[row], []).append(row)
    end_sec = np.full(len(onset_sec), np.nan)
    sounding: dict[tuple[int, int], list[int]] = {}
    for event in sent:
        key = channel_of(event.message), event.message[1] if len(event.message) > 1 else -1
        if is_note_on(event.message) and rows.get(key):
            sounding.setdefault(key, []).append(rows[key].pop())
        elif is_note_off(event.message):
            end_sec[sounding.pop(key, [])] = event.time_ns / 1e9
    return end_sec


def _as_printed(source: np.ndarray, played: Performed) -> Performed:
    """Return a performance of a score as it is played by note of the printed one, whose rows ``source`` (M,) has."""
    order = np.argsort(source, kind="stable")
    bounds = np.searchsorted(source[order], np.arange(source.max() + 2))
    first, last = order[bounds[:-1]], order[bounds[1:] - 1]
    onset_sec = played.onset_sec[first]
    end_sec = played.onset_sec[last] + played.duration_sec[last]
    return Performed(onset_sec, end_sec - onset_sec, played.velocity[last].astype(np.int64), played.pedal)
