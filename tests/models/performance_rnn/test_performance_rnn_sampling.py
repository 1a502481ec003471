"""Which event is chosen, and which may come at all."""

import numpy as np
import pytest

from models.layers.sampling import GumbelNoise
from models.performance_rnn.representation import MAGENTA, NOTE_OFF, NOTE_ON, VELOCITY
from models.performance_rnn.sampling import Boldness, Limits, SoundingKeys, choose, probabilities

REST, LOUD = MAGENTA.first_shift + 99, MAGENTA.first_velocity + 30


def logits_of(chances):
    """Return logits (events,) of events' chances; all others are impossible."""
    logits = np.full(MAGENTA.events, -np.inf, np.float32)
    logits[list(chances)] = np.log(np.array(list(chances.values()), np.float32))
    return logits


CHANCES = {60: 0.05, 61: 0.1, 62: 0.15, 63: 0.2, 128 + 40: 0.1, REST: 0.2, LOUD: 0.05, LOUD + 1: 0.15}


def test_events_are_drawn_with_their_probabilities_and_small_differences_change_little():
    noise, boldness, favour = GumbelNoise(1), Boldness(0.6, 0.95), {62: 0.7}
    nearly = CHANCES | {63: 0.201, REST: 0.199}
    weights = [logits_of(each) + 5 for each in (CHANCES, nearly)]
    values = [noise.values(index, MAGENTA.events + 128) for index in range(4000)]
    chosen = np.array([[choose(each, favour, boldness, value) for each in weights] for value in values])
    shares = np.bincount(chosen[:, 0], minlength=MAGENTA.events) / 4000
    np.testing.assert_allclose(shares, probabilities(weights[0], favour, boldness), atol=0.02)
    assert (chosen[:, 0] != chosen[:, 1]).mean() < 0.006


@pytest.mark.parametrize(
    ("temperature", "top_p", "notes", "velocities"),
    [
        (1.0, 1.0, [0.1, 0.2, 0.3, 0.4], [0.25, 0.75]),
        (0.5, 1.0, [1 / 30, 4 / 30, 9 / 30, 16 / 30], [0.1, 0.9]),
        (0.0, 1.0, [0, 0, 0, 1], [0, 1]),
        (1.0, 0.6, [0, 0, 3 / 7, 4 / 7], [0, 1]),
        (1.0, 0.8, [0, 2 / 9, 3 / 9, 4 / 9], [0.25, 0.75]),
        (1.0, 0.0, [0, 0, 0, 1], [0, 1]),
    ],
)
def test_temperature_and_top_p_choose_notes_and_velocities_not_when_they_come(temperature, top_p, notes, velocities):
    chances = probabilities(logits_of(CHANCES), {}, Boldness(temperature, top_p))
    np.testing.assert_allclose(chances[60:64], 0.5 * np.array(notes), atol=1e-6)
    np.testing.assert_allclose(chances[LOUD : LOUD + 2], 0.2 * np.array(velocities), atol=1e-6)
    np.testing.assert_allclose(chances[[128 + 40, REST]], [0.1, 0.2], atol=1e-6)


def test_a_favoured_note_is_likelier_at_the_cost_of_other_notes():
    chances = probabilities(logits_of(CHANCES), {61: np.log(2)}, Boldness())
    np.testing.assert_allclose(chances[60:64], 0.5 * np.array([1, 4, 3, 4]) / 12, atol=1e-6)
    np.testing.assert_allclose(chances[[128 + 40, REST, LOUD]], [0.1, 0.2, 0.05], atol=1e-6)


def test_what_is_not_allowed_has_no_chance():
    bars = np.zeros(MAGENTA.events, np.float32)
    bars[[62, 63, LOUD, LOUD + 1]] = -np.inf
    chances = probabilities(logits_of(CHANCES) + bars, {}, Boldness())
    np.testing.assert_allclose(chances[[60, 61, 62, 63, LOUD]], np.array([0.05, 0.1, 0, 0, 0]) / 0.45, atol=1e-6)
    assert probabilities(logits_of(CHANCES) + bars, {}, Boldness(0.0))[:128].argmax() == 61


def keys_after(*events):
    played = SoundingKeys(MAGENTA)
    for event in events:
        played.follow(event)
    return played


def kinds(bars):
    allowed = bars == 0
    assert np.isneginf(bars[~allowed]).all()
    return {
        "on": set(np.flatnonzero(allowed[:128])),
        "off": set(np.flatnonzero(allowed[128:256])),
        "shifts": int(allowed[MAGENTA.first_shift : MAGENTA.first_velocity].sum()),
        "velocity": bool(allowed[MAGENTA.first_velocity :].any()),
    }


LIMITS = Limits(lowest=60, highest=64, notes_at_once=2)


def test_keys_go_down_when_they_are_up_and_up_when_they_are_down():
    assert kinds(keys_after().bars(LIMITS)) == {"on": {60, 61, 62, 63, 64}, "off": set(), "shifts": 100, "velocity": True}
    assert kinds(keys_after(62).bars(LIMITS)) == {"on": {60, 61, 63, 64}, "off": set(), "shifts": 100, "velocity": True}
    assert kinds(keys_after(62, REST).bars(LIMITS))["off"] == {62}
    assert kinds(keys_after(62, REST, 128 + 62).bars(LIMITS)) == kinds(keys_after(REST).bars(LIMITS)) | {"shifts": 100}


