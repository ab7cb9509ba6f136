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
