"""An improvisation is a function of model, seed, preferences and what it heard; it can be taken back."""

import numpy as np
import pytest
from synthetic_improviser import write_model

from engine.performers.performance_rnn.controls import DEFAULT_PREFERENCES
from engine.performers.performance_rnn.improvisation import Improvisation
from engine.performers.performance_rnn.networks import open_model
from engine.performers.performance_rnn.voice import Preferences
from models.performance_rnn.motifs import FAVOUR
from models.performance_rnn.representation import MAGENTA, NOTE_OFF, NOTE_ON, PREFERRED_VALUES
from models.performance_rnn.sampling import Boldness, Limits

PREFERENCES = DEFAULT_PREFERENCES


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    return open_model(write_model(tmp_path_factory.mktemp("model") / "improviser.onnx"))


def sample(improvisation, count, preferences=PREFERENCES):
    return [improvisation.sample(preferences) for _ in range(count)]


def test_a_seed_is_an_improvisation(model):
    first = sample(Improvisation(model, 1), 200)
    assert sample(Improvisation(model, 1), 200) == first
    assert sample(Improvisation(model, 2), 200) != first


def test_it_goes_back_to_a_snapshot(model):
    improvisation = Improvisation(model, 1)
    sample(improvisation, 50)
    snapshot = improvisation.snapshot()
    step, sounding = improvisation.step, improvisation.sounding
    future = sample(improvisation, 80)
    improvisation.restore(snapshot)
    assert (improvisation.step, improvisation.sounding) == (step, sounding)
    assert sample(improvisation, 80) == future
    improvisation.restore(snapshot)
    improvisation.hear(future[:3], PREFERENCES)
    assert improvisation.step == step + int(MAGENTA.shift_steps(np.array(future[:3])).sum())


def test_hearing_is_as_good_as_having_played(model):
    played = Improvisation(model, 1)
    events = sample(played, 700)
    heard = Improvisation(model, 1)
    heard.hear(events, PREFERENCES)
    heard._voice.index = played._voice.index
    assert heard.step == played.step and heard.sounding == played.sounding
    assert sample(heard, 100) == sample(played, 100)


def test_the_network_is_told_what_sounds(model):
    improvisation = Improvisation(model, 1)
    events = sample(improvisation, 301)
    told = improvisation._ensemble.stepper.inputs["controls"][0, PREFERRED_VALUES:]
    assert np.count_nonzero(told) > 2
    np.testing.assert_allclose(told, MAGENTA.sounding(np.array(events))[-1], rtol=1e-6)


def test_limits_are_kept(model):
    preferences = Preferences(Boldness(3.0), limits=Limits(lowest=40, highest=70, notes_at_once=3, longest_note_s=1.0))
    onsets, step, most = {}, 0, 0
    for event in sample(Improvisation(model, 3), 3000, preferences):
        kind, value = MAGENTA.describe(event)
        if kind == NOTE_ON:
            assert 40 <= value <= 70 and value not in onsets
            onsets[value] = step
        elif kind == NOTE_OFF:
            assert 0 < (step - onsets.pop(value)) * MAGENTA.step_s <= 1.0
        else:
            step += int(MAGENTA.shift_steps(np.array([event]))[0])
        most = max(most, len(onsets))
    assert most == 3


def test_preferences_change_what_comes(model):
    def notes(preferences):
        return len(MAGENTA.decode(np.array(sample(Improvisation(model, 1), 600, preferences))))

    assert notes(Preferences(density=70)) > 1.5 * notes(Preferences(density=0.5))
    described = Preferences(histogram=(1.0,) + (0.0,) * 11).described
    assert described.shape == (PREFERRED_VALUES,) and described[9:PREFERRED_VALUES].tolist() == [1.0] + [0.0] * 11 + [1.0]
    first = [
        [sample(Improvisation(model, seed), 1, each) for seed in range(20)] for each in (PREFERENCES, Preferences(Boldness(top_p=0.01)))
    ]
    assert len(set(_pressed(first[0]))) > 2 and len(set(_pressed(first[1]))) == 1


def test_motifs_come_back(model):
    """The network of the tests has no memory to speak of; what brings motifs back is what was played."""

    def repeated(motifs):
        pitches = _pressed([sample(Improvisation(model, 1), 1500, Preferences(motifs=motifs, limits=Limits(60, 71)))])
        fours = list(zip(*(pitches[place:] for place in range(4)), strict=False))
        return 1 - len(set(fours)) / len(fours)

    assert 2 * repeated(0.0) < repeated(2.0)


def test_motifs_of_a_partner_are_taken_up(model):
    """A motif that was heard twice makes its last key likelier when the partner begins it anew."""
    motif = [event for pitch in (60, 67, 63, 70) for event in (pitch, MAGENTA.first_shift + 19, 128 + pitch)]
    improvisation = Improvisation(model, 1)
    improvisation.hear([*motif, *motif[:-3]], PREFERENCES, partners=True)
    assert improvisation.snapshot()[1].motifs.favour(1.0) == {70: FAVOUR[2]}


def _pressed(takes):
    return [event for take in takes for event in take if event < 128]
