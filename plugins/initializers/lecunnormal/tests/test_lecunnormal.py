"""LeCunNormal has a variance of 1 / fan_in after truncation."""

import numpy as np
from scipy import stats

import mxcore as mx


def test_linear_units_keep_the_variance_with_no_value_beyond_two_deviations_of_what_is_cut() -> None:
    mx.random.seed(1)
    weight = np.empty((200, 20, 3, 3))
    mx.init.LeCunNormal()("conv_weight", weight)
    before = 1 / 180**0.5 / stats.truncnorm(-2, 2).std()
    np.testing.assert_allclose(weight.var(), 1 / 180, rtol=0.02)
    assert abs(weight).max() <= 2 * before
    assert stats.kstest(weight.ravel() / before, stats.truncnorm(-2, 2).cdf).pvalue > 0.01
