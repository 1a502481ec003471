import numpy as np
import pytest

from training.metrics.velocity import correlation, velocity_metrics


def test_perfect_predictions():
    performed = [np.array([10, 20, 40]), np.array([90, 80])]
    assert velocity_metrics(performed, performed) == pytest.approx((0.0, 0.0, 1.0, 1.0, 1.0))


def test_errors_count_by_note_and_correlations_by_performance():
    predicted = [np.array([10, 20, 30]), np.array([50, 60])]
    performed = [np.array([10, 20, 33]), np.array([60, 50])]
    metrics = velocity_metrics(predicted, performed)
    assert metrics.mean_absolute_error == pytest.approx((0 + 0 + 3 + 10 + 10) / 5)
    assert metrics.performance_error == pytest.approx((1 + 10) / 2)
    assert metrics.correlation == pytest.approx((np.corrcoef(predicted[0], performed[0])[0, 1] - 1) / 2)
    pooled = np.corrcoef(np.concatenate(predicted), np.concatenate(performed))[0, 1]
    assert metrics.pooled_correlation == pytest.approx(pooled)


def test_half_the_spread():
    performed = np.array([20, 60, 100])
    assert velocity_metrics([40 + performed / 2], [performed]).spread_ratio == pytest.approx(0.5)


def test_a_constant_correlates_with_nothing():
    assert correlation(np.full(5, 64), np.arange(5)) == 0.0


def test_small_unsigned_velocities_do_not_wrap_around():
    metrics = velocity_metrics([np.array([10, 20], dtype=np.uint8)], [np.array([20, 10], dtype=np.uint8)])
    assert metrics.mean_absolute_error == 10.0
