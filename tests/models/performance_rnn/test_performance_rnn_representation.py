"""Performance RNN's events: the published vocabularies and orders, and notes that come back as they were."""

import numpy as np
import pytest

from models.performance_rnn.representation import (
    CONTROLS,
    DENSITY_BINS,
    MAGENTA,
    NOTE_DTYPE,
    NOTE_OFF,
    NOTE_ON,
    PAPER,
    PREFERRED_VALUES,
    TIME_SHIFT,
    VELOCITY,
    EventCodec,
    describe_controls,
    extend_by_sustain,
)


def notes_of(*rows):
    return np.array(list(rows), NOTE_DTYPE)


def played(count, seed=0):
    """Notes as a keyboard gives them: no key is pressed again before its release."""
    random = np.random.default_rng(seed)
    notes = np.zeros(count, NOTE_DTYPE)
    notes["onset_sec"] = np.cumsum(random.choice([0.0, 0.003, 0.11, 0.37, 2.6], count, p=[0.3, 0.2, 0.3, 0.18, 0.02]))
    notes["duration_sec"] = random.exponential(0.4, count) + 0.02
    notes["pitch"] = random.integers(21, 109, count)
    notes["velocity"] = random.integers(1, 128, count)
    for pitch in np.unique(notes["pitch"]):
        same = np.flatnonzero(notes["pitch"] == pitch)
        room = np.diff(notes["onset_sec"][same], append=np.inf)
        notes["duration_sec"][same] = np.minimum(notes["duration_sec"][same], room)
    return notes[notes["duration_sec"] > 0.02]


def test_the_vocabularies_are_the_published_ones():
    assert (PAPER.events, PAPER.step_s, MAGENTA.events, MAGENTA.step_s) == (413, 0.008, 388, 0.01)
    assert [PAPER.describe(event) for event in (0, 127, 128, 255)] == [(NOTE_ON, 0), (NOTE_ON, 127), (NOTE_OFF, 0), (NOTE_OFF, 127)]
    assert [MAGENTA.describe(event) for event in (256, 355)] == [(TIME_SHIFT, 1), (TIME_SHIFT, 100)]
    assert [PAPER.describe(event) for event in (256, 380)] == [(TIME_SHIFT, 1), (TIME_SHIFT, 125)]
    assert [MAGENTA.describe(event) for event in (356, 387)] == [(VELOCITY, 2), (VELOCITY, 126)]
    with pytest.raises(ValueError, match="event 388 is not in a vocabulary of 388"):
        MAGENTA.describe(388)


@pytest.mark.parametrize("codec", [PAPER, MAGENTA], ids=["413", "388"])
def test_notes_come_back_within_a_step_and_a_bin(codec):
    notes = played(400)
    events, at = codec.encode(codec.quantise(notes))
    decoded = codec.decode(events)
    order = np.lexsort((notes["pitch"], np.floor(notes["onset_sec"] / codec.step_s + 0.5)))
    decoded = decoded[np.lexsort((decoded["pitch"], np.round(decoded["onset_sec"] / codec.step_s)))]
    assert decoded["pitch"].tolist() == notes["pitch"][order].tolist()
    assert np.abs(decoded["onset_sec"] - notes["onset_sec"][order]).max() <= codec.step_s / 2 + 1e-9
    assert np.abs(decoded["duration_sec"] - notes["duration_sec"][order]).max() <= codec.step_s + 1e-9
    assert np.abs(decoded["velocity"] - notes["velocity"][order]).max() <= 2
    assert at.tolist() == codec.steps_before(events).tolist()
    again, _ = codec.encode(codec.quantise(decoded))  # on the grid, so that a chord is in the order of its pitches
    assert codec.encode(codec.quantise(codec.decode(again)))[0].tolist() == again.tolist()


def test_events_stand_in_the_published_order():
    notes = notes_of((0.0, 0.5, 60, 64), (0.0, 0.5, 64, 63), (0.5, 0.5, 60, 64), (3.5, 0.004, 67, 100))
    events, _ = MAGENTA.encode(MAGENTA.quantise(notes))
    assert [MAGENTA.describe(event) for event in events] == [
        *((VELOCITY, 62), (NOTE_ON, 60), (NOTE_ON, 64)),
        *((TIME_SHIFT, 50), (NOTE_OFF, 60), (NOTE_OFF, 64), (NOTE_ON, 60)),
        *((TIME_SHIFT, 50), (NOTE_OFF, 60)),
        *((TIME_SHIFT, 100), (TIME_SHIFT, 100), (TIME_SHIFT, 50), (VELOCITY, 98), (NOTE_ON, 67)),
        *((TIME_SHIFT, 1), (NOTE_OFF, 67)),  # too short for a step: it lasts one
    ]


def test_no_notes_are_no_events():
    events, at = PAPER.encode(PAPER.quantise(notes_of()))
    assert len(events) == len(at) == len(PAPER.decode(events)) == 0


