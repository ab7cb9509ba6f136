"""LeCunUniform has a variance of 1 / fan_in."""

import numpy as np
from scipy import stats

import mxcore as mx


def test_values_are_uniform_within_the_bound_of_the_inputs() -> None:
    mx.random.seed(1)
    weight = np.empty((50, 12, 5, 5))
    mx.init.LeCunUniform()("conv_weight", weight)
    assert stats.kstest(weight.ravel(), "uniform", args=(-0.1, 0.2)).pvalue > 0.01
