"""The level of a MIDI file: its velocities' mean is kept unless the model's is wanted."""

import numpy as np
import pytest

from engine.performers.score_playing.controls import HEARD_CONTROLS
from engine.performers.score_playing.expression import ColumnExpression, RunningLevel
from models.performance.representation import COLUMNS, VELOCITY


def levelled(model, written, controls=None, again=()):
    """Return the velocities of single notes that follow each other; onsets in ``again`` are heard twice, as when a control changes."""
    expression = ColumnExpression(controls or {}, HEARD_CONTROLS)
    found = []
    for onset, (own, given) in enumerate(zip(model, written, strict=True)):
        columns, base = np.zeros((1, COLUMNS)), np.zeros((1, COLUMNS))
        columns[:, VELOCITY], base[:, VELOCITY] = own / 127, given / 127
        for _ in range(2 if onset in again else 1):
            played = expression.apply(columns, base)
            expression.keep_level(played, base, onset)
        found.append(127 * played[0, VELOCITY])
    return np.array(found)


def test_the_mean_so_far_is_that_of_what_was_given() -> None:
    assert levelled([40, 50, 60], [80, 80, 80]) == pytest.approx([80, 50 + 35, 60 + 30])
    model = 50 + 8 * np.sin(np.arange(400))
    written = np.full(400, 90)
    played = levelled(model, written)
    assert played.mean() == pytest.approx(90, abs=0.5)
    assert np.corrcoef(played[20:], model[20:])[0, 1] > 0.99
    assert played[100:].std() == pytest.approx(model[100:].std(), rel=0.02)


def test_an_onset_that_is_decided_again_counts_once() -> None:
    model, written = [40, 50, 60, 44], [80, 70, 80, 60]
    assert np.array_equal(levelled(model, written, again=(1, 2)), levelled(model, written))
    level = RunningLevel()
    assert level.reach(0, np.array([0.1, 0.3]), np.array([0.5, 0.5])) == pytest.approx(0.3)
    assert level.reach(1, np.array([0.5]), np.array([0.5])) == pytest.approx(0.2)


def test_what_is_told_holds() -> None:
    model, written = [40, 50, 60], [80, 80, 80]
    assert levelled(model, written, {"level": 1.0}) == pytest.approx(model)
    assert levelled(model, written, {"dynamics": -10.0}) == pytest.approx([70, 75, 80])
    assert levelled(model, [70, 90, 80], {"expression": 0.0}) == pytest.approx([70, 90, 80])


def test_players_are_as_loud_as_the_tune_but_for_what_is_written_and_a_part_of_what_the_model_has() -> None:
    """Two players who are both asked for 60: of the 20 steps by which the model has the second softer three tenths stay."""
    expression = ColumnExpression({}, HEARD_CONTROLS)
    players, leads = np.array([0, 1]), np.array([True, False])
    for onset, (first, second) in enumerate([(70, 50), (80, 60), (80, 60), (60, 40)]):
        written = np.zeros((2, COLUMNS))
        written[:, VELOCITY] = 60 / 127
        for _ in range(2):  # decided twice, it counts once
            columns = np.zeros((2, COLUMNS))
            columns[:, VELOCITY] = first / 127, second / 127
            expression.draw_to_the_tune(columns, written, players, leads, onset)
        assert 127 * columns[:, VELOCITY] == pytest.approx([first, second + 14])
    fresh = ColumnExpression({}, HEARD_CONTROLS)
    written[:, VELOCITY] = 80 / 127, 40 / 127  # what is marked stays between them
    columns[:, VELOCITY] = 80 / 127, 40 / 127
    fresh.draw_to_the_tune(columns, written, players, leads, 0)
    assert 127 * columns[:, VELOCITY] == pytest.approx([80, 40])
    alone = columns[1:].copy()
    alone[:, VELOCITY] = 30 / 127  # softer than marked by 10, by 5 in the mean of both notes
    fresh.draw_to_the_tune(alone, written[1:], players[1:], leads[1:], 1)
    assert 127 * alone[0, VELOCITY] == pytest.approx(30 + 0.7 * 5)


def test_before_there_is_a_tune_a_player_is_left_as_he_is() -> None:
    columns, written = np.full((1, COLUMNS), 0.3), np.full((1, COLUMNS), 0.5)
    ColumnExpression({}, HEARD_CONTROLS).draw_to_the_tune(columns, written, np.array([1]), np.array([False]), 0)
    assert columns[0, VELOCITY] == pytest.approx(0.3)
