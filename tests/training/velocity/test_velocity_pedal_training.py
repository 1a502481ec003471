import numpy as np
import torch

from training.datasets.performances import NOTE_DTYPE, PEDAL_DTYPE
from training.velocity.fits import best_share
from training.velocity.pedalling import UNKNOWN, pedal_loss, pedal_moves, press_delays

NOTES = np.array([(0.0, 1, 60, 64), (0.01, 1, 64, 64), (1.0, 1, 62, 64), (2.0, 1, 60, 64), (3.0, 1, 60, 64)], NOTE_DTYPE)
PEDALS = np.array([(0.1, 64, 127), (0.95, 64, 0), (1.15, 64, 127), (2.1, 64, 20)], PEDAL_DTYPE)


def test_the_pedal_is_lifted_at_the_nearest_chord_and_down_a_little_later():
    lifted, down = pedal_moves(NOTES, PEDALS).T.tolist()
    assert lifted == [0, 0, 1, 1, 0]  # at 0.95 s it is that of the chord at 1 s
    assert down == [1, 1, 1, 0, 0]


def test_without_pedals_nothing_is_known():
    assert (pedal_moves(NOTES, PEDALS[:0]) == UNKNOWN).all()


def test_a_pedal_that_is_changed_is_down_again_after_its_chord():
    np.testing.assert_allclose(press_delays(np.array([0.0, 1.0, 2.0, 3.0]), PEDALS), [0.15])  # the one at 2.1 s is let go


def test_what_is_unknown_costs_nothing():
    moves = torch.tensor([[[0.0, 0.0], [5.0, -5.0]]])
    played = torch.tensor([[[1.0, 0.0], [UNKNOWN, UNKNOWN]]])
    assert abs(pedal_loss(moves, played).item() - np.log(2)) < 1e-6
    assert pedal_loss(moves, torch.full_like(moves, UNKNOWN)).item() == 0


def test_the_share_is_that_which_agrees_best():
    assert best_share(np.array([0.9, 0.2, 0.7, 0.4]), np.array([1, 0, 1, 0])) == 0.7
    assert best_share(np.array([0.9, 0.2, 0.7, 0.4]), np.array([1, 0, 0, 1])) == 0.4
