"""Gumbel noise: every index of every seed and lane has its own."""

import numpy as np

from models.layers.sampling import DRAWN_AT_ONCE, GumbelNoise


def test_each_index_of_each_seed_has_its_own_numbers():
    times = np.stack([[GumbelNoise(seed).exponential(index, 40) for index in range(100)] for seed in range(5)])
    numbers = np.exp(-times)
    assert numbers.min() > 0 and numbers.max() < 1 and len(np.unique(numbers)) == numbers.size
    np.testing.assert_allclose(np.histogram(numbers, 10, (0, 1))[0], 2000, atol=180)
    for one, other in ((numbers[0], numbers[1]), (numbers[:, 1:], numbers[:, :-1]), (numbers[..., 1:], numbers[..., :-1])):
        assert abs(np.corrcoef(one.ravel(), other.ravel())[0, 1]) < 0.05
    np.testing.assert_array_equal(GumbelNoise(3).exponential(17, 40), times[3, 17])


def test_noise_is_the_same_in_whatever_order_it_is_asked_for():
    in_order = [GumbelNoise(3).values(index, 40) for index in range(3 * DRAWN_AT_ONCE)]
    noise = GumbelNoise(3)
    for index in (40, 3, 17, 16, 15, 3, 47):
        np.testing.assert_array_equal(noise.values(index, 40), in_order[index])
    numbers = np.exp(-np.exp(-np.array(in_order)))
    assert len(np.unique(numbers)) > 0.99 * numbers.size and abs(numbers.mean() - 0.5) < 0.02
    assert not np.isin(noise.with_lane(1).values(0, 40), in_order).any()