def test_a_velocity_is_followed_by_a_note():
    assert kinds(keys_after(62, REST, LOUD).bars(LIMITS)) == {"on": {60, 61, 63, 64}, "off": set(), "shifts": 0, "velocity": False}


def test_no_more_notes_than_allowed():
    assert kinds(keys_after(60, 61, REST).bars(LIMITS)) == {"on": set(), "off": {60, 61}, "shifts": 100, "velocity": False}


def test_time_goes_by_no_further_than_a_note_may_last():
    played = keys_after(62, *[REST] * 4)
    played.step += 70
    assert kinds(played.bars(LIMITS))["shifts"] == 30 and played.due_release(LIMITS) is None
    played.step += 30
    assert played.due_release(LIMITS) == 128 + 62
    played.partners.add(62)
    assert kinds(played.bars(LIMITS))["shifts"] == 100 and played.due_release(LIMITS) is None


def test_a_partners_notes_are_the_partners():
    played = keys_after()
    for event in (60, 61, REST):
        played.follow(event, partners=True)
    assert kinds(played.bars(LIMITS)) == {"on": {62, 63, 64}, "off": set(), "shifts": 100, "velocity": True}
    for _ in range(6):
        played.follow(REST)
    assert played.due_release(LIMITS) is None


def test_silence_ends():
    assert [kinds(keys_after(*[REST] * rests).bars(LIMITS))["shifts"] for rests in (0, 2, 3)] == [100, 100, 0]
    assert kinds(keys_after(REST, REST, MAGENTA.first_shift + 49).bars(LIMITS))["shifts"] == 50
    assert kinds(keys_after(60, *[REST] * 5, 128 + 60).bars(LIMITS))["shifts"] == 100  # it begins when the last note ends


def test_long_notes_end():
    assert keys_after(60, *[REST] * 4, 62, REST).due_release(LIMITS) == 128 + 60
    assert keys_after(60, *[REST] * 4).due_release(LIMITS) is None


def test_copies_are_apart():
    first = keys_after(60)
    second = first.copy()
    second.follow(62)
    assert list(first.sounding) == [60] and list(second.sounding) == [60, 62]


def plain_choice(played, logits, limits, favour, boldness, values):
    """What sampling means, written out plainly and slowly."""
    pressable = {p for p in range(limits.lowest, limits.highest + 1) if limits.classes[p % 12] and p not in played.sounding}
    pressable = pressable if len(played.sounding) < limits.notes_at_once else set()
    after_velocity = played.last_kind == VELOCITY
    longest = min([100 * limits.longest_note_s - (played.step - onset) for onset in played.sounding.values()], default=100)
    if pressable and not played.sounding:
        longest = 100 * limits.longest_silence_s - (played.step - played.silent_since)

    def allowed(event):
        kind, value = MAGENTA.describe(event)
        if kind == NOTE_OFF:
            return not after_velocity and played.sounding.get(value, played.step) < played.step
        return value in pressable if kind == NOTE_ON else not after_velocity and (bool(pressable) if kind == VELOCITY else value <= longest)

    chances = {event: float(np.exp(np.float64(logits[event]))) for event in range(MAGENTA.events) if allowed(event)}
    drawn = min(chances, key=lambda event: np.exp(-values[event]) / chances[event])
    kind = MAGENTA.describe(drawn)[0]
    if kind not in (NOTE_ON, VELOCITY):
        return drawn
    group = sorted(event for event in chances if MAGENTA.describe(event)[0] == kind)
    first = 0 if kind == NOTE_ON else MAGENTA.first_velocity
    favoured = {event: chances[event] * np.exp(favour.get(event, 0) if kind == NOTE_ON else 0) for event in group}
    changed = {event: chance ** (1 / boldness.temperature) for event, chance in favoured.items()}
    kept, total, least = {}, 0.0, boldness.top_p * sum(changed.values())
    for event in sorted(changed, key=lambda event: -changed[event]):
        if total < least:
            kept[event] = changed[event]
            total += changed[event]
    return min(kept, key=lambda event: np.exp(-values[MAGENTA.events + event - first]) / kept[event])


@pytest.mark.parametrize("boldness", [Boldness(1.0, 0.9), Boldness(1.7, 0.6), Boldness(0.8, 1 - 1e-12)])
def test_a_seed_chooses_what_the_plain_definition_does(boldness):
    limits = Limits(40, 80, tuple(index in (0, 2, 4, 5, 7, 9, 11) for index in range(12)), 4, 1.0)
    random, played, noise = np.random.default_rng(0), SoundingKeys(MAGENTA), GumbelNoise(7)
    for index in range(600):
        logits = (random.normal(size=MAGENTA.events) * 2).astype(np.float32)
        favour = dict(zip(range(30, 90), random.integers(0, 3, 60).tolist(), strict=True))
        event = played.due_release(limits)
        if event is None:
            values = noise.values(index, MAGENTA.events + 128)
            event = choose(logits + played.bars(limits), favour, boldness, values)
            assert event == plain_choice(played, logits, limits, favour, boldness, values)
        played.follow(event)
