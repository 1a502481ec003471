"""Which event is chosen, and which may come at all."""

import numpy as np
import pytest

from models.performance_rnn.representation import MAGENTA
from models.performance_rnn.sampling import Hands, Limits, choose, probabilities, uniform

ALL = np.ones(4, bool)
LOGITS = np.log(np.array([0.1, 0.2, 0.3, 0.4], np.float32))
REST, LOUD = MAGENTA.first_shift + 99, MAGENTA.first_velocity + 30


def test_each_event_of_each_seed_has_its_number():
    numbers = np.array([[uniform(seed, index) for index in range(2000)] for seed in range(5)])
    assert numbers.min() >= 0 and numbers.max() < 1
    assert len(np.unique(numbers)) == numbers.size
    np.testing.assert_allclose(np.histogram(numbers, 10, (0, 1))[0], 1000, atol=120)
    assert abs(np.corrcoef(numbers).ravel()[1]) < 0.1 and abs(np.corrcoef(numbers[0, 1:], numbers[0, :-1])[0, 1]) < 0.1
    assert uniform(3, 17) == numbers[3, 17]


@pytest.mark.parametrize(
    ("temperature", "top_p", "expected"),
    [
        (1.0, 1.0, [0.1, 0.2, 0.3, 0.4]),
        (0.5, 1.0, [1 / 30, 4 / 30, 9 / 30, 16 / 30]),
        (0.0, 1.0, [0, 0, 0, 1]),
        (1.0, 0.7, [0, 0, 3 / 7, 4 / 7]),
        (1.0, 0.75, [0, 2 / 9, 3 / 9, 4 / 9]),
        (1.0, 0.0, [0, 0, 0, 1]),
    ],
)
def test_chances(temperature, top_p, expected):
    np.testing.assert_allclose(probabilities(LOGITS, ALL, temperature, top_p), expected, atol=1e-6)


def test_what_is_not_allowed_has_no_chance():
    allowed = np.array([True, True, False, False])
    np.testing.assert_allclose(probabilities(LOGITS, allowed, 1.0, 1.0), [1 / 3, 2 / 3, 0, 0], atol=1e-6)
    assert probabilities(LOGITS, allowed, 0.0, 1.0).argmax() == 1
    assert [choose(np.array([0.0, 0.5, 0.5, 0.0]), number) for number in (0.0, 0.49, 0.5, 1 - 1e-17)] == [1, 1, 2, 2]


def hands(*events):
    played = Hands(MAGENTA)
    for event in events:
        played.follow(event)
    return played


def kinds(allowed):
    return {
        "on": set(np.flatnonzero(allowed[:128])),
        "off": set(np.flatnonzero(allowed[128:256])),
        "shifts": int(allowed[MAGENTA.first_shift : MAGENTA.first_velocity].sum()),
        "velocity": bool(allowed[MAGENTA.first_velocity :].any()),
    }


LIMITS = Limits(lowest=60, highest=64, notes_at_once=2)


def test_keys_go_down_when_they_are_up_and_up_when_they_are_down():
    assert kinds(hands().allowed(LIMITS)) == {"on": {60, 61, 62, 63, 64}, "off": set(), "shifts": 100, "velocity": True}
    assert kinds(hands(62).allowed(LIMITS)) == {"on": {60, 61, 63, 64}, "off": set(), "shifts": 100, "velocity": True}
    assert kinds(hands(62, REST).allowed(LIMITS))["off"] == {62}
    assert kinds(hands(62, REST, 128 + 62).allowed(LIMITS)) == kinds(hands(REST).allowed(LIMITS)) | {"shifts": 100}


def test_a_velocity_is_followed_by_a_note():
    assert kinds(hands(62, REST, LOUD).allowed(LIMITS)) == {"on": {60, 61, 63, 64}, "off": set(), "shifts": 0, "velocity": False}


def test_no_more_notes_than_allowed():
    assert kinds(hands(60, 61, REST).allowed(LIMITS)) == {"on": set(), "off": {60, 61}, "shifts": 100, "velocity": False}


def test_a_partners_notes_are_the_partners():
    played = hands()
    for event in (60, 61, REST):
        played.follow(event, partners=True)
    assert kinds(played.allowed(LIMITS)) == {"on": {62, 63, 64}, "off": set(), "shifts": 100, "velocity": True}
    for _ in range(6):
        played.follow(REST)
    assert played.due_release(LIMITS) is None


def test_silence_ends():
    assert [kinds(hands(*[REST] * rests).allowed(LIMITS))["shifts"] for rests in (0, 2, 3)] == [100, 100, 0]
    assert kinds(hands(REST, REST, MAGENTA.first_shift + 49).allowed(LIMITS))["shifts"] == 50
    assert kinds(hands(60, *[REST] * 5, 128 + 60).allowed(LIMITS))["shifts"] == 100  # it begins when the last note ends


def test_long_notes_end():
    assert hands(60, *[REST] * 4, 62, REST).due_release(LIMITS) == 128 + 60
    assert hands(60, *[REST] * 4).due_release(LIMITS) is None


def test_copies_are_apart():
    first = hands(60)
    second = first.copy()
    second.follow(62)
    assert list(first.sounding) == [60] and list(second.sounding) == [60, 62]
