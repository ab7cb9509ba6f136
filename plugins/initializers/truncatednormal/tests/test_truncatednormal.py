"""TruncatedNormal has the distribution between its bounds, wherever they are."""

from typing import Any

import numpy as np
import pytest
from scipy import stats

import mxcore as mx


@pytest.mark.parametrize(
    ("low", "high"),
    [(-2, 2), (-0.5, 0.5), (0.3, 1.2), (-0.1, 9), (0.6, 3), (4, 90), (-1e9, -5), (3, 3.1), (60, 61)],
)
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_values_have_the_distribution_and_the_moments_between_any_bounds(dtype: str, low: float, high: float) -> None:
    mx.random.seed(2)
    weight = np.empty(20_000, dtype)
    initializer = mx.init.TruncatedNormal(1.0, 0.5, 1 + low / 2, 1 + high / 2)
    initializer("x_weight", weight)
    law: Any = stats.truncnorm(low, high, 1, 0.5)
    values = weight.astype(np.float64)
    assert 1 + low / 2 <= values.min()
    assert values.max() <= 1 + high / 2
    assert stats.kstest(values, law.cdf).pvalue > 0.001
    if stated := initializer.moments(weight.shape):
        assert stated == pytest.approx((law.mean(), law.std()), rel=1e-6)
    else:
        assert low == 60


def test_bounds_are_values_and_by_default_two_deviations_from_the_mean() -> None:
    assert mx.init.TruncatedNormal(1.0, 0.5).bounds() == (0, 2)
    assert mx.init.TruncatedNormal(1.0, 0.5, high=1.25).bounds() == (0, 1.25)


def test_without_a_deviation_all_values_are_the_nearest_to_the_mean() -> None:
    weight = np.empty(3)
    mx.init.TruncatedNormal(5.0, 0.0, -1.0, 2.0)("x_weight", weight)
    assert weight.tolist() == [2, 2, 2]


def test_bounds_in_the_wrong_order_change_nothing() -> None:
    initializer = mx.init.TruncatedNormal(high=1.0)
    with pytest.raises(ValueError, match="low must be at most high, got 2 and 1.0"):
        initializer.low = 2
    assert initializer.low is None


def test_complex_weights_need_symmetric_bounds() -> None:
    mx.random.seed(1)
    weight = np.empty(50_000, np.complex64)
    mx.init.TruncatedNormal(1.0, 0.5)("x_weight", weight)
    assert weight.mean() == pytest.approx(1, abs=0.01)
    assert weight.std() == pytest.approx(0.5 * stats.truncnorm(-2, 2).std(), rel=0.02)
    with pytest.raises(ValueError, match="must be symmetric around 0.0, got -0.02 and 1.0"):
        mx.init.TruncatedNormal(high=1.0)("x_weight", weight)
