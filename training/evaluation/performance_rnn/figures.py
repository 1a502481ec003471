"""``perf-eval performance-rnn``: how well held-out performances are predicted, and what is improvised measured beside what humans play."""

import itertools
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import torch
from rich.console import Console
from rich.progress import track

from engine.onnx.model import Model
from engine.performers.performance_rnn.controls import DEFAULT_PREFERENCES
from engine.performers.performance_rnn.improvisation import Improvisation
from engine.performers.performance_rnn.voice import Preferences
from models.performance_rnn.network import impossible
from models.performance_rnn.representation import PITCH_CLASSES, EventCodec, describe_controls
from training.performance_rnn.data import SoundingNotes, encode_performance, inputs_of
from training.performance_rnn.figures import EventBaselines

MOST_EVENTS = 2048  # of each performance, from its beginning
TAKE_S = 60.0
MOST_EVENTS_A_SECOND = 400


@dataclass(frozen=True)
class Predicted:
    """Nats an event, nats a second of music, and the share of events that were the likeliest."""

    by_event: float
    by_second: float
    accuracy: float


def predict(model: Model, notes: SoundingNotes, baselines: EventBaselines) -> dict[str, Predicted]:
    """Return how well each model predicts the beginnings of the performances; ``told`` is given the density and the pitch classes to
    come.
    """
    codec = EventCodec(model.contract.constants["steps_per_second"])
    nats: dict[str, list[np.ndarray]] = {name: [] for name in ("unigram", "bigram", "performance-rnn", "performance-rnn, told")}
    right: dict[str, list[np.ndarray]] = {name: [] for name in nats}
    seconds = 0.0
    for index in track(range(len(notes)), "predicting", console=Console(stderr=True)):
        events, density, histogram = (column[:MOST_EVENTS] for column in encode_performance(codec, notes.performance(index)))
        before, sounding = inputs_of(codec, events), codec.sounding(events)
        seconds += float(codec.shift_steps(events).sum() * codec.step_s)
        costs = {"unigram": np.tile(baselines.unigram, (len(events), 1)), "bigram": baselines.bigram[before]}
        costs["performance-rnn"] = _costs(model, before, describe_controls(None, None, len(events), sounding))
        costs["performance-rnn, told"] = _costs(model, before, describe_controls(density, histogram, len(events), sounding))
        for name, cost in costs.items():
            nats[name].append(np.take_along_axis(cost, events[:, None], 1)[:, 0])
            right[name].append(cost.argmin(1) == events)
    found = {}
    for name, parts in nats.items():
        all_nats = np.concatenate(parts)
        found[name] = Predicted(float(all_nats.mean()), float(all_nats.sum() / seconds), float(np.concatenate(right[name]).mean()))
    return found


def _costs(model: Model, before: np.ndarray, controls: np.ndarray) -> np.ndarray:
    """Return (events, vocabulary) the nats of each event that may come, at every place."""
    logits = model.create_stepper().step_chunk({"event": before[:, None], "controls": controls[:, None]})["logits"][:, 0]
    logits += impossible(torch.from_numpy(controls), logits.shape[-1]).numpy()
    logits -= logits.max(-1, keepdims=True)
    return np.log(np.exp(logits).sum(-1, keepdims=True)) - logits


def improvise(model: Model, seed: int, seconds: float, preferences: Preferences = DEFAULT_PREFERENCES) -> np.ndarray:
    """Return the notes of an improvisation from nothing."""
    improvisation = Improvisation(model, seed)
    events: list[int] = []
    while improvisation.step * improvisation.codec.step_s < seconds and len(events) < seconds * MOST_EVENTS_A_SECOND:
        events.append(improvisation.sample(preferences))
    return improvisation.codec.decode(np.array(events))


