"""The search for likely takes, and what stands for a primer that is left out."""

import math

import numpy as np
import pytest
from synthetic_improviser import write_model

from engine.midi.events import Event, control_change, note_off, note_on
from engine.midi.file import MidiTimeline
from engine.performers.performance_rnn.controls import DEFAULT_PREFERENCES
from engine.performers.performance_rnn.networks import Ensemble, codec_of, open_model
from engine.performers.performance_rnn.takes import BRANCHES, STRETCH_EVENTS, sample_takes, search, without_primer
from engine.performers.performance_rnn.voice import Voice
from models.layers.sampling import GumbelNoise
from models.performance_rnn.sampling import SoundingKeys, probabilities

WANTED = DEFAULT_PREFERENCES


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    return open_model(write_model(tmp_path_factory.mktemp("model") / "improviser.onnx"))


def voice(model, seed):
    codec = codec_of(model)
    return Voice(GumbelNoise(seed), SoundingKeys(codec), codec.first_velocity - 1, judges=True)


def alone(model):
    return Ensemble(model.create_stepper())


def log_likelihood(model, events):
    """Of events, but for those that nobody chose; and the step that they end at."""
    follower, ensemble, nats = voice(model, 0), alone(model), 0.0
    for event in events:
        ensemble.sample([follower.copy()], WANTED)  # only for what the network says
        weights, favour = ensemble.logits[0] + follower.keys.bars(WANTED.limits), follower.motifs.favour(WANTED.motifs)
        chances = probabilities(weights, favour, WANTED.boldness)
        if follower.keys.due_release(WANTED.limits) is None:
            nats += math.log(chances[event])
        follower.follow(event)
    return nats, follower.keys.step


def test_a_voice_knows_how_likely_it_was(model):
    one, ensemble = voice(model, 5), alone(model)
    events = [ensemble.sample([one], WANTED)[0] for _ in range(300)]
    expected, step = log_likelihood(model, events)
    assert one.log_likelihood == pytest.approx(expected, rel=1e-4) and step == one.keys.step


def test_takes_are_those_of_single_voices(model):
    (single,) = sample_takes(alone(model), [voice(model, 5)], WANTED, 300)
    first, other = sample_takes(Ensemble(model.create_stepper(2)), [voice(model, 5), voice(model, 6)], WANTED, 300)
    assert first[: len(single)] == single != other[: len(single)]
    assert log_likelihood(model, single[:-1])[1] <= 300 < log_likelihood(model, single)[1]


def test_more_beams_find_likelier_events(model):
    def found(beams):
        events = search(Ensemble(model.create_stepper(beams * BRANCHES)), voice(model, 3), beams, WANTED, 1000)
        assert len(events) % STRETCH_EVENTS == 0
        nats, step = log_likelihood(model, events)
        assert step > 1000
        return nats / len(events)

    (sampled,) = sample_takes(alone(model), [voice(model, 3)], WANTED, 1000)
    by_chance = log_likelihood(model, sampled)[0] / len(sampled)
    assert by_chance < found(1) < found(4)


def test_one_stretch_keeps_the_likeliest_of_its_branches(model):
    """With the end within reach of the first stretch, the answer can be found by trying all lanes."""
    lanes = []
    for lane in range(2 * BRANCHES):
        one, ensemble = voice(model, 3).copy(noise=GumbelNoise(3, lane)), alone(model)
        lanes.append(([ensemble.sample([one], WANTED)[0] for _ in range(STRETCH_EVENTS)], one.log_likelihood))
    assert len({tuple(events) for events, _ in lanes}) == len(lanes)
    assert search(Ensemble(model.create_stepper(2 * BRANCHES)), voice(model, 3), 2, WANTED, -1) == max(lanes, key=lambda lane: lane[1])[0]


def test_a_primers_state_stays():
    bank, program = control_change(1, 0, 3), bytes((0xC1, 8))
    messages = [bytes((0xC1, 1)), control_change(1, 64, 127), bank, program, note_on(1, 60, 60), note_off(1, 60)]
    messages += [bytes((0xE0, 0, 80)), control_change(0, 64, 5), control_change(1, 64, 0), control_change(1, 123, 0), b"\xf8"]
    primer = MidiTimeline([Event(index * 10, message) for index, message in enumerate(messages)])
    timeline, take = without_primer(primer, [Event(130, note_on(0, 70, 70), 2)], 100)
    kept = [bank, program, bytes((0xE0, 0, 80)), control_change(0, 64, 5), control_change(1, 64, 0)]
    assert timeline.events == [Event(0, message) for message in kept]
    assert take == [Event(30, note_on(0, 70, 70), 2)]
    assert np.all([event.time_ns == 10 * index for index, event in enumerate(primer.events)])
