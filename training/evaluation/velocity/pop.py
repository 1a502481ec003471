"""``perf-eval velocity --style pop``: velocities and pedal of pop songs that training has not heard (``training/datasets/pop909.py``).

The networks are shown no pedal and no hint, as of a sequencer's track. The classical networks' velocities are moved to pop's mean.
"""

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import NamedTuple

import numpy as np
from rich.console import Console
from rich.progress import track

from engine.midi.events import SUSTAIN_PEDAL, Event, is_control_change, note_off, note_on
from engine.onnx.model import Model
from engine.performers.controls import MODEL
from engine.performers.velocity.controls import CONTROLS
from engine.performers.velocity.lookahead import VelocityLookaheadPerformer
from engine.performers.velocity.networks import LOOKAHEAD_SYSTEM, VelocityModel
from models.pretrained import pretrained
from models.velocity.representation import REPRESENTATION_VERSION
from training.datasets.performances import PEDAL_DTYPE, Performance
from training.datasets.pop909 import read_pop909
from training.evaluation.velocity.figures import (
    Quantiles,
    Take,
    causal_quantiles,
    last_known,
    lookahead_quantiles,
    sample,
    split_takes,
)
from training.metrics.velocity import VelocityMetrics, velocity_metrics
from training.velocity.data import VelocityFeatures, load_velocity_features
from training.velocity.pedalling import is_down, lifts_and_presses

LOOKAHEAD_S = 4.0
STEP_S = 0.01  # between the times at which pedals are compared
NEAR_S = 0.2  # a change of the pedal so near to a pianist's is the same


class PedalFigures(NamedTuple):
    """Shares of 1, means over songs: of the time at which the pedal is as played, of that when it is down and when it is up; of the
    pianist's changes that are found within NEAR_S, and of the changes made that are near one of the pianist's.
    """

    time: float
    down: float
    up: float
    found: float
    right: float