def test_what_a_network_may_invent_is_decoded():
    on, off, shift = 60, 128 + 60, PAPER.first_shift + 24
    decoded = PAPER.decode(np.array([off, on, shift, on, shift, off, shift, off, on, off, on, shift]))
    assert decoded["onset_sec"].tolist() == pytest.approx([0.0, 0.2, 0.6])  # the one that lasted no step is left out
    assert decoded["duration_sec"].tolist() == pytest.approx([0.4, 0.4, 0.2])  # the first struck is the first released


@pytest.mark.parametrize(
    ("pedal", "notes", "expected"),
    [
        ([(0.5, 64), (2.0, 0)], [(0.0, 1.0, 60)], [(0.0, 2.0)]),
        ([(0.5, 63), (2.0, 0)], [(0.0, 1.0, 60)], [(0.0, 1.0)]),
        ([(1.0, 127), (2.0, 0)], [(0.0, 1.0, 60)], [(0.0, 2.0)]),  # the pedal goes down before the key goes up
        ([(0.5, 127), (1.0, 0)], [(0.0, 1.0, 60)], [(0.0, 1.0)]),  # and up before it too
        ([(0.5, 127), (1.0, 127), (1.0, 0), (3.0, 0)], [(0.0, 2.0, 60)], [(0.0, 2.0)]),  # down before up
        ([(0.5, 127)], [(0.0, 1.0, 60), (2.0, 1.0, 62)], [(0.0, 3.0), (2.0, 1.0)]),  # to the end
        ([(0.5, 127), (4.0, 0)], [(0.0, 1.0, 60), (2.0, 1.0, 60)], [(0.0, 2.0), (2.0, 2.0)]),  # struck again
        ([(0.5, 127), (4.0, 0)], [(1.0, 0.5, 60), (1.0, 1.0, 60)], [(1.0, 3.0)]),  # at once: nothing is left of the first
        ([(5.0, 127)], [(0.0, 2.0, 60), (1.0, 2.0, 60)], [(0.0, 2.0), (1.0, 2.0)]),  # without the pedal both sound
        ([], [(0.0, 1.0, 60)], [(0.0, 1.0)]),
    ],
)
def test_the_sustain_pedal_makes_notes_longer(pedal, notes, expected):
    times, values = (np.array(column) for column in zip(*pedal, strict=True)) if pedal else (np.zeros(0), np.zeros(0))
    extended = extend_by_sustain(notes_of(*[(*note, 64) for note in notes]), times, values)
    assert [(note["onset_sec"], note["duration_sec"]) for note in extended] == expected


def test_density_and_histogram_look_ahead():
    steps = PAPER.quantise(played(200, seed=3))
    at = np.array([0, 17, 600, int(steps["onset_step"].max())])
    end = (steps["onset_step"] + steps["duration_step"]).max()
    for step, density, histogram in zip(at, PAPER.density(steps, at), PAPER.pitch_class_histogram(steps, at), strict=True):
        starting = ((steps["onset_step"] >= step) & (steps["onset_step"] < step + 375)).sum()
        assert density == pytest.approx(starting / (min(375, end - step) * 0.008))
        within = np.minimum(steps["onset_step"] + steps["duration_step"], step + 625) - np.maximum(steps["onset_step"], step)
        seconds = 0.01 + 0.008 * np.bincount(steps["pitch"] % 12, np.maximum(within, 0), 12)
        np.testing.assert_allclose(histogram, seconds / seconds.sum(), rtol=1e-5)


def test_controls_say_what_is_known():
    histogram = np.full((2, 12), 1 / 12)
    assert describe_controls(None, None, 2).tolist() == [[0.0] * CONTROLS] * 2
    both = describe_controls(np.array([0.5, 8.0]), histogram, 2)
    assert both[:, :DENSITY_BINS].argmax(1).tolist() == [0, 4] and both[:, DENSITY_BINS].tolist() == [1, 1]
    np.testing.assert_allclose(both[:, DENSITY_BINS + 1 : PREFERRED_VALUES - 1], histogram)
    assert describe_controls(None, histogram, 2)[:, [DENSITY_BINS, PREFERRED_VALUES - 1]].tolist() == [[0, 1], [0, 1]]
    sounding = np.random.default_rng(1).random((2, 128))
    np.testing.assert_allclose(
        describe_controls(None, None, 2, sounding), np.concatenate([np.zeros((2, PREFERRED_VALUES)), sounding], 1), rtol=1e-6
    )


def test_what_sounds_fades_and_ends():
    codec = EventCodec(125)
    second = codec.first_velocity - 1
    events = np.array([60, second, 64, 128 + 60, second, 64, second, 128 + 61])
    sounding = codec.sounding(events)
    assert sounding.shape == (8, 128) and sounding.any(axis=0).nonzero()[0].tolist() == [60, 64]
    faded = 0.25 + 0.75 * np.exp([0, -1])
    np.testing.assert_allclose(sounding[:, 60], [0, faded[0], faded[1], faded[1], 0, 0, 0, 0], rtol=1e-6)
    np.testing.assert_allclose(sounding[:, 64], [0, 0, 0, faded[0], faded[0], faded[1], faded[0], faded[1]], rtol=1e-6)
