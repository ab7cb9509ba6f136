"""Uniform fills its interval, evenly."""

import numpy as np
import pytest
from scipy import stats

import mxcore as mx


def test_moments_and_bounds_are_those_of_the_distribution() -> None:
    mx.random.seed(1)
    array = np.empty(100_000)
    mx.init.Uniform(2.0)("x_weight", array)
    assert abs(array).max() <= 2
    assert abs(array.mean()) < 6 * 2 / (3 * array.size) ** 0.5
    np.testing.assert_allclose(array.var(), 4 / 3, rtol=0.02)
    assert stats.kstest(array, "uniform", args=(-2, 4)).pvalue > 0.01


def test_a_negative_scale_is_refused() -> None:
    with pytest.raises(ValueError, match="scale must be a number of at least 0, got -1"):
        mx.init.Uniform(-1)


def test_bounds_may_be_unequal_but_not_in_the_wrong_order() -> None:
    mx.random.seed(1)
    array = np.empty(10_000)
    initializer = mx.init.Uniform(low=-0.3, high=0.7)
    initializer("x_weight", array)
    assert stats.kstest(array, "uniform", args=(-0.3, 1)).pvalue > 0.01
    with pytest.raises(ValueError, match="low must be at most high, got 0.8 and 0.7"):
        initializer.low = 0.8
    assert mx.init.Uniform(0.1).dumps() == '["uniform", {"scale": 0.1}]'