def takes_of(notes: np.ndarray) -> list[np.ndarray]:
    """Return a performance's notes in whole takes of 60 s, one after the other."""
    count = int(notes["onset_sec"].max(initial=0) // TAKE_S)
    takes = [notes[notes["onset_sec"] // TAKE_S == take] for take in range(count)]
    for index, take in enumerate(takes):
        take["onset_sec"] -= index * TAKE_S
    return takes


def describe_take(notes: np.ndarray) -> dict[str, float]:
    """Return the measures of a take of 60 s, of notes as long as they sound: as the sustain pedal holds them, where there is one.

    Onsets less than 30 ms apart are a chord's; the inter-onset interval is between those that are not. Notes sounding at an onset are
    counted with the one that begins. The entropy is that of the shares of the pitch
    classes in all onsets, 3.58 bits at most. A silence is a time in which nothing sounds. Four-note sequences are the pitches of every
    four notes that follow each other, by onset and then pitch; repeated are those that the take already had.
    """
    if len(notes) < 2:
        return {"notes a second": len(notes) / TAKE_S}
    onsets = np.sort(notes["onset_sec"])
    intervals = np.diff(onsets)
    later = intervals[intervals >= 0.03]
    histogram = np.bincount(notes["pitch"] % PITCH_CLASSES, minlength=PITCH_CLASSES) / len(notes)
    sequences = _sequences(notes)
    ends = np.maximum.accumulate(notes["onset_sec"] + notes["duration_sec"])
    return {
        "notes a second": len(notes) / TAKE_S,
        "velocity": float(notes["velocity"].mean()),
        "velocity spread": float(notes["velocity"].std()),
        "inter-onset interval, median, s": float(np.median(later)) if len(later) else float("nan"),
        "share of onsets in chords": float((intervals < 0.03).mean()),
        "note length, median, s": float(np.median(notes["duration_sec"])),
        "notes sounding at an onset": float(
            ((notes["onset_sec"] <= onsets[:, None]) & (onsets[:, None] < notes["onset_sec"] + notes["duration_sec"])).sum(1).mean()
        ),
        "pitch-class entropy, bits": float(-(histogram[histogram > 0] * np.log2(histogram[histogram > 0])).sum()),
        "longest silence, s": float(max((notes["onset_sec"][1:] - ends[:-1]).max(), 0.0)),
        "share of repeated four-note sequences": 1 - len(set(sequences)) / max(len(sequences), 1),
    }


def describe_run(takes: list[np.ndarray]) -> list[dict[str, float]]:
    """Return the measures of takes that follow each other, from the second on, and what each has of the one before it."""
    described = []
    for before, take in itertools.pairwise(takes):
        known, sequences = set(_sequences(before)), _sequences(take)
        share = sum(sequence in known for sequence in sequences) / max(len(sequences), 1)
        described.append(describe_take(take) | {"share of sequences of the minute before": share})
    return described


def _sequences(notes: np.ndarray) -> list[tuple[int, ...]]:
    """Return the pitches of each four notes that follow each other."""
    pitches = notes["pitch"].tolist()
    return list(zip(pitches, pitches[1:], pitches[2:], pitches[3:], strict=False))


class Summary(NamedTuple):
    """Of a measure over takes; ``low`` and ``high`` are the 10th and the 90th percentile."""

    mean: float
    deviation: float
    median: float
    low: float
    high: float


def summarise(described: list[dict[str, float]]) -> dict[str, Summary]:
    """Return what the takes have of each measure."""
    names = max(described, key=len)
    columns = {name: np.array([each.get(name, np.nan) for each in described]) for name in names}
    figures = {name: (np.nanmean(column), np.nanstd(column), *np.nanpercentile(column, (50, 10, 90))) for name, column in columns.items()}
    return {name: Summary(*map(float, figure)) for name, figure in figures.items()}


def distance(ours: dict[str, Summary], humans: dict[str, Summary]) -> float:
    """Return how many deviations of humans' takes our medians are from theirs, the mean over measures."""
    return float(np.mean([abs(ours[name].median - human.median) / human.deviation for name, human in humans.items()]))
