"""How far an int8 improviser is from the float32 one that it was made of.

``equal_events``: with the same seed, how many events of the two are the same before the first that differs. Then the float model plays and
both hear what it plays. ``equal_share``: of the events that both would choose by the same numbers, how many are the same. ``variation``:
of each event, the total variation of the two distributions that it would be drawn from, 0 to 1.
"""

from dataclasses import dataclass

import numpy as np

from engine.onnx.model import Model
from engine.performers.performance_rnn.controls import DEFAULT_PREFERENCES
from engine.performers.performance_rnn.improvisation import Improvisation
from engine.performers.performance_rnn.networks import Ensemble, codec_of
from engine.performers.performance_rnn.voice import Voice
from models.layers.sampling import GumbelNoise
from models.performance_rnn.sampling import SoundingKeys, probabilities

DIGITS = 5


@dataclass(frozen=True)
class Agreement:
    events: int
    equal_events: int
    equal_share: float
    variation_mean: float
    variation_p99: float
    variation_maximum: float


def compare(model: Model, float_model: Model, events: int, seed: int) -> Agreement:
    """Compare over ``events`` events. Both models have the same vocabulary."""
    played, chosen, variations = _play(model, float_model, events, seed)
    improvisation, preferences = Improvisation(model, seed), DEFAULT_PREFERENCES
    equal = 0
    while equal < events and improvisation.sample(preferences) == played[equal]:
        equal += 1
    share = np.mean(np.equal(played, chosen))
    figures = (share, variations.mean(), *np.percentile(variations, (99, 100)))
    return Agreement(events, equal, *(round(float(value), DIGITS) for value in figures))


def _play(model: Model, float_model: Model, events: int, seed: int) -> tuple[list[int], list[int], np.ndarray]:
    """Return what the float model plays, as ``Improvisation`` samples it; what the other would have played instead of each event; and how
    far its distribution was.
    """
    codec, preferences = codec_of(float_model), DEFAULT_PREFERENCES
    voice = Voice(GumbelNoise(seed), SoundingKeys(codec), codec.first_velocity - 1)
    ensembles = [Ensemble(each.create_stepper()) for each in (model, float_model)]
    played: list[int] = []
    chosen: list[int] = []
    variations = np.zeros(events)
    for index in range(events):
        bars, favour, other = voice.keys.bars(preferences.limits).copy(), voice.motifs.favour(preferences.motifs), voice.copy()
        chosen += ensembles[0].sample((other,), preferences)
        played += ensembles[1].sample((voice,), preferences)
        distributions = [probabilities(each.logits[0] + bars, favour, preferences.boldness) for each in ensembles]
        variations[index] = np.abs(np.subtract(*distributions)).sum() / 2
    return played, chosen, variations


def agreement_line(agreement: Agreement) -> str:
    variation = f"{agreement.variation_mean:g} mean, {agreement.variation_p99:g} 99th percentile, {agreement.variation_maximum:g} largest"
    equal = f"the first {agreement.equal_events} of {agreement.events} events are equal"
    share = f"hearing the same, {agreement.equal_share:.2%} of the choices are equal"
    return f"beside float, with the same seed: {equal}; {share}; total variation of the next event: {variation}"