def evaluate(
    data: Path, cache: Path, model: Path | None, lookahead_model: Path | None, seed: int, songs: int | None = None
) -> tuple[dict[str, dict[str, VelocityMetrics]], dict[str, PedalFigures]]:
    """Return a table of velocities of whole songs and one of accompaniments, and the pedal's rows; of so many ``songs``, or of all."""
    train = load_velocity_features(lambda: read_pop909(data, "train"), cache)
    held_out = list(read_pop909(data, "held_out", pedals=False))
    if songs and songs < len(held_out) // 2:
        places = np.linspace(0, len(held_out) // 2 - 1, songs).round().astype(int)
        held_out = [held_out[2 * place + part] for place in places for part in (0, 1)]
    takes = split_takes(load_velocity_features(lambda: held_out, cache))
    ahead = Model(pretrained("velocity_pop_lookahead.onnx", lookahead_model), LOOKAHEAD_SYSTEM, REPRESENTATION_VERSION)
    rows = _rows(train, takes, VelocityModel.open(pretrained("velocity_pop.onnx", model)), ahead, seed)
    tables = {}
    for name, first in {"songs": 0, "accompaniments": 1}.items():  # each song is followed by its accompaniment
        truth = [take.velocity for take in takes[first::2]]
        title = f"held-out {name}: {len(truth)}, {sum(map(len, truth))} notes"
        tables[title] = {label: velocity_metrics(predicted[first::2], truth) for label, predicted in rows.items()}
    return tables, _pedals(held_out[1::2], ahead)


def _rows(train: VelocityFeatures, takes: list[Take], causal: VelocityModel, ahead: Model, seed: int) -> dict[str, list[np.ndarray]]:
    median = float(np.median(train.velocity))
    by_pitch = np.polynomial.Polynomial.fit(train.pitch_index, train.velocity, 3)
    classical = VelocityModel.open(pretrained("velocity.onnx"))
    classical_ahead = Model(pretrained("velocity_lookahead.onnx"), LOOKAHEAD_SYSTEM, REPRESENTATION_VERSION)
    rows = {
        "constant": [np.full(len(take.velocity), median) for take in takes],
        "pitch alone": [by_pitch(take.pitch_index) for take in takes],
        "last known velocity (teacher-forced)": [last_known(take.velocity, median) for take in takes],
    }
    networks: dict[str, tuple[Callable[[Take, np.ndarray], Quantiles], dict]] = {
        "classical, causal": (partial(causal_quantiles, classical), classical.answer.contract.constants),
        "classical, looking ahead": (partial(lookahead_quantiles, classical_ahead), classical_ahead.contract.constants),
        "pop, causal": (partial(causal_quantiles, causal), causal.answer.contract.constants),
        "pop, looking ahead": (partial(lookahead_quantiles, ahead), ahead.contract.constants),
    }
    for label, (predict, constants) in networks.items():
        quantiles = [predict(take, np.zeros_like(take.hints)) for take in track(takes, label, console=Console(stderr=True))]
        for temperature in (0.0, 1.0) if label.startswith("pop") else (0.0,):
            pairs = enumerate(zip(quantiles, takes, strict=True))
            played = [sample(constants, each, take.onset_s, temperature, seed + index).astype(float) for index, (each, take) in pairs]
            if label.startswith("classical"):
                louder = train.velocity.mean() - np.concatenate(played).mean()
                played = [each + louder for each in played]
            rows[f"{label}, temperature {temperature:g}"] = played
    return rows


def _pedals(played: list[Performance], ahead: Model) -> dict[str, PedalFigures]:
    """Return the pedal's rows, over the songs that are played with one."""
    pedalled = [each for each in played if len(each.hidden_pedals)]
    performer = VelocityLookaheadPerformer([ahead], CONTROLS, LOOKAHEAD_S)
    shown = track(pedalled, "pedal", console=Console(stderr=True))
    rows = {
        "never": [np.zeros(0, PEDAL_DTYPE) for _ in pedalled],
        "always": [np.array([(0.0, SUSTAIN_PEDAL, 127)], PEDAL_DTYPE) for _ in pedalled],
        "pop, looking ahead": [perform_pedal(performer, each) for each in shown],
    }
    compared = {label: [pedal_figures(*each) for each in zip(made, pedalled, strict=True)] for label, made in rows.items()}
    return {label: PedalFigures(*np.mean(figures, 0).tolist()) for label, figures in compared.items()}


def perform_pedal(performer: VelocityLookaheadPerformer, performance: Performance) -> np.ndarray:
    """Return the pedal (PEDAL_DTYPE) that the performer plays to the notes of a performance, which it gets without one."""
    events = []
    for onset_s, duration_s, pitch, velocity in performance.notes.tolist():
        events.append(Event(round(onset_s * 1e9), note_on(0, pitch, velocity)))
        events.append(Event(round((onset_s + duration_s) * 1e9), note_off(0, pitch, 64)))
    stream, sent = performer.create_stream(0, {"temperature": 0, "level": MODEL}), list[Event]()
    for event in sorted(events, key=lambda event: event.time_ns):
        while (due_ns := stream.next_due_ns()) is not None and due_ns < event.time_ns:
            sent += stream.advance(due_ns)
        sent += stream.feed(event)
    sent += stream.finish()
    moves = [
        ((event.time_ns - performer.latency_ns) / 1e9, SUSTAIN_PEDAL, event.message[2])
        for event in sent
        if is_control_change(event.message) and event.message[1] == SUSTAIN_PEDAL
    ]
    return np.array(moves, PEDAL_DTYPE)


def pedal_figures(made: np.ndarray, performance: Performance) -> PedalFigures:
    """Compare the pedal ``made`` with the one that was played, from the first onset to the last."""
    played, onsets = performance.hidden_pedals, performance.notes["onset_sec"]
    times_s = np.arange(onsets[0], onsets[-1] + STEP_S, STEP_S)
    is_played, is_made = is_down(played, times_s), is_down(made, times_s)
    same = is_played == is_made
    changes, own = lifts_and_presses(played)[0], lifts_and_presses(made)[0]
    return PedalFigures(
        float(same.mean()),
        float(same[is_played].mean()) if is_played.any() else 1.0,
        float(same[~is_played].mean()) if not is_played.all() else 1.0,
        _share_near(changes, own),
        _share_near(own, changes),
    )


def _share_near(times_s: np.ndarray, others_s: np.ndarray) -> float:
    """Return which share of ``times_s`` is within NEAR_S of one of ``others_s``; 0 where there is none of either."""
    if not len(times_s) or not len(others_s):
        return 0.0
    return float(np.mean(np.abs(times_s[:, None] - others_s).min(1) <= NEAR_S))
