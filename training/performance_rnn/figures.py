"""Baselines for the loss of Performance RNN: how well events are predicted from their frequency alone, and from the event before."""

from dataclasses import dataclass

import numpy as np
from torch import Tensor

from models.performance_rnn.representation import EventCodec
from training.performance_rnn.data import SoundingNotes

PRIOR_EVENTS = 10.0  # what the frequencies of all events weigh beside those after one event


@dataclass(frozen=True)
class EventBaselines:
    """Nats of each event, ``unigram`` (events,), and of each after another, ``bigram`` (events, events)."""

    unigram: np.ndarray
    bigram: np.ndarray


def count_events(codec: EventCodec, notes: SoundingNotes) -> EventBaselines:
    """Return the baselines of performances; what begins a performance follows the longest time shift."""
    pairs = np.zeros((codec.events, codec.events))
    for index in range(len(notes)):
        events, _ = codec.encode(codec.quantise(notes.performance(index)))
        np.add.at(pairs, (np.concatenate(([codec.first_velocity - 1], events[:-1])), events), 1)
    frequency = pairs.sum(0) + 1
    frequency /= frequency.sum()
    after = (pairs + PRIOR_EVENTS * frequency) / (pairs.sum(1, keepdims=True) + PRIOR_EVENTS)
    return EventBaselines(-np.log(frequency), -np.log(after))


def baseline_losses(baselines: EventBaselines, excerpts: dict[str, Tensor]) -> dict[str, float]:
    """Return nats an event of both baselines."""
    event, target = excerpts["event"].numpy(), excerpts["target"].numpy()
    return {"unigram": float(baselines.unigram[target].mean()), "bigram": float(baselines.bigram[event, target].mean())}
