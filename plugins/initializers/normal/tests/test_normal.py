"""Normal has the moments that it claims."""

import numpy as np
import pytest
from scipy import stats

import mxcore as mx


def test_moments_are_those_of_the_distribution() -> None:
    mx.random.seed(1)
    array = np.empty(100_000)
    mx.init.Normal(2.0)("x_weight", array)
    assert abs(array.mean()) < 6 * 2 / array.size**0.5
    np.testing.assert_allclose(array.std(), 2, rtol=0.02)
    np.testing.assert_allclose((array**4).mean(), 3 * 16, rtol=0.1)
    assert stats.kstest(array / 2, "norm").pvalue > 0.01


def test_a_mean_moves_the_values_and_is_not_in_mxnets_text() -> None:
    arrays = np.empty(100), np.empty(100)
    for array, mean in zip(arrays, (0.0, 0.5), strict=True):
        mx.random.seed(1)
        mx.init.Normal(0.1, mean=mean)("x_weight", array)
    np.testing.assert_allclose(arrays[1], arrays[0] + 0.5, rtol=1e-12)
    assert mx.init.Normal(0.1).dumps() == '["normal", {"sigma": 0.1}]'


def test_a_negative_deviation_is_refused() -> None:
    with pytest.raises(ValueError, match="sigma must be a number of at least 0, got -1"):
        mx.init.Normal(-1)
