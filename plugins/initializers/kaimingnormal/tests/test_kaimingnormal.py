"""KaimingNormal keeps the second moment of what rectified units are given."""

import numpy as np
import pytest
from scipy import stats

import mxcore as mx


@pytest.mark.parametrize(("mode", "axis"), [("fan_in", 1), ("fan_out", 0)])
def test_rectified_units_keep_the_second_moment_forwards_or_backwards(mode: str, axis: int) -> None:
    mx.random.seed(1)
    weight = np.empty((1500, 1000))
    mx.init.KaimingNormal(mode, "relu")("fc_weight", weight)
    signal = np.random.default_rng(0).normal(size=weight.shape[axis])
    passed = np.maximum(np.tensordot(weight, signal, (axis, 0)), 0)
    np.testing.assert_allclose(2 * (passed**2).mean(), 2 * (signal**2).mean(), rtol=0.15)
    assert stats.kstest(weight.ravel()[:20_000] / (2 / weight.shape[axis]) ** 0.5, "norm").pvalue > 0.01


def test_a_leaky_slope_makes_weights_smaller() -> None:
    shape = (8, 50)
    assert mx.init.KaimingNormal(negative_slope=3).moments(shape)[1] == pytest.approx((2 / 10 / 50) ** 0.5)
    assert mx.init.KaimingNormal(nonlinearity="relu", negative_slope=3).moments(shape)[1] == pytest.approx(0.2)


def test_unknown_nonlinearities_are_refused_at_once() -> None:
    with pytest.raises(ValueError, match="nonlinearity must be one of 'linear', .*, got 'swish'"):
        mx.init.KaimingNormal(nonlinearity="swish")
